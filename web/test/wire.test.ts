import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Joining, Modulus } from "../src/arithmetic/modulus";
import { lengthened } from "../src/client/response";
import { hasZeroPadding, pack, packedBytes, unpack } from "../src/wire/bits";
import * as fingerprint from "../src/wire/fingerprint";
import { Kind, readMessage, writeMessage } from "../src/wire/message";
import { SEED_BYTES, UniformPolynomials } from "../src/wire/uniform";

// The parameters of the pinned messages of tests/wire (tests/support/messages.rs).
const DEGREE = 16;
const PRIMES = [1073741441n, 2147483489n, 4294966657n];
const PLAIN_PRIMES = [97n, 193n];
const INPUTS = 3;
const OUTPUTS = 2;
const IMAGES = 5;
const WIDTH = 30;

function pinned(name: string): Uint8Array {
    return readFileSync(new URL(`../../tests/wire/${name}.bin`, import.meta.url));
}

/** A generator with a fixed sequence. */
function random(seed: number): () => number {
    let state = seed;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

describe("arithmetic", () => {
    test("products are exact up to 50 bits", () => {
        const next = random(1);
        const primes = [2n, 97n, 4398046150657n, 70368743669761n, 2n ** 50n - 27n, 2n ** 49n + 69n];
        for (const prime of primes) {
            const modulus = new Modulus(prime);
            const wrong: unknown[] = [];
            const edges = [0, 1, modulus.value - 1, Math.floor(modulus.value / 2)];
            for (let round = 0; round < 2000; round++) {
                const [a, b] = [0, 1].map((at) =>
                    round < 16 ? edges[(round >> (2 * at)) % 4]! : Math.floor(next() * modulus.value),
                );
                const [x, y] = [BigInt(a!), BigInt(b!)];
                const exact = [(x * y) % prime, (x + y) % prime, (x + prime - y) % prime];
                const found = [modulus.multiply(a!, b!), modulus.add(a!, b!), modulus.subtract(a!, b!)];
                if (!found.every((value, at) => BigInt(value) === exact[at])) {
                    wrong.push([a!, b!, prime]);
                }
            }
            expect(wrong).toEqual([]);
        }
    });

    test("a wider modulus is refused", () => {
        expect(() => new Modulus(2n ** 50n)).toThrow("50 bits");
        expect(() => new Modulus(1n)).toThrow(RangeError);
    });

    test("residues join to the number nearest to 0", () => {
        const joining = new Joining([65537n, 114689n]);
        for (const value of [0n, 1n, -1n, 2460649n, -2460649n]) {
            const residues = [65537n, 114689n].map((prime) => ((value % prime) + prime) % prime);
            expect(joining.centred(residues)).toBe(value);
        }
    });
});

describe("bits", () => {
    test("numbers of each width come back", () => {
        const next = random(2);
        for (let width = 1; width <= 50; width++) {
            const values = Float64Array.from({ length: 77 }, () => Math.floor(next() * 2 ** width));
            values[5] = 2 ** width - 1;
            const bytes = pack(values, width);
            expect(bytes.length).toBe(packedBytes(77, width));
            expect(unpack(bytes, width, 77)).toEqual(values);
            expect(hasZeroPadding(bytes, width, 77)).toBe(true);
        }
    });

    test("the lowest bit of the first number is the lowest of the first byte", () => {
        expect(pack(Float64Array.of(1, 2, 3), 3)).toEqual(Uint8Array.of(0b11_010_001, 0));
        expect(hasZeroPadding(Uint8Array.of(0b11_010_001, 2), 3, 3)).toBe(false);
    });
});

describe("messages equal those of the Rust library", () => {
    const header = {
        fingerprint: fingerprint.ofParameters(DEGREE, PRIMES, PLAIN_PRIMES),
        polynomials: 2,
        parts: 2,
        images: IMAGES,
    };
    const moduli = PRIMES.map((prime) => new Modulus(prime));

    test("a seed stands for the same polynomials", async () => {
        const compact = { ...header, kind: Kind.CompactRequest, isNttForm: true, primes: 2, items: INPUTS };
        const sizes = moduli.slice(0, 2).map(({ width }) => packedBytes(DEGREE, width));
        const size = sizes.reduce((sum, size) => sum + size, 0);
        const body = await readMessage(pinned("compact_request"), compact, SEED_BYTES + 2 * INPUTS * size);
        const seed = body.slice(0, SEED_BYTES);
        const whole: Uint8Array[] = [];
        PLAIN_PRIMES.forEach((plain, part) => {
            const uniform = UniformPolynomials.ofRequest(seed, DEGREE, plain, PRIMES);
            for (let ciphertext = 0; ciphertext < INPUTS; ciphertext++) {
                const start = SEED_BYTES + (part * INPUTS + ciphertext) * size;
                whole.push(body.subarray(start, start + size));
                for (let row = 0; row < 2; row++) {
                    const second = uniform.row([part, ciphertext, row], moduli[row]!, DEGREE);
                    whole.push(pack(second, moduli[row]!.width));
                }
            }
        });
        const request = 11;
        const written = await writeMessage({ ...compact, kind: request }, whole);
        expect(written).toEqual(new Uint8Array(pinned("expanded_request")));
    });

    test("rounded coefficients stand for the same residues", async () => {
        const compact = { ...header, kind: Kind.CompactResponse, isNttForm: false, primes: 1, items: OUTPUTS };
        const size = packedBytes(DEGREE, WIDTH);
        const body = await readMessage(pinned("compact_response"), compact, 2 + 2 * 2 * OUTPUTS * size);
        expect([...body.subarray(0, 2)]).toEqual([WIDTH, WIDTH]);
        const whole = Array.from({ length: 2 * 2 * OUTPUTS }, (_, at) => {
            const packed = body.subarray(2 + at * size, 2 + (at + 1) * size);
            const [row] = lengthened(unpack(packed, WIDTH, DEGREE), WIDTH, PRIMES.slice(0, 1), DEGREE);
            return pack(row!, moduli[0]!.width);
        });
        const written = await writeMessage({ ...compact, kind: Kind.Response }, whole);
        expect(written).toEqual(new Uint8Array(pinned("expanded_response")));
    });

    test("keys have the same fingerprint", async () => {
        const compact = {
            kind: Kind.CompactKeys,
            isNttForm: true,
            fingerprint: fingerprint.ofKeys(DEGREE, PRIMES, [{ element: 0, level: 2 }]),
            polynomials: 2,
            primes: 3,
            parts: 1,
            items: 1,
            images: 0,
        };
        const digit = moduli.reduce((sum, { width }) => sum + packedBytes(DEGREE, width), 0);
        const body = await readMessage(pinned("compact_keys"), compact, SEED_BYTES + 2 * digit);
        expect(await writeMessage(compact, [body])).toEqual(new Uint8Array(pinned("compact_keys")));
    });

    test("damage is found", async () => {
        const compact = { ...header, kind: Kind.CompactResponse, isNttForm: false, primes: 1, items: OUTPUTS };
        const bytes = new Uint8Array(pinned("compact_response"));
        const length = bytes.length - 56;
        for (const [at, says] of [
            [0, "header"],
            [36, "header"],
            [100, "checksum"],
            [bytes.length - 1, "checksum"],
        ] as const) {
            const damaged = bytes.slice();
            damaged[at]! ^= 4;
            await expect(readMessage(damaged, compact, length)).rejects.toThrow(says);
        }
        await expect(readMessage(bytes.subarray(1), compact, length)).rejects.toThrow("bytes, expected");
    });
});
