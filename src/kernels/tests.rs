//! Compares kernels with arithmetic in 128-bit integers, and with each other.

use super::*;
use crate::network::SplitMix64;
use proptest::prelude::*;

/// Primes = 1 mod 16384 of various sizes, including the largest one below 2^50.
const PRIMES: [u64; 7] = [
    65_537,
    114_689,
    1_073_692_673,
    281_474_976_694_273,
    35_184_371_613_697,
    1_125_899_906_826_241,
    1_125_899_906_629_633,
];

pub(super) fn residues(random: &mut SplitMix64, count: usize, q: u64, extreme: bool) -> Vec<u64> {
    (0..count)
        .map(|_| {
            if extreme {
                q - 1
            } else {
                random.next_u64() % q
            }
        })
        .collect()
}

/// Returns the backends of this processor, and `None` for the model of IFMA, for processors without it.
pub(super) fn backends() -> Vec<Option<Backend>> {
    let available = Backend::available().into_iter().map(Some);
    available.chain([None]).collect()
}

/// Runs a program under a backend, or under the model.
pub(super) fn run(
    backend: Option<Backend>,
    program: &Program,
    rows: &[&[u64]],
    start: usize,
    scratch: &mut Scratch,
    output: &mut [u64],
) {
    match backend {
        Some(backend) => backend.run(program, rows, start, scratch, output),
        None => super::backend::run(
            super::simd::IfmaModel,
            program,
            rows,
            start,
            scratch,
            output,
        ),
    }
}

fn add(q: u64, a: &[u64], b: &[u64]) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| (a + b) % q).collect()
}

/// Computes the results of a program one coefficient at a time.
fn reference(
    prime: &Prime,
    degree: usize,
    rows: &[Vec<u64>],
    layers: &[KernelLayer],
) -> Vec<Vec<u64>> {
    let q = prime.value();
    let over_radix = prime.invert(prime.radix());
    let mut result: Vec<Vec<u64>> = Vec::new();
    for coefficient in 0..degree {
        let mut values: Vec<Vec<u64>> = rows
            .chunks(2)
            .map(|rows| rows.iter().map(|row| row[coefficient]).collect())
            .collect();
        for layer in layers {
            values = match layer {
                KernelLayer::Sums { sums, then, .. } => {
                    let sums = sums.iter().map(|sum| {
                        let mut total = vec![0; values[0].len()];
                        total[0] = sum.constant;
                        for &(input, weight) in &sum.terms {
                            let weight = prime.residue(i128::from(weight));
                            for (total, &value) in total.iter_mut().zip(&values[input as usize]) {
                                *total = (*total + prime.multiply(value, weight)) % q;
                            }
                        }
                        if *then == Then::Keep {
                            return total;
                        }
                        let mut squared = vec![0; 2 * total.len() - 1];
                        for (i, &a) in total.iter().enumerate() {
                            for (j, &b) in total.iter().enumerate() {
                                let product = prime.multiply(prime.multiply(a, b), over_radix);
                                squared[i + j] = (squared[i + j] + product) % q;
                            }
                        }
                        squared
                    });
                    let sums: Vec<Vec<u64>> = sums.collect();
                    match then {
                        Then::Keep | Then::Square => sums,
                        Then::Pool(groups) => groups
                            .iter()
                            .map(|group| {
                                let squares = group.iter().map(|&sum| sums[sum as usize].clone());
                                squares.reduce(|a, b| add(q, &a, &b)).unwrap()
                            })
                            .collect(),
                    }
                }
                KernelLayer::Weighted {
                    weights, constants, ..
                } => constants
                    .chunks(degree)
                    .zip(weights.chunks(degree * values.len()))
                    .map(|(constants, weights)| {
                        let mut total = vec![0; values[0].len()];
                        total[0] = constants[coefficient];
                        for (value, weights) in values.iter().zip(weights.chunks(degree)) {
                            for (total, &value) in total.iter_mut().zip(value) {
                                let product = prime.multiply(value, weights[coefficient]);
                                *total = (*total + product) % q;
                            }
                        }
                        total
                    })
                    .collect(),
            };
        }
        result.push(values.into_iter().flatten().collect());
    }
    result
}

