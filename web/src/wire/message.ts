import { xxhash3 } from "hash-wasm";
import { concatenate, equal } from "./bytes";

/** Kinds of messages that the page reads or writes (docs/WIRE.md). */
export const Kind = { Response: 13, CompactRequest: 14, CompactKeys: 15, CompactResponse: 16 } as const;

const MAGIC = new TextEncoder().encode("SQWF");
const VERSION = 1;
const HEADER_BYTES = 48;
const CHECKSUM_BYTES = 8;

/** The fields of a header but for the length of the body. */
export interface Header {
    kind: number;
    isNttForm: boolean;
    /** 16 bytes that identify the parameters. */
    fingerprint: Uint8Array;
    polynomials: number;
    primes: number;
    parts: number;
    items: number;
    images: number;
}

function encode(header: Header, bodyBytes: number): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    bytes.set(MAGIC);
    view.setUint16(4, VERSION, true);
    view.setUint8(6, header.kind);
    view.setUint8(7, Number(header.isNttForm));
    bytes.set(header.fingerprint, 8);
    view.setBigUint64(24, BigInt(bodyBytes), true);
    view.setUint16(32, header.polynomials, true);
    view.setUint16(34, header.primes, true);
    view.setUint32(36, header.parts, true);
    view.setUint32(40, header.items, true);
    view.setUint32(44, header.images, true);
    return bytes;
}

/** Returns the XXH3 checksum of bytes, as it is written. */
async function checksum(bytes: Uint8Array): Promise<Uint8Array> {
    const digest = await xxhash3(bytes);
    const pairs = digest.match(/../g) ?? [];
    return Uint8Array.from(pairs.reverse(), (pair) => Number.parseInt(pair, 16));
}

/** Writes a message. */
export async function writeMessage(
    header: Header,
    body: readonly Uint8Array[],
): Promise<Uint8Array<ArrayBuffer>> {
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const content = concatenate([encode(header, length), ...body]);
    return concatenate([content, await checksum(content)]);
}

/** Reads a message whose header must be the expected one, and returns its body. Errors say what differs. */
export async function readMessage(
    bytes: Uint8Array,
    expected: Header,
    bodyBytes: number,
): Promise<Uint8Array> {
    const length = HEADER_BYTES + bodyBytes + CHECKSUM_BYTES;
    if (bytes.length !== length) {
        throw new Error(`the response has ${bytes.length} bytes, expected ${length}`);
    }
    if (!equal(bytes.subarray(0, HEADER_BYTES), encode(expected, bodyBytes))) {
        throw new Error("the response's header is not that of an answer to this request");
    }
    const end = length - CHECKSUM_BYTES;
    if (!equal(bytes.subarray(end), await checksum(bytes.subarray(0, end)))) {
        throw new Error("the response was damaged on the way: its checksum is wrong");
    }
    return bytes.subarray(HEADER_BYTES, end);
}
