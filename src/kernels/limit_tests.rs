//! Tests of lazy sums at their limits and beyond, under every backend and, on any processor, under a model of IFMA.
//!
//! The factors are chosen so that both halves of each product are as large as possible; the low halves are the first to
//! exceed a word.

use super::prime::LAZY_PRODUCTS;
use super::program::{Compiled, CompiledLayer};
use super::rows::{products, squares, switches};
use super::simd::{IfmaModel, Portable};
use super::tests::{backends, run};
use super::*;
use crate::network::SplitMix64;

/// The largest prime below 2^50 that is 1 mod 16384.
const Q: u64 = 1_125_899_906_826_241;
/// A prime below 2^48, for which squares are taken of sums that are not fully reduced.
const LAZY_Q: u64 = 281_474_976_694_273;
const LOW: u64 = (1 << 52) - 1;
/// Counts around the limit, at multiples of it, and where, without a limit, IFMA's words (4,096 low halves), AVX2's
/// (4,095) and a reduction (8,191) would overflow.
const COUNTS: [usize; 16] = [
    0,
    1,
    1024,
    1025,
    LAZY_PRODUCTS - 1,
    LAZY_PRODUCTS,
    LAZY_PRODUCTS + 1,
    LAZY_PRODUCTS + 2,
    4095,
    4096,
    4097,
    4098,
    2 * LAZY_PRODUCTS + 3,
    6143,
    8193,
    20_000,
];

/// Returns the draw with the highest score out of many.
fn best<T>(mut draw: impl FnMut(&mut SplitMix64) -> (u64, T)) -> T {
    let mut random = SplitMix64::new(11);
    let mut best = draw(&mut random);
    for _ in 0..1 << 16 {
        let other = draw(&mut random);
        if other.0 > best.0 {
            best = other;
        }
    }
    best.1
}

/// Draws a residue a little below `q`: so close that a product's high half is as large as possible, and so far that its
/// low half may be anything. (2^50 - u) (2^50 - v) has the low half of u v plus a multiple of 2^50, so u v must exceed
/// 2^52.
fn near(q: u64, random: &mut SplitMix64) -> u64 {
    q - 1 - random.next_u64() % (1 << 27)
}

/// Returns two residues near the prime whose product has a low half near 2^52.
fn factors() -> [u64; 2] {
    best(|random| {
        let [a, b] = [near(Q, random), near(Q, random)];
        (a.wrapping_mul(b) & LOW, [a, b])
    })
}

/// Computes `count` times a * b / 2^52.
fn times(prime: &Prime, count: usize, a: u64, b: u64) -> u64 {
    let one = prime.multiply(prime.multiply(a, b), prime.invert(prime.radix()));
    prime.multiply(count as u64 % prime.value(), one)
}

#[test]
fn the_factors_would_overflow_a_word_from_4097_products_on() {
    let [a, b] = factors();
    let low = u128::from(a.wrapping_mul(b) & LOW);
    assert!(4096 * low < 1 << 64 && 4097 * low >= 1 << 64);
}

#[test]
fn products_of_any_number_are_right() {
    let prime = Prime::new(Q).unwrap();
    let [a, b] = factors();
    let row = [[a; LANES]; 2];
    for count in COUNTS {
        let weights = vec![[b; LANES]; 2 * count];
        let terms = vec![[&row[..], &row[..]]; count];
        for backend in backends() {
            // The previous content does not count.
            let mut out = [[[7; LANES]; 2]; 2];
            let [out0, out1] = &mut out;
            match backend {
                Some(backend) => backend.products(&prime, &weights, &terms, [out0, out1]),
                None => products(&prime.constants(IfmaModel), &weights, &terms, [out0, out1]),
            }
            let expected = times(&prime, count, a, b);
            assert_eq!(out, [[[expected; LANES]; 2]; 2], "{count} {backend:?}");
        }
    }
}

