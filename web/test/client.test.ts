import { describe, expect, test } from "vitest";
import { quantize, readClientFile } from "../src/client/client_file";
import { Fields } from "../src/client/fields";
import { SlotMap } from "../src/client/slot_map";
import { permutation } from "../src/seal/galois";
import { readPair, writeCiphertext } from "../src/seal/saved";

function slotMap(literal: object, values: number, degree: number): SlotMap {
    return SlotMap.read(new Fields(literal, "slot_map"), values, degree);
}

describe("slot maps", () => {
    // The same map as in src/packing/slot_map.rs.
    const literal = { slots: 8, image_slots: 4, logit_slots: 2, logits: 3, inputs: [[[1, 1, 0], [1], [2, 0, 1]]] };

    test("values are gathered and logits summed as in Rust", () => {
        const map = slotMap(literal, 2, 8);
        expect([map.requestCiphertexts, map.responseCiphertexts, map.responseCoefficients]).toEqual([1, 2, 8]);
        expect(map.gather([3, 5], 0)).toEqual([5, 0, 3, 5]);
        const outputs = [
            [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n],
            [9n, 1n, 0n, 0n, 10n, 2n, 0n, 0n],
        ];
        expect(map.collect(outputs, 11n)).toEqual([3n, 7n, 10n]);
    });

    test("a list repeats over the slots of an image", () => {
        const map = slotMap({ ...literal, logit_slots: 1, inputs: [[[1, 1, 0]]] }, 2, 8);
        expect(map.gather([3, 5], 0)).toEqual([5, 5, 5, 5]);
    });

    test("logits of classes of slots are sums over a row", () => {
        const classes = { slots: 16, image_slots: 16, logit_slots: 4, logits: 3, classes: [2, 4], inputs: [[[1, 0, 0]]] };
        const map = slotMap(classes, 1, 16);
        expect(map.responseCoefficients).toBe(8);
        expect([0, 1, 2].map((logit) => map.summed(logit))).toEqual([
            [0, 1, 4, 5],
            [2, 3, 6, 7],
            [8, 9, 12, 13],
        ]);
    });

    test("impossible maps are refused", () => {
        for (const [change, field] of [
            [{ slots: 16 }, "slots"],
            [{ image_slots: 0 }, "image_slots"],
            [{ logit_slots: 5 }, "logit_slots"],
            [{ inputs: [] }, "inputs"],
            [{ inputs: [[]] }, "inputs"],
            [{ inputs: [[[2, 1, 1]]] }, "inputs"],
            [{ inputs: [[[2, 0, -1]]] }, "inputs"],
            [{ inputs: [[[5]]] }, "inputs"],
            [{ inputs: [[[1e308]]] }, "inputs"],
            [{ inputs: [[[-1]]] }, "inputs"],
            [{ classes: [3, 4] }, "classes"],
        ] as const) {
            expect(() => slotMap({ ...literal, ...change }, 2, 8)).toThrow(`slot_map.${field}`);
        }
    });
});

describe("client.json", () => {
    const spec = {
        poly_modulus_degree: 1024,
        coeff_modulus: [12289, 18433],
        plain_moduli: [12289],
        security: "2024",
        input: { shape: { channels: 1, height: 1, width: 2 }, quantizer: { thresholds: [100, 200], scale: "0.5" } },
        slot_map: { slots: 1024, image_slots: 4, logit_slots: 2, logits: 2, inputs: [[[2, 0, 1]]] },
        corrections: [1],
        relin_keys: true,
        galois_elements: [3],
        key_levels: [1, 1],
        response_primes: 1,
        response_widths: [10, 11],
        takes_pads: false,
        shared_upload: false,
    };
    const file = {
        client_version: 1,
        deployment: "0".repeat(32),
        name: "small",
        classes: ["no", "yes"],
        bound: "proven",
        output_scale: "0.25",
        spec,
    };

    test("is read", () => {
        const read = readClientFile(file);
        expect(read.keys).toEqual([
            { element: 0, level: 1 },
            { element: 3, level: 1 },
        ]);
        expect([read.height, read.width, read.outputScale]).toEqual([1, 2, 0.25]);
        expect(quantize(read, [99, 100])).toEqual([0, 1]);
        expect(quantize(read, [200, 255])).toEqual([2, 2]);
    });

    test("faults are named", () => {
        for (const [change, field] of [
            [{ poly_modulus_degree: 1025 }, "poly_modulus_degree"],
            [{ coeff_modulus: [12289] }, "coeff_modulus"],
            [{ coeff_modulus: [12289, 2 ** 53] }, "coeff_modulus"],
            [{ corrections: [] }, "corrections"],
            [{ galois_elements: [4] }, "galois_elements"],
            [{ key_levels: [1] }, "key_levels"],
            [{ key_levels: [1, 2] }, "key_levels"],
            [{ response_widths: [10] }, "response_widths"],
            [{ response_widths: [10, 57] }, "response_widths"],
            [{ shared_upload: true }, "shared_upload"],
            [{ input: { ...spec.input, shape: { channels: 3, height: 1, width: 2 } } }, "input.shape.channels"],
            [{ slot_map: undefined }, "slot_map"],
        ] as const) {
            const changed = { ...file, spec: { ...spec, ...change } };
            expect(() => readClientFile(changed)).toThrow(`client.json.spec.${field}`);
        }
        expect(() => readClientFile({ ...file, client_version: 2 })).toThrow("client_version");
        expect(() => readClientFile({ ...file, classes: ["one"] })).toThrow("classes");
        expect(() => readClientFile([])).toThrow("client.json");
    });
});

describe("SEAL's objects", () => {
    test("a rotation permutes values as evaluating at the powers of a root does", () => {
        // Modulo 17, 3 has order 16: it is a root of x^8 + 1.
        const [degree, root, prime] = [8, 3, 17];
        const reversed = (at: number) => Number.parseInt(at.toString(2).padStart(3, "0").split("").reverse().join(""), 2);
        const power = (base: number, exponent: number) =>
            Array.from({ length: exponent }).reduce((product: number) => (product * base) % prime, 1);
        const polynomial = [1, 5, 0, 2, 7, 11, 3, 16];
        const transform = (coefficients: number[]) =>
            Array.from({ length: degree }, (_, at) => {
                const point = power(root, 2 * reversed(at) + 1);
                return coefficients.reduce((sum, value, exponent) => (sum + value * power(point, exponent)) % prime, 0);
            });
        for (const element of [1, 3, 5, 15]) {
            const rotated = new Array<number>(degree).fill(0);
            polynomial.forEach((value, exponent) => {
                const to = (exponent * element) % (2 * degree);
                rotated[to % degree] = (to < degree ? value : prime - value) % prime;
            });
            const values = transform(polynomial);
            const from = permutation(degree, element);
            expect(transform(rotated)).toEqual(Array.from(from, (at) => values[at]));
        }
    });

    test("ciphertexts come back", () => {
        const rows = [Float64Array.of(1, 2 ** 49), Float64Array.of(3, 2 ** 32)];
        const bytes = writeCiphertext([rows, [...rows].reverse()], new BigUint64Array(4), true, 2);
        expect(readPair(bytes, 2, 2)).toEqual([rows, [...rows].reverse()]);
        expect(() => readPair(bytes.subarray(8), 2, 2)).toThrow("another size");
    });
});