fn check(prime: u64, degree: usize, inputs: usize, layers: &[KernelLayer], rows: &[Vec<u64>]) {
    let prime = Prime::new(prime).unwrap();
    let program = Program::new(prime, inputs, 2, layers.to_vec()).unwrap();
    let (outputs, size) = program.shape().unwrap();
    let expected = reference(&prime, degree, rows, layers);
    let rows: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
    for backend in backends() {
        let mut scratch = Scratch::default();
        for width in [8, 32] {
            for start in (0..degree).step_by(width) {
                let mut output = vec![0; outputs * size * width];
                run(backend, &program, &rows, start, &mut scratch, &mut output);
                for (row, words) in output.chunks(width).enumerate() {
                    for (offset, &word) in words.iter().enumerate() {
                        assert_eq!(
                            word,
                            expected[start + offset][row],
                            "{backend:?} row {row} coefficient {}",
                            start + offset
                        );
                    }
                }
            }
        }
    }
}

fn random_layers(
    random: &mut SplitMix64,
    q: u64,
    mut inputs: usize,
    squares: usize,
    weight_bits: u32,
    degree: usize,
) -> Vec<KernelLayer> {
    let mut layers = Vec::new();
    for layer in 0..=squares {
        let outputs = random.between(1, 5);
        let pool = layer < squares && random.between(0, 1) == 0;
        let count = outputs * if pool { random.between(1, 4) } else { 1 };
        let sums = (0..count)
            .map(|_| Sum {
                terms: (0..inputs as u32)
                    .filter_map(|input| {
                        let magnitude = (random.next_u64() >> (64 - weight_bits)).cast_signed();
                        let weight = [magnitude, -magnitude, 1, -1, 0][random.between(0, 4)];
                        (weight != 0).then_some((input, weight))
                    })
                    .collect(),
                constant: random.next_u64() % q,
            })
            .collect();
        layers.push(KernelLayer::Sums {
            sums,
            then: if pool {
                // Some sums may be read by no output.
                let mut sum = || random.between(0, count - 1) as u32;
                let groups = (0..outputs).map(|output| (0..=output).map(|_| sum()).collect());
                Then::Pool(groups.collect())
            } else if layer < squares {
                Then::Square
            } else {
                Then::Keep
            },
            order: (0..outputs as u32).rev().collect(),
        });
        inputs = outputs;
    }
    let outputs = random.between(1, 3);
    layers.push(KernelLayer::Weighted {
        degree,
        weights: residues(random, outputs * inputs * degree, q, false),
        constants: residues(random, outputs * degree, q, false),
    });
    layers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn programs_equal_the_reference_under_every_backend(
        seed: u64,
        prime in 0..PRIMES.len(),
        squares in 0..=3usize,
        weight_bits in 1..=62u32,
        extreme: bool,
    ) {
        let mut random = SplitMix64::new(seed);
        let (degree, q) = (32, PRIMES[prime]);
        let inputs = random.between(1, 6);
        let layers = random_layers(&mut random, q, inputs, squares, weight_bits, degree);
        let rows: Vec<Vec<u64>> = (0..2 * inputs)
            .map(|_| residues(&mut random, degree, q, extreme))
            .collect();
        check(q, degree, inputs, &layers, &rows);
    }
}

#[test]
fn plaintexts_of_other_lengths_are_refused() {
    let prime = Prime::new(PRIMES[0]).unwrap();
    let program = |degree: usize, weights: usize, constants: usize| {
        let layer = KernelLayer::Weighted {
            degree,
            weights: vec![1; weights],
            constants: vec![1; constants],
        };
        Program::new(prime, 2, 2, vec![layer])
    };
    assert!(program(16, 32, 16).is_some() && program(16, 64, 32).is_some());
    for (degree, weights, constants) in [
        (0, 0, 0),
        // No whole number of vectors.
        (12, 24, 12),
        (16, 32, 24),
        (16, 31, 16),
        (16, 48, 16),
    ] {
        assert!(program(degree, weights, constants).is_none());
    }
}