#[test]
fn switches_of_any_number_are_right() {
    let prime = Prime::new(Q).unwrap();
    let permutation = Permutation::new(LANES, 3).unwrap();
    let [a, b] = factors();
    let row = [[a; LANES]];
    let shapes = [
        (0, 3),
        (1, 0),
        (1, 1),
        (5, 40),
        (1, 1023),
        (1, 1024),
        (1, 2047),
        (1, 2048),
        (1, 4097),
        (15, 127),
        (15, 128),
        (16, 128),
        (24, 200),
        (2046, 1),
        (2047, 1),
        (2048, 1),
        (2049, 1),
        (2048, 2),
        (4097, 1),
        (5000, 3),
    ];
    for (digit_count, count) in shapes {
        let key = vec![[b; LANES]; 2 * digit_count];
        let digits = vec![&row[..]; digit_count];
        let rotation = KeyedRotation {
            permutation: &permutation,
            key: &key,
            stride: 2 * digit_count,
        };
        let rotations = vec![rotation; count];
        for more in [false, true] {
            let source = RowSource {
                digits: &digits,
                first: more.then_some((&row[..], b)),
                second: more.then_some(([&row[..]; 2], b)),
            };
            let of_key = count * digit_count + usize::from(more);
            let expected = [of_key + if more { count } else { 0 }, of_key]
                .map(|count| [[times(&prime, count, a, b); LANES]]);
            for backend in backends() {
                let mut out = [[[7; LANES]]; 2];
                let [out0, out1] = &mut out;
                match backend {
                    Some(backend) => {
                        backend.switches(&prime, &rotations, &source, 0, [out0, out1]);
                    }
                    None => switches(
                        &prime.constants(IfmaModel),
                        &rotations,
                        &source,
                        0,
                        [out0, out1],
                    ),
                }
                assert_eq!(
                    out, expected,
                    "{count} rotations of {digit_count} digits {backend:?}"
                );
            }
        }
    }
}

#[test]
fn squares_of_any_number_are_right() {
    let prime = Prime::new(Q).unwrap();
    let constants = prime.constants(Portable);
    let twice = |factor| to_montgomery(&prime, to_montgomery(&prime, factor));
    let (a, factor) = best(|random| {
        let (a, factor) = (near(Q, random), random.next_u64() % Q);
        let [scaled, ..] = constants.multiply([a; LANES], [twice(factor); LANES]);
        // Accept only results larger than the prime, so that the high halves are large, too.
        let low = scaled.wrapping_mul(a) & LOW;
        (if scaled > Q { low } else { 0 }, (a, factor))
    });
    let row = [[a; LANES]];
    for count in COUNTS {
        let pairs = vec![[&row[..], &row[..]]; count];
        let one = prime.multiply(prime.multiply(a, a), factor);
        let all = prime.multiply(one, count as u64);
        let expected = [all, (all + all) % Q, all].map(|sum| [[sum; LANES]]);
        for backend in backends() {
            let mut out = [[[7; LANES]]; 3];
            let [out0, out1, out2] = &mut out;
            let out_rows = [&mut out0[..], &mut out1[..], &mut out2[..]];
            match backend {
                Some(backend) => backend.squares(&prime, &pairs, twice(factor), out_rows),
                None => squares(&prime.constants(IfmaModel), &pairs, twice(factor), out_rows),
            }
            assert_eq!(out, expected, "{count} {backend:?}");
        }
    }
}

/// Runs a program whose inputs are all the same residue, and returns the results, which do not vary either.
fn results(program: &Program, rows: usize, value: u64, backend: Option<Backend>) -> Vec<u64> {
    let (outputs, size) = program.shape().unwrap();
    let row = [value; LANES];
    let rows = vec![&row[..]; rows];
    let mut output = vec![0; outputs * size * LANES];
    let scratch = &mut Scratch::default();
    run(backend, program, &rows, 0, scratch, &mut output);
    let rows = output.chunks(LANES);
    rows.map(|row| {
        assert_eq!(row, [row[0]; LANES]);
        row[0]
    })
    .collect()
}

/// Makes a program of one sum of `terms`.
fn one_sum(prime: Prime, terms: Vec<(u32, i64)>) -> Program {
    let sum = Sum {
        terms,
        constant: prime.value() - 1,
    };
    let layer = KernelLayer::Sums {
        sums: vec![sum],
        then: Then::Keep,
        order: vec![0],
    };
    Program::new(prime, 1, 2, vec![layer]).unwrap()
}

/// Tells whether a sum was compiled to products of two words.
fn is_wide(program: &Program) -> bool {
    matches!(
        program.layers(),
        [CompiledLayer { compiled: Compiled::Sums { wide, .. }, .. }] if !wide.is_empty()
    )
}

