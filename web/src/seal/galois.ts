function reversed(value: number, bits: number): number {
    let result = 0;
    for (let bit = 0; bit < bits; bit++) {
        result = result * 2 + ((value >> bit) & 1);
    }
    return result;
}

/**
 * Returns where the values of a polynomial in NTT form come from when x becomes x^element: SEAL's order of values is that
 * of reversed bits.
 */
export function permutation(degree: number, element: number): Int32Array {
    const bits = Math.log2(degree);
    return Int32Array.from({ length: degree }, (_, at) => {
        const power = (element * reversed(at + degree, bits + 1)) % (2 * degree);
        return reversed((power - 1) / 2, bits);
    });
}
