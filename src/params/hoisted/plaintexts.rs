//! The size of the diagonal layout's plaintexts at the roots of x^N + 1.
//!
//! A product with a plaintext p multiplies noise at a root r by p(r). A sum of products has, at r, the variance of the
//! noise times S(r), the sum of abs(p(r))^2. Plaintexts are residues modulo t without order, so S is spread as if they
//! were Gaussians, or less: sums of many products are flat, and so is a plaintext whose slots are all the same.
//!
//! The noise model replaces S by the square of a Gaussian, of the least variance that is nowhere below the truth. The
//! moments E S^k are at most k! times its k-th power for k = 1, 2, 4 and 8 (three squares need no others), and the
//! largest S is at most [`root_tail`] times it. If the maximum of S is hardly larger than its mean, the model replaces
//! S by its maximum everywhere instead.
//!
//! Rotations of a sum move roots. By Minkowski's inequality, the moments of a sum of rotated sums, to the power of 1 /
//! k, are at most those of its parts added up.

use super::super::rules::root_tail;
use crate::circuit::{CircuitLayer, Entry, Op, PlainProducts};
use crate::network::SparseMatrix;
use crate::packing::Packing;
use crate::seal::{
    BatchEncoder, Context, EncryptionParameters, ParametersLiteral, SecurityLevel, coeff_modulus,
};
use rayon::prelude::*;
use std::f64::consts::PI;

/// Largest number of plaintexts of a stage that are examined in detail: each takes most of a millisecond.
const PLAINTEXTS_MAX: usize = 192;
/// Largest number of plaintext coefficients that are examined in a search: 16 plaintext moduli of 256 plaintexts at N =
/// 8192, which takes about a second on two threads.
pub(super) const COEFFICIENTS_MAX: usize = 1 << 25;
/// The powers of the moments of S, with their factorials.
const MOMENTS: [(i32, f64); 4] = [(1, 1.0), (2, 2.0), (4, 24.0), (8, 40_320.0)];
/// Largest ratio of the maximum of S to its mean at which S is replaced by its maximum.
const FLAT: f64 = 1.5;

/// The effect of a stage's plaintexts on noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PlaintextNorm {
    /// Deviation of a sum of products, in units of the deviation of the multiplied ciphertexts.
    pub deviation: f64,
    /// Least number of equal products that would make up the sum.
    pub products: f64,
    /// True if it is the same at all roots, so the degree in Gaussians does not grow.
    pub is_flat: bool,
}

impl PlaintextNorm {
    /// The norm without any product.
    pub const NONE: Self = Self {
        deviation: 1.0,
        products: 1.0,
        is_flat: true,
    };

    /// Returns the norm of `products` plaintexts of which nothing is known except that no coefficient is above t / 2.
    fn unknown(products: usize, degree: usize, t: u64) -> Self {
        let products = products.max(1) as f64;
        Self {
            deviation: t as f64 / 2.0 * (degree as f64 * products).sqrt(),
            products,
            is_flat: false,
        }
    }

    /// Returns the worse of both.
    fn or(self, other: Self) -> Self {
        Self {
            deviation: self.deviation.max(other.deviation),
            products: self.products.min(other.products),
            is_flat: self.is_flat && other.is_flat,
        }
    }
}

/// Computes the norms of a layout's stages under a plaintext modulus. Plaintexts are examined in detail while
/// coefficients are left in `budget`, which counts them down.
pub(super) fn norms(packing: &Packing, t: u64, budget: &mut usize) -> Vec<PlaintextNorm> {
    let degree = packing.slot_map.slots();
    let encoder = encoder(degree, t);
    let layers = packing.circuit.layers().iter();
    layers
        .map(|layer| (layer, sums(layer)))
        .filter(|(_, sums)| !sums.is_empty())
        .map(|(stage, sums)| {
            let count: usize = sums.iter().flatten().map(Vec::len).sum();
            let left = budget.checked_sub(count * degree);
            encoder
                .as_ref()
                .filter(|_| count <= PLAINTEXTS_MAX)
                .filter(|_| left.is_some())
                .and_then(|encoder| {
                    *budget = left.unwrap_or(0);
                    let matrix = stage.matrix(t);
                    let of_sum = |parts: &Vec<Vec<&[Entry]>>| norm(parts, &matrix, encoder, t);
                    let norms: Option<Vec<PlaintextNorm>> = sums.iter().map(of_sum).collect();
                    norms?.into_iter().reduce(PlaintextNorm::or)
                })
                .unwrap_or_else(|| PlaintextNorm::unknown(stage.products(), degree, t))
        })
        .collect()
}