/// Returns the results of one sum of terms with these weights, times `value`.
fn expected_sum(prime: &Prime, weights: impl Iterator<Item = i64>, value: u64) -> [u64; 2] {
    let q = prime.value();
    let sum = weights.fold(0, |sum, weight| {
        (sum + prime.multiply(prime.residue(i128::from(weight)), value)) % q
    });
    [(sum + q - 1) % q, sum]
}

#[test]
fn sums_of_words_end_where_63_bits_do() {
    let prime = Prime::new(Q).unwrap();
    // The largest number of residues that fit, with one prime as room for the constant.
    let most = usize::try_from(((1 << 63) - 1) / Q - 1).unwrap();
    for (weight, most) in [(1, most), (-1, most), (5, most / 5), (-7, most / 7)] {
        for count in [most - 1, most, most + 1] {
            let program = one_sum(prime, vec![(0, weight); count]);
            assert_eq!(is_wide(&program), count > most, "{count} times {weight}");
            let expected = expected_sum(&prime, std::iter::repeat_n(weight, count), Q - 1);
            for backend in backends() {
                let found = results(&program, 2, Q - 1, backend);
                assert_eq!(found, expected, "{count} times {weight} {backend:?}");
            }
        }
    }
    // The magnitudes together exceed 128 bits.
    for weight in [i64::MIN, i64::MAX] {
        let program = one_sum(prime, vec![(0, weight); 1 << 16]);
        let expected = expected_sum(&prime, std::iter::repeat_n(weight, 1 << 16), 3);
        for backend in backends() {
            assert_eq!(results(&program, 2, 3, backend), expected, "{backend:?}");
        }
    }
}

#[test]
fn wide_and_weighted_sums_of_any_number_are_right() {
    let prime = Prime::new(Q).unwrap();
    let [a, b] = factors();
    // The weight whose Montgomery form is the second factor.
    let weight = prime.multiply(b, prime.invert(prime.radix()));
    for count in COUNTS.into_iter().filter(|&count| count > 0) {
        let wide = one_sum(prime, vec![(0, weight.cast_signed()); count]);
        assert!(is_wide(&wide), "{count}");
        let sum = times(&prime, count, a, b);
        let expected = [(sum + Q - 1) % Q, sum];
        let layer = KernelLayer::Weighted {
            degree: LANES,
            weights: vec![weight; count * LANES],
            constants: vec![Q - 1; LANES],
        };
        let weighted = Program::new(prime, count, 2, vec![layer]).unwrap();
        for backend in backends() {
            assert_eq!(
                results(&wide, 2, a, backend),
                expected,
                "{count} {backend:?}"
            );
            let found = results(&weighted, 2 * count, a, backend);
            assert_eq!(found, expected, "{count} weighted {backend:?}");
        }
    }
}

/// Makes a pool of `count` squares of the input.
fn pool(prime: Prime, size: usize, count: usize) -> Option<Program> {
    let sum = Sum {
        terms: vec![(0, 1)],
        constant: 0,
    };
    let pooled = KernelLayer::Sums {
        sums: vec![sum; count],
        then: Then::Pool(vec![(0..count as u32).collect()]),
        order: vec![0],
    };
    Program::new(prime, 1, size, vec![pooled])
}

#[test]
fn squares_are_added_up_to_their_limit_and_refused_beyond() {
    for q in [Q, LAZY_Q] {
        let prime = Prime::new(q).unwrap();
        let value = best(|random| {
            let a = near(q, random);
            (a.wrapping_mul(a) & LOW, a)
        });
        for size in SIZES {
            let most = 1024 / size;
            assert!(pool(prime, size, most + 1).is_none(), "{size}");
            for count in [1, most - 1, most] {
                let program = pool(prime, size, count).unwrap();
                let expected: Vec<u64> = (0..2 * size - 1)
                    .map(|power| {
                        let pairs = size.min(power + 1) - power.saturating_sub(size - 1);
                        times(&prime, pairs * count, value, value)
                    })
                    .collect();
                for backend in backends() {
                    let found = results(&program, size, value, backend);
                    assert_eq!(found, expected, "{count} of size {size} {backend:?}");
                }
            }
        }
    }
}
