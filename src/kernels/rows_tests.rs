//! Compares kernels on rows with arithmetic in 128-bit integers, under every backend.

use super::*;
use crate::kernels::{Residues, row_of, tests};
use crate::network::SplitMix64;
use proptest::prelude::*;

const PRIMES: [u64; 5] = [
    65_537,
    1_073_692_673,
    35_184_371_613_697,
    1_125_899_906_826_241,
    1_125_899_906_629_633,
];
const DEGREE: usize = 64;

fn residues(random: &mut SplitMix64, q: u64, extreme: bool) -> Vec<u64> {
    tests::residues(random, DEGREE, q, extreme)
}

fn flat(rows: &Residues, row: usize) -> Vec<u64> {
    rows.row(row).as_flattened().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn products_and_switches_equal_the_reference(
        seed: u64, prime in 0..PRIMES.len(), count in 1..40usize, element in 0..DEGREE as u32, extreme: bool,
    ) {
        let mut random = SplitMix64::new(seed);
        let q = PRIMES[prime];
        let prime = Prime::new(q).unwrap();
        let over = prime.invert(prime.radix());
        let mut row = || residues(&mut random, q, extreme);
        let terms: Vec<(Vec<u64>, [Vec<u64>; 2])> = (0..count).map(|_| (row(), [row(), row()])).collect();
        let (first, weight) = (row(), row()[0]);
        let second = [row(), row()];
        let single = |row: &Vec<u64>| {
            let mut made = Residues::zero(1, DEGREE);
            made.row_mut(0).copy_from_slice(row_of(row));
            made
        };
        let weights: Vec<Residues> = terms.iter().map(|(a, _)| single(a)).collect();
        let weights = Residues::interleave(&weights);
        let rows: Vec<[Row<'_>; 2]> = terms.iter().map(|(_, [b, c])| [row_of(b), row_of(c)]).collect();
        let digits: Vec<Row<'_>> = terms.iter().map(|(a, _)| row_of(a)).collect();
        // The key has one digit more than are used.
        let key: Vec<Residues> = terms.iter().chain(&terms[..1]).flat_map(|(_, key)| key).map(single).collect();
        let key = Residues::interleave(&key);
        let element = 2 * element + 1;
        let permutation = Permutation::new(DEGREE, element).unwrap();
        let bits = DEGREE.ilog2();
        let reverse = |i: usize| i.reverse_bits() >> (usize::BITS - bits);
        let source = |i: usize| {
            let exponent = (2 * reverse(i) + 1) * element as usize % (2 * DEGREE);
            reverse((exponent - 1) / 2)
        };
        for backend in Backend::available() {
            let mut out = [Residues::zero(1, DEGREE), Residues::zero(1, DEGREE)];
            let [a, b] = &mut out;
            backend.products(&prime, weights.row(0), &rows, [a.row_mut(0), b.row_mut(0)]);
            for (p, out) in out.iter().enumerate() {
                for (i, word) in flat(out, 0).into_iter().enumerate() {
                    let sum = terms.iter().fold(0, |sum, (a, b)| {
                        (sum + prime.multiply(prime.multiply(a[i], b[p][i]), over)) % q
                    });
                    prop_assert_eq!(word, sum);
                }
            }
            let [a, b] = &mut out;
            let source_rows = RowSource {
                digits: &digits,
                first: Some((row_of(&first), weight)),
                second: Some(([row_of(&second[0]), row_of(&second[1])], weight)),
            };
            // Use the same rotation twice, and compute the rows in two parts.
            let rotation = KeyedRotation { permutation: &permutation, key: key.row(0), stride: 2 * count + 2 };
            for part in 0..2 {
                let half = DEGREE / LANES / 2;
                let range = part * half..(part + 1) * half;
                let out = [&mut a.row_mut(0)[range.clone()], &mut b.row_mut(0)[range]];
                backend.switches(&prime, &[rotation; 2], &source_rows, part * half, out);
            }
            for (p, out) in out.iter().enumerate() {
                for (i, word) in flat(out, 0).into_iter().enumerate() {
                    let mut sum = terms.iter().fold(0, |sum, (a, b)| {
                        (sum + prime.multiply(prime.multiply(a[source(i)], b[p][i]), over)) % q
                    });
                    if p == 0 {
                        let extra = prime.multiply(prime.multiply(first[source(i)], weight), over);
                        sum = (sum + extra) % q;
                    }
                    sum = (sum + sum) % q;
                    sum = (sum + prime.multiply(prime.multiply(second[p][i], weight), over)) % q;
                    prop_assert_eq!(word, sum);
                }
            }
            let mut target = Residues::zero(1, DEGREE);
            target.row_mut(0).copy_from_slice(row_of(&terms[0].0));
            backend.permute_add(&prime, &permutation, target.row_mut(0), row_of(&first));
            for (i, word) in flat(&target, 0).into_iter().enumerate() {
                prop_assert_eq!(word, (terms[0].0[i] + first[source(i)]) % q);
            }
        }
    }

    #[test]
    fn squares_equal_the_reference(seed: u64, prime in 0..PRIMES.len(), count in 1..9usize, extreme: bool) {
        let mut random = SplitMix64::new(seed);
        let q = PRIMES[prime];
        let prime = Prime::new(q).unwrap();
        let factor = random.next_u64() % q;
        let scaled = to_montgomery(&prime, to_montgomery(&prime, factor));
        let pairs: Vec<[Vec<u64>; 2]> = (0..count)
            .map(|_| [residues(&mut random, q, extreme), residues(&mut random, q, extreme)])
            .collect();
        let rows: Vec<[Row<'_>; 2]> = pairs.iter().map(|[a, b]| [row_of(a), row_of(b)]).collect();
        for backend in Backend::available() {
            let mut out = Residues::zero(3, DEGREE);
            let [a, b, c] = out.rows_mut().try_into().unwrap();
            backend.squares(&prime, &rows, scaled, [a, b, c]);
            for i in 0..DEGREE {
                let mut expected = [0; 3];
                for [a, b] in &pairs {
                    let ab = prime.multiply(a[i], b[i]);
                    let parts = [prime.multiply(a[i], a[i]), (ab + ab) % q, prime.multiply(b[i], b[i])];
                    for (sum, part) in expected.iter_mut().zip(parts) {
                        *sum = (*sum + prime.multiply(part, factor)) % q;
                    }
                }
                prop_assert_eq!([0, 1, 2].map(|row| flat(&out, row)[i]), expected);
            }
        }
    }

    #[test]
    fn lifts_and_updates_equal_the_reference(
        seed: u64, from in 0..PRIMES.len(), to in 0..PRIMES.len(), extreme: bool,
    ) {
        let mut random = SplitMix64::new(seed);
        let [from, to] = [PRIMES[from], PRIMES[to]].map(|q| Prime::new(q).unwrap());
        let row = residues(&mut random, from.value(), extreme);
        let [target, other] = [(); 2].map(|()| residues(&mut random, to.value(), extreme));
        let weight = random.next_u64() % to.value();
        let scaled = to_montgomery(&to, weight);
        let q = to.value();
        for backend in Backend::available() {
            let mut out = Residues::zero(4, DEGREE);
            backend.lift(&from, &to, row_of(&row), out.row_mut(0));
            for index in 1..4 {
                out.row_mut(index).copy_from_slice(row_of(&target));
            }
            backend.multiply_add(&to, out.row_mut(1), row_of(&other), scaled);
            backend.subtract_multiply(&to, out.row_mut(2), row_of(&other), scaled);
            backend.add(&to, out.row_mut(3), row_of(&other));
            for i in 0..DEGREE {
                let centred = if row[i] > from.value() / 2 {
                    i128::from(row[i]) - i128::from(from.value())
                } else {
                    i128::from(row[i])
                };
                prop_assert_eq!(flat(&out, 0)[i], to.residue(centred));
                prop_assert_eq!(flat(&out, 1)[i], (target[i] + to.multiply(other[i], weight)) % q);
                let difference = (target[i] + q - other[i]) % q;
                prop_assert_eq!(flat(&out, 2)[i], to.multiply(difference, weight));
                prop_assert_eq!(flat(&out, 3)[i], (target[i] + other[i]) % q);
            }
        }
    }
}
