import { words, concatenate } from "../wire/bytes";

// SEAL saves an object as a header of 16 bytes, its fields, and an array of words with a header of its own.
const MAGIC = 0xa15e;
const HEADER_BYTES = 16;
const PARMS_ID_BYTES = 32;
/** Header, parms_id, NTT form, five numbers of 8 bytes, the array's header and length. */
const CIPHERTEXT_START = HEADER_BYTES + PARMS_ID_BYTES + 1 + 5 * 8 + HEADER_BYTES + 8;
/** Of secret keys: header, parms_id, number of coefficients, scale, the array's header and length. */
const SECRET_START = HEADER_BYTES + PARMS_ID_BYTES + 2 * 8 + HEADER_BYTES + 8;

function header(length: number): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, MAGIC, true);
    // Size of the header, version 4.1, no compression.
    bytes.set([HEADER_BYTES, 4, 1, 0], 2);
    view.setBigUint64(8, BigInt(length), true);
    return bytes;
}

/** Reads the words from `start` on as rows of `degree` residues. */
function rows(bytes: Uint8Array, start: number, count: number, degree: number): Float64Array[] {
    if (bytes.length !== start + 8 * count * degree) {
        throw new Error("SEAL wrote an object of another size than expected");
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + start);
    return Array.from({ length: count }, (_, row) =>
        Float64Array.from({ length: degree }, (_, at) => {
            const offset = 8 * (row * degree + at);
            return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
        }),
    );
}

function array(residues: readonly Float64Array[], degree: number): Uint8Array {
    const bytes = new Uint8Array(8 * residues.length * degree);
    const view = new DataView(bytes.buffer);
    residues.forEach((row, index) =>
        row.forEach((value, at) => {
            const offset = 8 * (index * degree + at);
            view.setUint32(offset, value % 2 ** 32, true);
            view.setUint32(offset + 4, value / 2 ** 32, true);
        }),
    );
    const length = HEADER_BYTES + 8 + bytes.length;
    return concatenate([header(length), words(residues.length * degree), bytes]);
}

/** Reads a saved ciphertext or public key of two polynomials: for each, a row for each prime. */
export function readPair(bytes: Uint8Array, primes: number, degree: number): [Float64Array[], Float64Array[]] {
    const all = rows(bytes, CIPHERTEXT_START, 2 * primes, degree);
    return [all.slice(0, primes), all.slice(primes)];
}

/** Writes a ciphertext, for SEAL to load: for each polynomial, a row for each prime. */
export function writeCiphertext(
    polynomials: readonly Float64Array[][],
    parmsId: BigUint64Array,
    isNttForm: boolean,
    degree: number,
): Uint8Array {
    const scale = new Uint8Array(new Float64Array([1]).buffer);
    const fields = concatenate([
        words(...parmsId),
        Uint8Array.of(Number(isNttForm)),
        words(polynomials.length, degree, polynomials[0]!.length),
        scale,
        words(1),
        array(polynomials.flat(), degree),
    ]);
    return concatenate([header(HEADER_BYTES + fields.length), fields]);
}

/** Reads a saved secret key: its residues in NTT form, a row for each prime of q. */
export function readSecret(bytes: Uint8Array, primes: number, degree: number): Float64Array[] {
    return rows(bytes, SECRET_START, primes, degree);
}

/** Puts the identifier of other parameters, which differ in the plain prime only, into a saved secret key. */
export function readdressed(bytes: Uint8Array, parmsId: BigUint64Array): Uint8Array {
    const copy = bytes.slice();
    copy.set(words(...parmsId), HEADER_BYTES);
    return copy;
}
