import { defineConfig } from "vitest/config";

// The service serves the page at its root, under a policy that allows scripts, styles and WebAssembly of its own only.
export default defineConfig({
    base: "./",
    build: {
        target: "es2022",
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        emptyOutDir: true,
    },
    worker: { format: "es" },
    test: { include: ["test/**/*.test.ts"], testTimeout: 120_000 },
});