/// Returns the sums of products of a layer, each in parts that are rotated before they are added up.
fn sums(layer: &CircuitLayer) -> Vec<Vec<Vec<&[Entry]>>> {
    let sums = layer.ops().iter().flat_map(|op| match op {
        Op::PlainProducts(sums) => sums.iter().map(|sum| vec![entries(sum)]).collect(),
        Op::LinearTransform { giants, .. } => {
            let parts = giants.iter().map(|giant| entries(&giant.diagonals));
            vec![parts.collect()]
        }
        _ => Vec::new(),
    });
    sums.collect()
}

fn entries(products: &PlainProducts) -> Vec<&[Entry]> {
    let entries = products.iter().map(|(_, entries)| entries.as_slice());
    entries.collect()
}

/// Makes SEAL's encoder; `None` if it refuses the modulus.
fn encoder(degree: usize, t: u64) -> Option<BatchEncoder> {
    // Any modulus above t will do.
    let primes = coeff_modulus::create(degree, &[60]).ok()?;
    let parameters = EncryptionParameters::new(&ParametersLiteral {
        poly_modulus_degree: degree,
        coeff_modulus: primes.into_iter().map(u64::from).collect(),
        plain_modulus: t,
        security: SecurityLevel::None,
    });
    BatchEncoder::new(&Context::new(parameters.ok()?).ok()?).ok()
}

/// The norm of a sum of products; `None` if a plaintext cannot be encoded.
fn norm(
    parts: &[Vec<&[Entry]>],
    matrix: &SparseMatrix,
    encoder: &BatchEncoder,
    t: u64,
) -> Option<PlaintextNorm> {
    let roots = Roots::new(encoder.slot_count());
    let (mut total, mut largest, mut maximum) = (0.0, 0.0, 0.0);
    let mut moments = MOMENTS.map(|_| 0.0);
    for part in parts {
        let squares: Vec<Vec<f64>> = part
            .par_iter()
            .map(|entries| roots.squares_of(entries, matrix, encoder, t))
            .collect::<Option<_>>()?;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mut spread = vec![0.0; encoder.slot_count() / 2];
        for squares in &squares {
            let norm = mean(squares);
            total += norm;
            largest = f64::max(largest, norm);
            for (sum, square) in spread.iter_mut().zip(squares) {
                *sum += square;
            }
        }
        // Scale first: the values may be near 2^130, and their powers would overflow.
        let unit = spread.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        maximum += unit;
        for (moment, (power, factorial)) in moments.iter_mut().zip(MOMENTS) {
            let powers: Vec<f64> = spread.iter().map(|s| (s / unit).powi(power)).collect();
            *moment += unit * (mean(&powers) / factorial).powf(1.0 / f64::from(power));
        }
    }
    let gaussian = moments.into_iter().fold(
        maximum / root_tail(encoder.slot_count() as f64, 1.0),
        f64::max,
    );
    let is_flat = maximum <= FLAT * total;
    Some(PlaintextNorm {
        // A plaintext may be zero.
        deviation: (if is_flat { maximum } else { gaussian }).sqrt().max(1.0),
        products: total / f64::max(largest, f64::MIN_POSITIVE),
        is_flat,
    })
}

/// A complex number.
type Complex = (f64, f64);

const fn times((a, b): Complex, (c, d): Complex) -> Complex {
    (a * c - b * d, a * d + b * c)
}

/// Powers of a root of x^N + 1, to evaluate real polynomials at all of its roots.
struct Roots(Vec<Complex>);

impl Roots {
    /// Returns [`Roots::squares`] of a plaintext; `None` if it cannot be encoded.
    fn squares_of(
        &self,
        entries: &[Entry],
        matrix: &SparseMatrix,
        encoder: &BatchEncoder,
        t: u64,
    ) -> Option<Vec<f64>> {
        let mut slots = vec![0; encoder.slot_count()];
        for entry in entries {
            slots[entry.slot as usize] = matrix.weights()[entry.entry as usize];
        }
        let plain = encoder.encode_u64(&slots).ok()?;
        Some(self.squares(plain.coefficients(), t))
    }

    fn new(degree: usize) -> Self {
        let root = |index: usize| {
            let angle = PI * index as f64 / degree as f64;
            (angle.cos(), angle.sin())
        };
        Self((0..2 * degree).map(root).collect())
    }

