//! The largest q for 128 bits of security against classical attackers. No other code decides it.
//!
//! The tables take into account the best known attacks by classical computers on a ternary secret. The same q is less
//! secure against quantum computers: for 128 bits against those, the 2024 guidelines allow a q of 161 bits at N = 8192
//! and of 322 bits at N = 16384, instead of the 214 and 430 bits here.

use serde::{Deserialize, Serialize};

/// A published table of the largest log2(q) at each degree for 128 bits of classical security and a ternary secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum SecurityStandard {
    /// The 2024 guidelines: Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption",
    /// ePrint 2024/463.
    #[default]
    #[serde(rename = "2024")]
    HeStandard2024,
    /// The HomomorphicEncryption.org standard of 2018, which SEAL enforces.
    #[serde(rename = "2018")]
    HeStandard2018,
}

/// N, then the caps of 2024 and 2018 on log2(q), in bits, with the special prime included.
const CAPS: [(usize, u32, u32); 6] = [
    (1024, 26, 27),
    (2048, 53, 54),
    (4096, 106, 109),
    (8192, 214, 218),
    (16384, 430, 438),
    (32768, 868, 881),
];

impl SecurityStandard {
    /// Iterates over the degrees in the table, smallest first.
    pub fn degrees() -> impl Iterator<Item = usize> {
        CAPS.into_iter().map(|(degree, _, _)| degree)
    }

    /// Returns the largest log2(q) in bits, with the special prime included; `None` for a degree outside the table.
    pub fn max_coeff_modulus_bits(self, poly_modulus_degree: usize) -> Option<u32> {
        CAPS.into_iter()
            .find(|(degree, _, _)| *degree == poly_modulus_degree)
            .map(|(_, cap_2024, cap_2018)| match self {
                Self::HeStandard2024 => cap_2024,
                Self::HeStandard2018 => cap_2018,
            })
    }
}

impl std::fmt::Display for SecurityStandard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::HeStandard2024 => "128 bits, classical (2024 guidelines)",
            Self::HeStandard2018 => "128 bits, classical (HE-standard 2018)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{SecurityLevel, coeff_modulus};

    #[test]
    fn the_2018_caps_are_seals_own_and_those_of_2024_are_stricter() {
        for degree in SecurityStandard::degrees() {
            let [cap_2018, cap_2024] = [
                SecurityStandard::HeStandard2018,
                SecurityStandard::HeStandard2024,
            ]
            .map(|standard| standard.max_coeff_modulus_bits(degree).unwrap());
            let seal = coeff_modulus::max_bit_count(degree, SecurityLevel::Bits128).unwrap();
            assert_eq!(cap_2018, seal, "N = {degree}");
            assert!(cap_2024 < cap_2018, "N = {degree}");
        }
        assert_eq!(
            SecurityStandard::default().max_coeff_modulus_bits(12_345),
            None
        );
    }
}
