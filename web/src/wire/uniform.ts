import { blake3 } from "@noble/hashes/blake3.js";
import type { Modulus } from "../arithmetic/modulus";
import { packedBytes, unpack } from "./bits";
import { concatenate, words } from "./bytes";

/** Size of a seed, in bytes. */
export const SEED_BYTES = 32;
/** Number of candidates in a block of those that replace others. */
const BLOCK = 64;

const REQUEST = "sealquant 2026-11 compact request 1, uniform polynomials";
const KEYS = "sealquant 2026-11 compact keys 1, uniform polynomials";

/** The public random polynomials that a seed stands for (docs/WIRE.md). */
export class UniformPolynomials {
    private constructor(private readonly key: Uint8Array) {}

    /** Those of the part of a request for one plain prime. `primes` are all of q. */
    static ofRequest(
        seed: Uint8Array,
        degree: number,
        plainPrime: bigint,
        primes: readonly bigint[],
    ): UniformPolynomials {
        return UniformPolynomials.derive(REQUEST, seed, [degree, plainPrime, ...primes]);
    }

    /** Those of evaluation keys. */
    static ofKeys(seed: Uint8Array, degree: number, primes: readonly bigint[]): UniformPolynomials {
        return UniformPolynomials.derive(KEYS, seed, [degree, ...primes]);
    }

    private static derive(purpose: string, seed: Uint8Array, parameters: (number | bigint)[]): UniformPolynomials {
        const context = new TextEncoder().encode(purpose);
        return new UniformPolynomials(blake3(concatenate([seed, words(...parameters)]), { context }));
    }

    /** Returns the residues of a polynomial modulo one prime; the indices are part or key, ciphertext or digit, prime. */
    row(indices: readonly [number, number, number], modulus: Modulus, degree: number): Float64Array {
        const { value, width } = modulus;
        const stream = blake3.create({ key: this.key }).update(words(...indices));
        const row = unpack(stream.xof(packedBytes(degree, width)), width, degree);
        let more: Float64Array = new Float64Array(0);
        let next = 0;
        for (let at = 0; at < degree; at++) {
            while (row[at]! >= value) {
                if (next === more.length) {
                    more = unpack(stream.xof(packedBytes(BLOCK, width)), width, BLOCK);
                    next = 0;
                }
                row[at] = more[next++]!;
            }
        }
        return row;
    }
}