    /// Returns the squared magnitudes of a polynomial's values at one root of each of the N/2 conjugate pairs, in the
    /// transform's order. The coefficients are centred residues modulo t.
    ///
    /// At the roots r with r^(N/2) = i, the upper half of the coefficients counts i times.
    fn squares(&self, coefficients: &[u64], t: u64) -> Vec<f64> {
        let size = self.0.len() / 4;
        let centred = |index: usize| {
            let residue = coefficients.get(index).copied().unwrap_or(0);
            if residue > t / 2 {
                -((t - residue) as f64)
            } else {
                residue as f64
            }
        };
        let mut values: Vec<Complex> = (0..size)
            .map(|index| times((centred(index), centred(index + size)), self.0[index]))
            .collect();
        // Decimation in frequency gives the results in bit-reversed order, which does not matter here.
        let mut half = size / 2;
        while half > 0 {
            let step = 2 * size / half;
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (index, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let difference = (a.0 - b.0, a.1 - b.1);
                    *a = (a.0 + b.0, a.1 + b.1);
                    *b = times(difference, self.0[index * step]);
                }
            }
            half /= 2;
        }
        values
            .into_iter()
            .map(|(re, im)| re * re + im * im)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{LoweredOperation, NetworkBuilder, Shape, SplitMix64};

    const T: u64 = 65_537;

