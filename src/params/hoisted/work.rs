//! The work of the diagonal layout's steps: one model for the choice of parameters and layouts and for forecasts.

use crate::circuit::{Circuit, Op, SlotRotation, Step, moving};
use crate::packing::SlotMap;

/// Operations for the product of a digit with a key: a permutation, two loads, two products of two halves each.
const SWITCH: f64 = 8.0;
/// Operations for the result of a key switch: two reductions.
const SWITCHED: f64 = 40.0;
/// Operations for a product with a plaintext, and for the reduction of a sum, for both polynomials.
const PRODUCT: f64 = 6.0;
const SUM: f64 = 28.0;
/// Operations for a square, and for the reductions of a sum of squares.
const SQUARE: f64 = 20.0;
const SQUARED: f64 = 27.0;
/// Operations for a product of three polynomials with a plaintext, reduced, and for a bias.
const LAST: f64 = 72.0;
/// Nanoseconds for a word of the response before primes are dropped, and for a slot of a mask; both use SEAL's own
/// calls.
const RESPOND_NANOSECONDS: f64 = 4.0;
const MASK_NANOSECONDS: f64 = 10.0;

/// The work of a step, for one plaintext modulus.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// Number of number-theoretic transforms of a row, with the work on the row before or after.
    pub transforms: f64,
    /// Number of vectors of eight words that are read from memory: the request, plaintexts, keys.
    pub streamed: f64,
    /// Number of operations on vectors of eight words that the caches hold.
    pub operations: f64,
    /// Nanoseconds that do not depend on these counts.
    pub nanoseconds: f64,
}

/// The time of each unit of work on a machine, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkRates {
    /// Time of a transform of a row of N words.
    pub transform: f64,
    /// Time to read eight words from memory.
    pub stream: f64,
    /// Time of an operation on a vector.
    pub operation: f64,
}

impl WorkRates {
    /// Returns the rates for which parameters are chosen: measured on one thread of an AMD EPYC with AVX512-IFMA, see
    /// `docs/EVALUATION.md`. They are fixed, so that client and server make the same choice.
    pub fn nominal(degree: usize) -> Self {
        Self {
            // 18.3 us for 8,192 words.
            transform: 0.172 * degree as f64 * f64::from(degree.max(2).ilog2()),
            stream: 4.5,
            operation: 0.34,
        }
    }
}

impl Work {
    /// Returns the time on one thread, in nanoseconds.
    pub fn nanoseconds(&self, rates: &WorkRates) -> f64 {
        self.transforms * rates.transform
            + self.streamed * rates.stream
            + self.operations * rates.operation
            + self.nanoseconds
    }
}

/// Counts the work of every layer, in the order of a plan's layers, and of the response. `levels` are the numbers of
/// data primes of the request, then after each layer but the last.
pub fn diagonal_work(circuit: &Circuit, slot_map: &SlotMap, levels: &[usize]) -> Vec<Work> {
    let count = Count {
        vectors: slot_map.slots() as f64 / 8.0,
    };
    let (mut all, mut last) = (Vec::new(), 1);
    for (_, steps) in circuit.walk(levels) {
        let mut work = Work::default();
        for step in steps {
            count.step(&mut work, step);
            last = step.keep;
        }
        all.push(work);
    }
    let (responses, level) = (slot_map.outputs() as f64, last as f64);
    let polynomials = circuit.polynomials() as f64;
    let slots = responses * slot_map.slots() as f64;
    all.push(Work {
        transforms: responses * polynomials * level,
        nanoseconds: slots * (polynomials * level * RESPOND_NANOSECONDS + MASK_NANOSECONDS),
        ..Work::default()
    });
    all
}

/// Adds the work of decomposing a polynomial into digits.
fn decompose(work: &mut Work, level: f64) {
    work.transforms += level * level + level;
}

/// The counts for one degree.
struct Count {
    /// Number of vectors in a row.
    vectors: f64,
}

impl Count {
    /// Adds the work of an operation of the circuit.
    fn step(&self, work: &mut Work, step: Step<'_>) {
        match step.op {
            Op::LinearTransform { .. } | Op::RotateAndSum(_) | Op::Relinearize => {
                for _ in 0..step.ciphertexts {
                    self.one(work, step);
                }
            }
            _ => self.one(work, step),
        }
    }