/// Sums of squares that the next layer multiplies, modulo primes so large that the sums would exceed 52 bits.
#[test]
fn pooled_squares_are_small_enough_for_products() {
    let mut random = SplitMix64::new(2);
    let sum = |weight, inputs: u32| Sum {
        terms: (0..inputs).map(|input| (input, weight)).collect(),
        constant: 1,
    };
    for q in PRIMES {
        let pooled = |sums: usize, weight, inputs| KernelLayer::Sums {
            sums: vec![sum(weight, inputs); sums],
            then: Then::Pool(vec![(0..sums as u32).collect()]),
            order: vec![0],
        };
        let layers = [
            pooled(16, 1, 2),
            pooled(9, 1 << 60, 1),
            KernelLayer::Sums {
                sums: vec![sum(-1 << 60, 1)],
                then: Then::Keep,
                order: vec![0],
            },
        ];
        let rows: Vec<Vec<u64>> = (0..4)
            .map(|_| residues(&mut random, 32, q, false))
            .collect();
        check(q, 32, 2, &layers, &rows);
    }
}

/// Sums with so many terms that lazy sums, narrow and wide, come close to their limits.
#[test]
fn long_sums_do_not_overflow() {
    let q = PRIMES[6];
    let mut random = SplitMix64::new(1);
    for (count, weight) in [
        (4000, -1),
        (4095, 1),
        (5000, 1),
        (5000, -1),
        (5000, 7 << 40),
    ] {
        let layers = [
            KernelLayer::Sums {
                sums: (0..3)
                    .map(|shift| Sum {
                        terms: (0..count).map(|i| (i, weight + shift)).collect(),
                        constant: q - 1,
                    })
                    .collect(),
                order: vec![0, 1, 2],
                then: Then::Square,
            },
            KernelLayer::Sums {
                sums: vec![Sum {
                    terms: (0..5000).map(|i| (i % 3, weight)).collect(),
                    constant: q - 1,
                }],
                order: vec![0],
                then: Then::Keep,
            },
        ];
        let rows: Vec<Vec<u64>> = (0..2 * count)
            .map(|_| residues(&mut random, 32, q, true))
            .collect();
        check(q, 32, count as usize, &layers, &rows);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for value in [0, 2, 4095, 65_536, (1 << 50) + 1, u64::MAX] {
        assert!(Prime::new(value).is_none(), "{value}");
    }
    let prime = Prime::new(65_537).unwrap();
    let sums = |input, constant, order: Vec<u32>| {
        vec![KernelLayer::Sums {
            sums: vec![Sum {
                terms: vec![(input, 1)],
                constant,
            }],
            order,
            then: Then::Keep,
        }]
    };
    assert!(Program::new(prime, 1, 2, sums(0, 0, vec![0])).is_some());
    assert!(Program::new(prime, 1, 4, sums(0, 0, vec![0])).is_none());
    assert!(Program::new(prime, 1, 2, sums(1, 0, vec![0])).is_none());
    assert!(Program::new(prime, 1, 2, sums(0, 65_537, vec![0])).is_none());
    assert!(Program::new(prime, 1, 2, sums(0, 0, vec![])).is_none());
    assert!(Program::new(prime, 1, 2, sums(0, 0, vec![0, 0])).is_none());
    let pool = |groups: Vec<Vec<u32>>| {
        let mut layers = sums(0, 0, (0..groups.len() as u32).collect());
        if let KernelLayer::Sums { then, .. } = &mut layers[0] {
            *then = Then::Pool(groups);
        }
        Program::new(prime, 1, 2, layers)
    };
    assert!(pool(vec![vec![0], vec![0, 0]]).is_some());
    for groups in [vec![vec![1]], vec![vec![]], vec![vec![0; 600]]] {
        assert!(pool(groups).is_none());
    }
}
