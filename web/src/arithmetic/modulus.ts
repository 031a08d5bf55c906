/** Largest width of a modulus, in bits: quotients of products are then exact to one unit in doubles. */
export const MAX_BITS = 50;

/** 2^27 + 1 splits a double into two halves whose products are exact (Dekker). */
const SPLITTER = 134217729;

/** Returns the difference between a b and its rounded product `high`, exactly. */
function rest(a: number, b: number, high: number): number {
    const ta = SPLITTER * a;
    const ah = ta - (ta - a);
    const al = a - ah;
    const tb = SPLITTER * b;
    const bh = tb - (tb - b);
    const bl = b - bh;
    return ah * bh - high + ah * bl + al * bh + al * bl;
}

/** Arithmetic modulo a number of at most {@link MAX_BITS} bits, on residues that are doubles. */
export class Modulus {
    readonly value: number;
    /** Number of bits. */
    readonly width: number;
    private readonly inverse: number;

    constructor(value: bigint) {
        const width = value.toString(2).length;
        if (value < 2n || width > MAX_BITS) {
            throw new RangeError(`a modulus must have 2 to ${MAX_BITS} bits for this page, not ${width}`);
        }
        this.value = Number(value);
        this.width = width;
        this.inverse = 1 / this.value;
    }

    add(a: number, b: number): number {
        const sum = a + b;
        return sum >= this.value ? sum - this.value : sum;
    }

    subtract(a: number, b: number): number {
        return a >= b ? a - b : a - b + this.value;
    }

    /** Returns a b modulo this number, exactly. */
    multiply(a: number, b: number): number {
        const product = a * b;
        const quotient = Math.floor(product * this.inverse);
        const multiple = quotient * this.value;
        const low = rest(a, b, product) - rest(quotient, this.value, multiple);
        const residue = product - multiple + low;
        if (residue < 0) {
            return residue + this.value;
        }
        return residue >= this.value ? residue - this.value : residue;
    }

    /** Returns the residue of an integer. */
    reduce(value: bigint): number {
        const modulus = BigInt(this.value);
        return Number(((value % modulus) + modulus) % modulus);
    }
}

/** Returns the inverse of `value` modulo a prime. */
export function invert(value: bigint, prime: bigint): bigint {
    let power = ((value % prime) + prime) % prime;
    let result = 1n;
    for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
        if (exponent & 1n) {
            result = (result * power) % prime;
        }
        power = (power * power) % prime;
    }
    return result;
}

/** Joins residues modulo different primes (Chinese remainder theorem). */
export class Joining {
    private readonly product: bigint;
    private readonly factors: bigint[];

    constructor(primes: readonly bigint[]) {
        const product = primes.reduce((all, prime) => all * prime, 1n);
        this.product = product;
        this.factors = primes.map((prime) => (product / prime) * invert(product / prime, prime));
    }

    /** Returns the number nearest to 0 that has these residues. */
    centred(residues: readonly bigint[]): bigint {
        const sum = residues.reduce((sum, residue, at) => sum + residue * this.factors[at]!, 0n);
        const joined = sum % this.product;
        return 2n * joined > this.product ? joined - this.product : joined;
    }
}