    #[test]
    fn squares_are_those_of_the_values_at_the_roots() {
        let mut random = SplitMix64::new(1);
        let coefficients: Vec<u64> = (0..16).map(|_| random.next_u64() % T).collect();
        let mut squares = Roots::new(16).squares(&coefficients, T);
        // One root of each pair of conjugates.
        let mut expected: Vec<f64> = (0..8)
            .map(|k| {
                let mut value = (0.0, 0.0);
                for (index, &residue) in coefficients.iter().enumerate() {
                    let centred = if residue > T / 2 {
                        residue as f64 - T as f64
                    } else {
                        residue as f64
                    };
                    let angle = PI * ((2 * k + 1) * index) as f64 / 16.0;
                    value = (
                        value.0 + centred * angle.cos(),
                        value.1 + centred * angle.sin(),
                    );
                }
                value.0 * value.0 + value.1 * value.1
            })
            .collect();
        squares.sort_unstable_by(f64::total_cmp);
        expected.sort_unstable_by(f64::total_cmp);
        for (a, b) in squares.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-6 * b.max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn a_constant_is_flat_and_random_slots_are_gaussian() {
        let encoder = encoder(1024, 12_289).unwrap();
        let roots = Roots::new(1024);
        let same = encoder.encode_u64(&[5; 1024]).unwrap();
        let squares = roots.squares(same.coefficients(), 12_289);
        assert!(squares.iter().all(|square| (square - 25.0).abs() < 1e-6));
        let mut random = SplitMix64::new(2);
        let slots: Vec<u64> = (0..1024).map(|_| random.next_u64() % 3).collect();
        let plain = encoder.encode_u64(&slots).unwrap();
        let squares = roots.squares(plain.coefficients(), 12_289);
        assert_eq!(squares.len(), 512);
        let mean = squares.iter().sum::<f64>() / 512.0;
        let uniform = 1024.0 * 12_289.0_f64.powi(2) / 12.0;
        assert!((mean / uniform - 1.0).abs() < 0.2, "{mean} {uniform}");
    }

    /// Makes sums of products whose slots hold these entries of a matrix of one column.
    fn sum(slots: &[Vec<u64>]) -> (SparseMatrix, Vec<Vec<Entry>>) {
        let weights = slots.concat().into_iter().map(|w| w.cast_signed() + 1);
        let weights: Vec<i64> = weights.collect();
        let count = weights.len();
        let network = NetworkBuilder::new("entries", Shape::vector(count))
            .uniform_bits(1)
            .linear(1, weights)
            .build()
            .unwrap();
        let LoweredOperation::Sums(sums) = &network.lower()[0].operation else {
            unreachable!()
        };
        let mut next = 0;
        let entries = slots
            .iter()
            .map(|slots| {
                let entry = |slot| {
                    next += 1;
                    Entry {
                        slot: slot as u32,
                        entry: next - 1,
                    }
                };
                (0..slots.len()).map(entry).collect()
            })
            .collect();
        (SparseMatrix::new(&[sums], count, T), entries)
    }

    /// S at one root of each pair.
    fn spread(
        plaintexts: &[Vec<Entry>],
        matrix: &SparseMatrix,
        encoder: &BatchEncoder,
    ) -> Vec<f64> {
        let roots = Roots::new(encoder.slot_count());
        let mut spread = vec![0.0; encoder.slot_count() / 2];
        for entries in plaintexts {
            let squares = roots.squares_of(entries, matrix, encoder, T).unwrap();
            for (sum, square) in spread.iter_mut().zip(squares) {
                *sum += square;
            }
        }
        spread
    }

    #[test]
    fn a_gaussian_of_the_norm_has_no_smaller_moment_than_the_plaintexts() {
        let degree = 1024;
        let encoder = encoder(degree, T).unwrap();
        let mut random = SplitMix64::new(3);
        let mut random_slots = |used: usize, most: u64| -> Vec<u64> {
            (0..used).map(|_| random.next_u64() % most).collect()
        };
        // One product and many, few slots and all, and slots that repeat, so that few coefficients are not zero.
        let cases: Vec<Vec<Vec<u64>>> = vec![
            vec![random_slots(1, 2)],
            vec![random_slots(8, 3)],
            vec![random_slots(degree, 2)],
            (0..3).map(|_| random_slots(degree, 3)).collect(),
            (0..20).map(|_| random_slots(64, 3)).collect(),
            vec![random_slots(4, 9).repeat(degree / 4)],
            vec![vec![6; degree]],
        ];
        for (case, slots) in cases.iter().enumerate() {
            let (matrix, plaintexts) = sum(slots);
            let parts: Vec<Vec<&[Entry]>> = vec![plaintexts.iter().map(Vec::as_slice).collect()];
            let norm = norm(&parts, &matrix, &encoder, T).unwrap();
            let spread = spread(&plaintexts, &matrix, &encoder);
            let variance = norm.deviation.powi(2);
            let maximum = spread.iter().copied().fold(0.0, f64::max);
            let mean = |power: i32| {
                let powers = spread.iter().map(|s| (s / variance).powi(power));
                powers.sum::<f64>() / spread.len() as f64
            };
            // Where the degree stays, no moment may exceed the deviation. Elsewhere, no moment that occurs within three
            // squares may exceed that of the square of a Gaussian.
            let mut tightest: f64 = 0.0;
            for power in [1, 2, 4, 8] {
                let gaussian: f64 = (1..=power).map(f64::from).product();
                let most = if norm.is_flat { 1.0 } else { gaussian };
                let share = mean(power) / most;
                assert!(share <= 1.0 + 1e-9, "case {case}, moment {power}: {share}");
                tightest = tightest.max(share.powf(1.0 / f64::from(power)));
            }
            let most = if norm.is_flat {
                variance
            } else {
                variance * root_tail(degree as f64, 1.0)
            };
            assert!(maximum <= most * (1.0 + 1e-9), "case {case}");
            // The norm is also no larger than needed.
            tightest = tightest.max(maximum / most);
            assert!(tightest > 1.0 - 1e-9, "case {case}: {tightest}");
            assert_eq!(norm.is_flat, case == 6, "case {case}: {norm:?}");
        }
    }

    #[test]
    fn squared_sums_of_products_have_no_more_noise_than_the_norm_says() {
        let degree = 1024;
        let encoder = encoder(degree, T).unwrap();
        let mut random = SplitMix64::new(4);
        for products in [1, 3, 12] {
            let slots: Vec<Vec<u64>> = (0..products)
                .map(|_| (0..degree).map(|_| random.next_u64() % 3).collect())
                .collect();
            let (matrix, plaintexts) = sum(&slots);
            let parts: Vec<Vec<&[Entry]>> = vec![plaintexts.iter().map(Vec::as_slice).collect()];
            let norm = norm(&parts, &matrix, &encoder, T).unwrap();
            let spread = spread(&plaintexts, &matrix, &encoder);
            // With noise of variance 1 at the roots, the value of a sum is a Gaussian of variance S.
            let mut moments = [0.0; 2];
            let draws = 200;
            for _ in 0..draws {
                for s in &spread {
                    // The square of a complex Gaussian is exponentially distributed.
                    let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
                    let square = -s * f64::ln(1.0 - uniform);
                    moments[0] += square;
                    moments[1] += square * square;
                }
            }
            let count = f64::from(draws) * spread.len() as f64;
            let [second, fourth] = moments.map(|moment| moment / count);
            let variance = norm.deviation.powi(2);
            // A sum counts as a polynomial of degree 2, and its square, by Bombieri's inequality, counts C(4, 2) times
            // as much.
            let bound = crate::params::rules::product(
                1.0,
                crate::params::rules::Powers::errors(2),
                crate::params::rules::Powers::errors(2),
            );
            assert!(second <= variance * 1.02, "{second} {variance}");
            let share = fourth / (bound * variance).powi(2);
            println!("{products} products: {share:.3} of the bound");
            assert!((0.2..=1.0).contains(&share), "{products}: {share}");
        }
    }
}
