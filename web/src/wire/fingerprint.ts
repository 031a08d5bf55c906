import { sha256 } from "@noble/hashes/sha2.js";
import { concatenate, words } from "./bytes";

const BYTES = 16;

function start(text: string, numbers: (number | bigint)[]): Uint8Array {
    return sha256(concatenate([new TextEncoder().encode(text), words(...numbers)])).slice(0, BYTES);
}

/** The fingerprint of requests and responses: of all plain primes. */
export function ofParameters(
    degree: number,
    primes: readonly bigint[],
    plainPrimes: readonly bigint[],
): Uint8Array {
    const contexts = plainPrimes.flatMap((plain) => [degree, primes.length, ...primes, plain]);
    return start("sealquant parameters 1", [plainPrimes.length, ...contexts]);
}

/** The fingerprint of evaluation keys: for each, its Galois element (0 for relinearisation) and its level. */
export function ofKeys(
    degree: number,
    primes: readonly bigint[],
    keys: readonly { element: number; level: number }[],
): Uint8Array {
    const described = keys.flatMap(({ element, level }) => [element, level]);
    return start("sealquant keys 1", [degree, primes.length, ...primes, ...described]);
}
