//! Residues modulo a plaintext prime: residues of weights, of biases, and of the factors of fast mode.

use num_bigint::BigInt;

/// Computes a * b mod `modulus`.
pub(super) fn multiply(a: u64, b: u64, modulus: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(modulus)) as u64
}

/// Computes base^exponent mod `modulus`.
pub(super) fn power(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (mut base, mut result) = (base, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = multiply(result, base, modulus);
        }
        base = multiply(base, base, modulus);
        exponent >>= 1;
    }
    result
}

/// Returns the residue centred around 0.
pub(super) fn centred(value: i128, modulus: u64) -> i64 {
    let modulus = i128::from(modulus);
    let residue = value.rem_euclid(modulus);
    (if 2 * residue > modulus {
        residue - modulus
    } else {
        residue
    }) as i64
}

/// Returns the residue of a bias, from 0.
pub(super) fn bias_residue(bias: &BigInt, modulus: u64) -> u64 {
    let modulus = BigInt::from(modulus);
    u64::try_from(((bias % &modulus) + &modulus) % &modulus).unwrap_or_default()
}
