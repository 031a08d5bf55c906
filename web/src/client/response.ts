import { hasZeroPadding, packedBytes, unpack } from "../wire/bits";
import { equal } from "../wire/bytes";
import * as fingerprint from "../wire/fingerprint";
import { Kind, readMessage } from "../wire/message";
import type { ClientFile } from "./client_file";

/** The polynomials of a ciphertext, two or more: for each, a row of residues for each prime. */
export type Polynomials = Float64Array[][];

/** Reads the response to a request of one image: for each plain prime, its ciphertexts. */
export async function readResponse(file: ClientFile, message: Uint8Array): Promise<Polynomials[][]> {
    const { degree, slotMap, plainPrimes, responsePrimes } = file;
    const primes = file.primes.slice(0, responsePrimes);
    const compact = file.responseWidths.length > 0;
    const form = compact ? new CompactForm(file) : new WholeForm(primes, degree);
    const count = plainPrimes.length * slotMap.responseCiphertexts;
    const header = {
        kind: compact ? Kind.CompactResponse : Kind.Response,
        isNttForm: false,
        fingerprint: fingerprint.ofParameters(degree, file.primes, plainPrimes),
        polynomials: compact ? file.responseWidths.length : 2,
        primes: responsePrimes,
        parts: plainPrimes.length,
        items: slotMap.responseCiphertexts,
        images: 1,
    };
    const body = await readMessage(message, header, form.start.length + count * form.bytes);
    if (!equal(body.subarray(0, form.start.length), form.start)) {
        throw new Error("the response has other widths than client.json says");
    }
    const ciphertexts = Array.from({ length: count }, (_, at) => {
        const start = form.start.length + at * form.bytes;
        return form.read(body.subarray(start, start + form.bytes));
    });
    return plainPrimes.map((_, part) =>
        ciphertexts.slice(part * slotMap.responseCiphertexts, (part + 1) * slotMap.responseCiphertexts),
    );
}

/** The form in which a ciphertext of a response travels. */
interface Form {
    /** The bytes before the first ciphertext. */
    start: Uint8Array;
    /** Number of bytes of a ciphertext. */
    bytes: number;
    read(bytes: Uint8Array): Polynomials;
}

/** Reads packed numbers, which must be below `below` and end in zero bits. */
function numbers(bytes: Uint8Array, width: number, count: number, below: number): Float64Array {
    const values = unpack(bytes, width, count);
    if (!hasZeroPadding(bytes, width, count) || !values.every((value) => value < below)) {
        throw new Error("the response holds numbers that are no residues");
    }
    return values;
}

/** Whole ciphertexts: residues modulo each prime. */
class WholeForm implements Form {
    readonly start = new Uint8Array(0);
    readonly bytes: number;
    private readonly widths: number[];

    constructor(
        private readonly primes: readonly bigint[],
        private readonly degree: number,
    ) {
        this.widths = primes.map((prime) => prime.toString(2).length);
        this.bytes = 2 * this.widths.reduce((sum, width) => sum + packedBytes(degree, width), 0);
    }

    read(bytes: Uint8Array): Polynomials {
        let at = 0;
        const polynomial = () =>
            this.primes.map((prime, index) => {
                const width = this.widths[index]!;
                const packed = bytes.subarray(at, (at += packedBytes(this.degree, width)));
                return numbers(packed, width, this.degree, Number(prime));
            });
        return [polynomial(), polynomial()];
    }
}

/** Rounded ciphertexts: coefficients modulo 2^b, of polynomial 0 only those on which the logits depend. */
class CompactForm implements Form {
    readonly start: Uint8Array;
    readonly bytes: number;
    private readonly lengths: { width: number; count: number }[];
    private readonly primes: bigint[];
    private readonly degree: number;

    constructor(file: ClientFile) {
        const { degree, slotMap, responseWidths } = file;
        this.degree = degree;
        this.primes = file.primes.slice(0, file.responsePrimes);
        this.start = Uint8Array.from(responseWidths);
        this.lengths = responseWidths.map((width, at) => ({
            width,
            count: at === 0 ? slotMap.responseCoefficients : degree,
        }));
        this.bytes = this.lengths.reduce((sum, { width, count }) => sum + packedBytes(count, width), 0);
    }

    read(bytes: Uint8Array): Polynomials {
        let at = 0;
        return this.lengths.map(({ width, count }) => {
            const packed = bytes.subarray(at, (at += packedBytes(count, width)));
            return lengthened(numbers(packed, width, count, 2 ** width), width, this.primes, this.degree);
        });
    }
}

/** Makes of each integer v the residues of the nearest integer to q' v / 2^b; coefficients that did not travel are 0. */
export function lengthened(
    values: Float64Array,
    width: number,
    primes: readonly bigint[],
    degree: number,
): Float64Array[] {
    const product = primes.reduce((product, prime) => product * prime, 1n);
    const half = 1n << BigInt(width - 1);
    const rows = primes.map(() => new Float64Array(degree));
    const step = degree / values.length;
    values.forEach((value, at) => {
        const nearest = (product * BigInt(value) + half) >> BigInt(width);
        rows.forEach((row, prime) => {
            row[at * step] = Number(nearest % primes[prime]!);
        });
    });
    return rows;
}
