// Uses the page as a person does, in Chromium: node e2e/page.mjs SERVICE OUT
//
// SERVICE is the address of a service that serves the page. Pictures that were classified are saved in the folder OUT, with
// classified.json, which says what the page said of each. Every other check is made here; the first that fails ends the run.
import assert from "node:assert/strict";
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Proxy } from "./proxy.mjs";

const [service, out] = process.argv.slice(2);
const proxy = new Proxy(service);
const address = await proxy.start();
const profile = await mkdtemp(join(tmpdir(), "sealquant-page-"));
const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    acceptDownloads: true,
    args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
});
// A busy machine takes its time, above all to compile WebAssembly.
context.setDefaultTimeout(240_000);
const page = context.pages()[0] ?? (await context.newPage());
const complaints = [];
page.on("pageerror", (error) => complaints.push(`error: ${error}`));
page.on("console", (message) => {
    // Refused calls are logged by the browser, too.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
        complaints.push(message.text());
    }
});

const classified = [];
const drawing = page.getByRole("application", { name: "Drawing area" });
const classify = page.getByRole("button", { name: "Encrypt and classify" });
const status = page.getByRole("status");
const failure = page.getByRole("alert");

/** Draws strokes of points, in shares of the drawing area. */
async function draw(...strokes) {
    await drawing.scrollIntoViewIfNeeded();
    const box = await drawing.boundingBox();
    for (const [first, ...others] of strokes) {
        const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
        await page.mouse.move(...at(first));
        await page.mouse.down();
        for (const point of others) {
            await page.mouse.move(...at(point), { steps: 6 });
        }
        await page.mouse.up();
    }
}

const seven = [
    [
        [0.28, 0.22],
        [0.72, 0.22],
        [0.44, 0.82],
    ],
];
const zero = [
    Array.from({ length: 25 }, (_, at) => {
        const angle = (at / 24) * 2 * Math.PI;
        return [0.5 + 0.2 * Math.sin(angle), 0.5 - 0.3 * Math.cos(angle)];
    }),
];

/** Waits for the answer, checks it against what is expected, and saves the picture with what the page said. */
async function answered(name, expected) {
    await status.filter({ hasText: /^Done/ }).or(failure).waitFor();
    assert.equal(await failure.isVisible(), false, `${name}: ${await page.evaluate(() => document.body.innerText)}`);
    const { rows, bound } = await page.evaluate(() => ({
        rows: [...document.querySelectorAll("#logits tbody tr")].map((row) => ({
            name: row.cells[0].textContent,
            logit: row.cells[2].textContent,
            isWinner: row.classList.contains("winner"),
        })),
        bound: document.querySelector("#exact-noise").textContent,
    }));
    const said = await page.locator("#class").textContent();
    assert.equal(rows.length, 10);
    assert.deepEqual(rows.filter((row) => row.isWinner).map((row) => row.name), [said]);
    assert.equal(said, expected, `${name} is read as ${said}`);
    assert.match(bound, /\d+ bits of noise budget/);
    await page.getByText("Is the answer exact?").click();
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Save the picture as PNG" }).click(),
    ]);
    await page.getByText("Is the answer exact?").click();
    const network = (await page.locator("#deployment").textContent()).match(/deployment ([0-9a-f]{32})/)[1];
    await download.saveAs(join(out, `${name}.png`));
    classified.push({ name, deployment: network, class: said, logits: rows.map((row) => row.logit) });
}

/** Classifies, which must fail, and returns what the page says. */
async function refused(fault) {
    proxy.fault = { ...fault };
    await classify.click();
    await failure.waitFor();
    assert.equal(await classify.isEnabled(), true);
    return failure.textContent();
}

/** Lets axe look for what hinders people: names of controls, contrast, landmarks. */
async function accessible(what) {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const words = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    assert.deepEqual(words, [], what);
}

async function noSidewaysScrolling(what) {
    const [content, window] = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return [scrollWidth, clientWidth];
    });
    assert.ok(content <= window, `${what}: ${content} pixels are wider than ${window}`);
}