    /// Adds the work of an operation, or of its part for one ciphertext.
    fn one(&self, work: &mut Work, step: Step<'_>) {
        let level = step.level as f64;
        match step.op {
            // The sums of the request, each divided by t.
            Op::PlainProducts(sums) if step.polynomials == 2 => {
                for products in sums {
                    self.products(work, products.len() as f64, level);
                    work.transforms += 2.0 * level;
                }
            }
            Op::PlainProducts(sums) => {
                let rows = sums.len() as f64 * level * self.vectors;
                work.operations += rows * LAST;
                work.streamed += rows;
            }
            Op::LinearTransform { babies, giants } => {
                decompose(work, level);
                for _ in 0..moving(babies) {
                    self.switch(work, 1.0, level);
                }
                for giant in giants {
                    let terms = giant.diagonals.len() as f64;
                    let rows = (level + 1.0) * self.vectors;
                    work.streamed += terms * rows;
                    work.operations += rows * (PRODUCT * terms + SUM);
                    if giant.rotation != SlotRotation::NONE {
                        // The second polynomial, without the special prime.
                        work.transforms += level + 1.0;
                        decompose(work, level);
                        self.switch(work, 1.0, level);
                    }
                }
                work.transforms += 2.0 * (level + 1.0);
            }
            Op::RotateAndSum(rotations) => {
                decompose(work, level);
                self.switch(work, rotations.len() as f64, level);
                work.transforms += 2.0 * (level + 1.0);
            }
            Op::SumOfSquares => {
                let squares = SQUARE * step.ciphertexts as f64 + SQUARED;
                work.operations += level * self.vectors * squares;
            }
            Op::Relinearize => {
                decompose(work, level);
                self.switch(work, 1.0, level);
                work.transforms += 2.0 * (level + 1.0);
            }
            // Each polynomial is read, and divided by the primes that go.
            Op::FromShared => {
                let polynomials = 2.0 * step.ciphertexts as f64;
                work.transforms += polynomials * level;
                work.streamed += polynomials * level * self.vectors;
            }
            // Dropping primes is part of the division before it; the others do not occur in this layout.
            _ => {}
        }
    }

    /// Adds the work of a sum of products of the request's ciphertexts and plaintexts.
    fn products(&self, work: &mut Work, terms: f64, level: f64) {
        work.streamed += 3.0 * terms * level * self.vectors;
        work.operations += level * self.vectors * SUM;
    }

    /// Adds the work of multiplying digits by the keys of `rotations` rotations, and of adding up the products.
    fn switch(&self, work: &mut Work, rotations: f64, level: f64) {
        let rows = (level + 1.0) * self.vectors;
        work.streamed += rotations * 2.0 * level * rows;
        work.operations += rows * (SWITCH * rotations * level + SWITCHED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::random_hcnn;
    use crate::packing::Packing;

    #[test]
    fn the_work_of_hcnn_mnist_is_as_counted_by_hand() {
        let packing = Packing::diagonal(&random_hcnn(1, 2, 100).unwrap(), 8192).unwrap();
        let work = diagonal_work(&packing.circuit, &packing.slot_map, &[5, 4, 3, 2]);
        // conv1: five rows of two polynomials, divided. square1: 4 * 5 to decompose, two times 5 rows. conv2: 3 * 4 to
        // decompose, a giant step of 4 + 12, two times 4 rows, two rotate-and-sum groups of 3 * 4 and two times 4 rows.
        let transforms: Vec<f64> = work.iter().map(|work| work.transforms).collect();
        assert_eq!(
            format!("{transforms:?}"),
            "[10.0, 30.0, 76.0, 0.0, 0.0, 12.0]"
        );
        // conv1: 25 products of three rows. square1: a key of 4 digits. conv2: 12 keys of 3 digits, 16
        // plaintexts of 4 rows.
        let rows: Vec<f64> = work.iter().map(|work| work.streamed / 1024.0).collect();
        let expected = [25 * 3 * 5, 4 * 2 * 5, 12 * 24 + 16 * 4, 0, 4, 0].map(f64::from);
        assert_eq!(format!("{rows:?}"), format!("{expected:?}"));
        let rates = WorkRates {
            transform: 1.0,
            stream: 0.0,
            operation: 0.0,
        };
        let square = &work[1];
        assert_eq!(format!("{}", square.nanoseconds(&rates)), "30");
    }
}
