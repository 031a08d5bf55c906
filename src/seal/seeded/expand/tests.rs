//! Checks that the expansion equals SEAL's, and that all vector widths agree.

use super::blake2xb::BLOCKS;
use super::lanes::Lanes;
use super::{reduce, uniform};
use crate::ffi::raw::bridge;
use crate::seal::Seed;
use proptest::prelude::*;

/// Samples the polynomials with SEAL.
fn seals(seed: &Seed, degree: usize, moduli: &[u64]) -> Vec<u64> {
    let mut residues = vec![1; degree * moduli.len()];
    bridge::raw_sample_uniform(degree, moduli, seed.0, &mut residues).unwrap();
    residues
}

/// Samples the polynomials with this module.
fn ours(seed: &Seed, degree: usize, moduli: &[u64]) -> Vec<u64> {
    let mut residues = vec![2; degree * moduli.len()];
    uniform(seed, degree, moduli, &mut residues);
    residues
}

/// Counts the numbers that were redrawn. `uniform` does not report them, so this draws the raw numbers once more.
fn rejected(seed: &Seed, degree: usize, moduli: &[u64]) -> usize {
    let mut raw = vec![0; degree * moduli.len()];
    super::Blake2xb::new(seed).fill(&mut raw);
    raw.chunks(degree)
        .zip(moduli)
        .map(|(numbers, &modulus)| {
            let limit = u64::MAX - u64::MAX % modulus - 1;
            numbers.iter().filter(|&&number| number >= limit).count()
        })
        .sum()
}

/// A 60-bit modulus whose numbers are rejected often, once in 17: 16 multiples of it, and almost a 17th, fit in
/// 64 bits.
const OFTEN_REJECTED: u64 = u64::MAX / 17 + 1;

proptest! {
    #[test]
    fn seeds_become_what_seal_makes_of_them(
        words: [u64; 8],
        log_degree in 1_u32..12,
        moduli in prop::collection::vec(
            prop_oneof![2_u64..1 << 20, (1_u64 << 30)..1 << 40, (1_u64 << 59)..1 << 60, Just(OFTEN_REJECTED)],
            1..5,
        ),
    ) {
        let seed = Seed(words);
        let degree = 1 << log_degree;
        prop_assert_eq!(ours(&seed, degree, &moduli), seals(&seed, degree, &moduli));
    }

    #[test]
    fn reduction_is_exact(number: u64, near in 0_u64..3, modulus in 2_u64..1 << 61) {
        let ratio = u64::MAX / modulus;
        for number in [number, u64::MAX - near, (number / modulus * modulus).wrapping_sub(near)] {
            prop_assert_eq!(reduce(number, modulus, ratio), number % modulus);
        }
    }

    #[test]
    fn all_vectors_agree(root: [u64; 8], blocks in 0..=BLOCKS) {
        let outputs: Vec<_> = Lanes::available()
            .map(|lanes| {
                let mut output = vec![[0; 8]; blocks];
                lanes.output(&root, &mut output);
                output
            })
            .collect();
        for output in &outputs {
            prop_assert_eq!(output, &outputs[0]);
        }
    }
}

#[test]
fn numbers_drawn_anew_are_those_of_seal() {
    let moduli = [OFTEN_REJECTED; 3];
    let mut all = 0;
    for number in 0..64 {
        let seed = Seed([number; 8]);
        all += rejected(&seed, 2048, &moduli);
        assert_eq!(ours(&seed, 2048, &moduli), seals(&seed, 2048, &moduli));
    }
    // 64 * 3 * 2048 / 17.
    assert!((20_000..26_000).contains(&all), "{all}");
}