try {
    await page.setViewportSize({ width: 1200, height: 900 });
    const loaded = await page.goto(address);
    const policy = loaded.headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/);
    await status.filter({ hasText: "Connected" }).waitFor();
    assert.equal(await classify.isDisabled(), true, "there is nothing to classify yet");
    await page.screenshot({ path: join(out, "empty.png") });

    // Every deployment, with keys that are made and uploaded once for each.
    const networks = page.locator("#network option");
    const deployments = Math.max(1, await networks.count());
    for (let at = 0; at < deployments; at++) {
        await page.locator("#network").evaluate((select, at) => {
            select.selectedIndex = at;
            select.dispatchEvent(new Event("change"));
        }, at);
        await page.getByRole("button", { name: "Clear" }).click();
        await draw(...seven);
        await classify.click();
        await answered(`seven-${at}`, "7");
        assert.equal(proxy.count("PUT /v1/keys/"), at + 1);
    }
    await page.getByRole("button", { name: "Clear" }).click();
    assert.equal(await page.locator("#answer").isVisible(), false, "an answer belongs to its picture");
    await draw(...zero);
    await classify.click();
    await answered("zero", "0");
    assert.equal(proxy.count("PUT /v1/keys/"), deployments);

    // Keys outlast the page.
    await page.reload();
    await status.filter({ hasText: "Connected" }).waitFor();
    await draw(...seven);
    await classify.click();
    await answered("again", "7");
    assert.equal(proxy.count("PUT /v1/keys/"), deployments);
    assert.match(await page.locator("#sizes").textContent(), /the service has them already/);

    // A service that lost the keys gets them again.
    proxy.fault = {
        path: /evaluate$/,
        times: 1,
        status: 404,
        body: { type: "urn:sealquant:unknown-keys", detail: "unknown" },
    };
    await classify.click();
    await answered("lost", "7");
    assert.equal(proxy.count("PUT /v1/keys/"), deployments + 1);

    // By keyboard only: a stroke downwards is a 1.
    await page.getByRole("button", { name: "Clear" }).focus();
    await page.keyboard.press("Enter");
    await drawing.focus();
    for (const [key, times] of [["ArrowUp", 9], ["Space", 1], ["ArrowDown", 18], ["Space", 1]]) {
        for (let time = 0; time < times; time++) {
            await page.keyboard.press(key);
        }
    }
    await page.keyboard.press("Enter");
    await answered("keyboard", "1");

    // A picture of the right size is encrypted as it is.
    await page.getByLabel("Choose a picture").setInputFiles(join(out, "zero.png"));
    await status.filter({ hasText: "This picture is ready" }).waitFor();
    await classify.click();
    await answered("chosen", "0");
    assert.deepEqual(
        await readFile(join(out, "chosen.png")),
        await readFile(join(out, "zero.png")),
        "the picture was changed",
    );
    await page.getByLabel("Choose a picture").setInputFiles(new URL(import.meta.url).pathname);
    await failure.waitFor();
    assert.match(await failure.textContent(), /no picture that the browser can read/);

    // What people with other screens, colours and senses get.
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const [form, width, height] of [["desktop", 1200, 900], ["phone", 375, 740]]) {
            await page.setViewportSize({ width, height });
            await page.getByRole("button", { name: "Clear" }).click();
            await draw(...seven);
            await classify.click();
            await status.filter({ hasText: /^Done/ }).waitFor();
            await accessible(`${form}, ${colorScheme}`);
            await noSidewaysScrolling(`${form}, ${colorScheme}`);
            await page.screenshot({ path: join(out, `${form}-${colorScheme}.png`), fullPage: true });
        }
    }
    await page.setViewportSize({ width: 1200, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });

    // A service that cannot be reached, and one that refuses.
    const evaluate = /evaluate$/;
    assert.match(await refused({ path: evaluate, times: 9 }), /cannot be reached/);
    await accessible("a failure");
    await page.screenshot({ path: join(out, "failure.png") });
    proxy.fault = undefined;
    await page.getByRole("button", { name: "Try again" }).click();
    await answered("retried", "7");
    const gone = { path: evaluate, times: 1, status: 410, body: { type: "urn:sealquant:gone", detail: "not served" } };
    assert.match(await refused(gone), /not served any more/);
    const stopping = { ...gone, status: 503, headers: { "retry-after": "3600" }, body: { detail: "about to stop" } };
    assert.match(await refused(stopping), /about to stop/);
    assert.match(await refused({ path: evaluate, times: 1, status: 502, body: "<html>" }), /refuses \(502\)/);
    assert.match(await refused({ path: evaluate, times: 1, damage: true }), /damaged on the way/);
    // A busy service is asked again.
    const before = proxy.count("POST ");
    proxy.fault = { ...stopping, times: 2, status: 429, headers: { "retry-after": "1" } };
    await classify.click();
    await status.filter({ hasText: "busy" }).waitFor();
    await answered("busy", "7");
    assert.equal(proxy.count("POST ") - before, 3);

    // One that wants a token says so.
    proxy.fault = { path: /v1\/deployments$/, times: 1, status: 401, body: { detail: "a token is needed" } };
    await page.reload();
    await failure.waitFor();
    await page.getByLabel("Access token").fill("of-the-test");
    await page.getByRole("button", { name: "Connect" }).click();
    await status.filter({ hasText: "Connected" }).waitFor();
    assert.equal(await failure.isVisible(), false);

    // Forgotten keys are made anew.
    const uploads = proxy.count("PUT /v1/keys/");
    await page.getByRole("button", { name: "Forget my keys" }).click();
    await status.filter({ hasText: "forgotten" }).waitFor();
    await draw(...seven);
    await classify.click();
    await answered("anew", "7");
    assert.equal(proxy.count("PUT /v1/keys/"), uploads + 1);

    assert.deepEqual(complaints, []);
    await writeFile(join(out, "classified.json"), JSON.stringify(classified));
} catch (error) {
    await page.screenshot({ path: join(out, "at-the-error.png"), fullPage: true }).catch(() => {});
    const shown = await page.evaluate(() => document.body.innerText).catch(() => "");
    console.error(shown, complaints);
    throw error;
} finally {
    await context.close();
    proxy.stop();
    await rm(profile, { recursive: true, force: true });
}
