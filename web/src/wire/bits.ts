/** Number of bits that are handled at once: with up to 7 that wait, they fit 32. */
const PIECE = 24;

/** Number of bytes that `count` numbers of `width` bits take; zero bits fill up the last byte. */
export function packedBytes(count: number, width: number): number {
    return Math.ceil((count * width) / 8);
}

/** Packs numbers into a stream of bits, the lowest bit of the first number first. */
export function pack(values: Float64Array, width: number): Uint8Array {
    const bytes = new Uint8Array(packedBytes(values.length, width));
    let next = 0;
    let waiting = 0;
    let filled = 0;
    for (let value of values) {
        for (let left = width; left > 0; left -= PIECE) {
            const bits = Math.min(left, PIECE);
            const piece = value % 2 ** PIECE;
            value = (value - piece) / 2 ** PIECE;
            waiting |= piece << filled;
            filled += bits;
            while (filled >= 8) {
                bytes[next++] = waiting & 0xff;
                waiting >>>= 8;
                filled -= 8;
            }
        }
    }
    if (filled > 0) {
        bytes[next] = waiting;
    }
    return bytes;
}

/** Unpacks `count` numbers of `width` bits. */
export function unpack(bytes: Uint8Array, width: number, count: number): Float64Array {
    const values = new Float64Array(count);
    let next = 0;
    let waiting = 0;
    let filled = 0;
    for (let at = 0; at < count; at++) {
        let value = 0;
        for (let from = 0; from < width; from += PIECE) {
            const bits = Math.min(width - from, PIECE);
            while (filled < bits) {
                waiting |= bytes[next++]! << filled;
                filled += 8;
            }
            value += (waiting & (2 ** bits - 1)) * 2 ** from;
            waiting >>>= bits;
            filled -= bits;
        }
        values[at] = value;
    }
    return values;
}

/** Tells whether the bits after the last number are zero. */
export function hasZeroPadding(bytes: Uint8Array, width: number, count: number): boolean {
    const used = (count * width) % 8;
    return used === 0 || bytes[bytes.length - 1]! >> used === 0;
}
