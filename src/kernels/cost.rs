//! The cost of programs: vector operations on eight coefficients of one prime, and the time of one operation on this
//! machine.

use super::backend::Backend;
use super::prime::Prime;
use super::program::{KernelLayer, Program, Scratch, Sum, Then};
use super::residues::{Residues, Row};
use std::time::Instant;

/// Operations for the reduction of a sum.
const REDUCE: f64 = 9.0;
/// Operations for the reduction of a square.
const REDUCE_SQUARE: f64 = 7.0;
/// Largest number of bytes that a layer's windows may read and still stay in the first-level cache; beyond it,
/// operations take longer.
const NEAR_BYTES: usize = 128 << 10;

/// Counts the operations of `outputs` sums of `terms` values in all, each of `size` polynomials.
pub fn sum_work(size: usize, terms: usize, outputs: usize) -> f64 {
    size as f64 * (terms as f64 + REDUCE * outputs as f64)
}

/// Counts the operations of `squares` squares of values of `size` polynomials, added up to `outputs` sums.
pub fn square_work(size: usize, squares: usize, outputs: usize) -> f64 {
    let products = (size * (size + 1)) as f64;
    squares as f64 * products + outputs as f64 * REDUCE_SQUARE * (2 * size - 1) as f64
}

/// Counts the operations of `products` products with plaintexts, added up.
pub const fn weighted_work(size: usize, products: usize) -> f64 {
    2.0 * size as f64 * products as f64
}

/// The nanoseconds of a vector operation on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Nanoseconds in a layer whose windows read at most 128 KB.
    pub near: f64,
    /// Nanoseconds in other layers.
    pub far: f64,
    /// Nanoseconds for eight words that are read from memory once.
    pub stream: f64,
}

impl Rates {
    /// Measures all rates on this thread: the fastest of several runs of programs of known work, and one pass over 50
    /// MB. It takes some tens of milliseconds; other work on the machine makes the measured rates too slow.
    pub fn measure(backend: Backend) -> Self {
        super::warn_if_unoptimised();
        Self {
            near: operation_nanoseconds(backend, NEAR_BYTES / 2, 64, 128),
            far: operation_nanoseconds(backend, NEAR_BYTES * 2, 64, 128),
            stream: stream_nanoseconds(backend, 8192, 8, 32),
        }
    }

    /// Predicts the nanoseconds of a layer whose windows read `window_bytes` bytes.
    pub const fn nanoseconds(&self, work: f64, window_bytes: usize) -> f64 {
        work * if window_bytes <= NEAR_BYTES {
            self.near
        } else {
            self.far
        }
    }
}

/// Measures the nanoseconds per operation for `outputs` squared sums of `terms` values, which read all of `bytes`
/// bytes.
fn operation_nanoseconds(backend: Backend, bytes: usize, outputs: usize, terms: usize) -> f64 {
    const RUNS: usize = 9;
    let inputs = bytes / 128;
    // 2^45 - 229375 = 1 mod 2^15; any odd number would do.
    let Some(prime) = Prime::new((1 << 45) - 229_375) else {
        return f64::NAN;
    };
    // Spread over all inputs, whose number is a power of two.
    let term = |output: usize, term: usize| {
        let input = (output * 7919 + term * 1_000_003) % inputs;
        (input as u32, if term.is_multiple_of(2) { 1 } else { -1 })
    };
    let sums = (0..outputs)
        .map(|output| Sum {
            terms: (0..terms).map(|at| term(output, at)).collect(),
            constant: 0,
        })
        .collect();
    let layer = KernelLayer::Sums {
        sums,
        then: Then::Square,
        order: (0..outputs as u32).collect(),
    };
    let Some(program) = Program::new(prime, inputs, 2, vec![layer]) else {
        return f64::NAN;
    };
    let row = [1u64; super::LANES];
    let rows = vec![&row[..]; 2 * inputs];
    let mut output = vec![0; outputs * 3 * super::LANES];
    let mut scratch = Scratch::default();
    let fastest = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            scratch.nanoseconds.clear();
            backend.run(&program, &rows, 0, &mut scratch, &mut output);
            let whole = start.elapsed().as_nanos() as f64;
            scratch
                .nanoseconds
                .first()
                .map_or(whole, |&layer| layer as f64)
        })
        .fold(f64::INFINITY, f64::min);
    fastest / (sum_work(2, outputs * terms, outputs) + square_work(2, outputs, outputs))
}

/// Measures the nanoseconds to read eight words, in `sums` sums of `terms` products whose words are read for the first
/// time.
fn stream_nanoseconds(backend: Backend, degree: usize, terms: usize, sums: usize) -> f64 {
    let Some(prime) = Prime::new((1 << 45) - 229_375) else {
        return f64::NAN;
    };
    let factors: Vec<[Residues; 2]> = (0..sums)
        .map(|_| {
            [
                Residues::zero(1, terms * degree),
                Residues::zero(2 * terms, degree),
            ]
        })
        .collect();
    let mut out = Residues::zero(2, degree);
    let start = Instant::now();
    for [weights, values] in &factors {
        let terms: Vec<[Row<'_>; 2]> = (0..terms)
            .map(|term| [values.row(2 * term), values.row(2 * term + 1)])
            .collect();
        if let Ok(out) = out.rows_mut().try_into() {
            backend.products(&prime, weights.row(0), &terms, out);
        }
    }
    let vectors = sums * 3 * terms * degree / super::LANES;
    start.elapsed().as_nanos() as f64 / vectors as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that two rates agree to a factor of three. Other work on the machine slows one of them down at times, so
    /// the smallest of several attempts counts for each, and the attempts alternate.
    fn agree(first: impl Fn() -> f64, second: impl Fn() -> f64) -> Result<(), [f64; 2]> {
        let mut least = [f64::INFINITY; 2];
        for _ in 0..64 {
            least = [least[0].min(first()), least[1].min(second())];
            let ratio = least[0] / least[1];
            if (1.0 / 3.0..3.0).contains(&ratio) && least[0] > 0.0 {
                return Ok(());
            }
        }
        Err(least)
    }

    /// Measures work of other shapes, with none of the numbers that the rates' own programs use.
    #[test]
    fn rates_foretell_the_time_of_other_work_on_every_backend() {
        for backend in Backend::available() {
            for (bytes, near) in [(NEAR_BYTES / 4, true), (NEAR_BYTES * 4, false)] {
                let rate = || {
                    let rates = Rates::measure(backend);
                    if near { rates.near } else { rates.far }
                };
                let agreed = agree(rate, || operation_nanoseconds(backend, bytes, 24, 400));
                assert!(
                    agreed.is_ok(),
                    "{} {bytes} bytes {agreed:?}",
                    backend.name()
                );
            }
            let agreed = agree(
                || Rates::measure(backend).stream,
                || stream_nanoseconds(backend, 4096, 20, 13),
            );
            assert!(agreed.is_ok(), "{} stream {agreed:?}", backend.name());
        }
    }

    /// A program with eight times the outputs takes about eight times as long, so the measured time is that of the
    /// program.
    #[test]
    fn eight_times_the_outputs_take_eight_times_as_long() {
        let backend = Backend::detect();
        let seconds = |outputs: usize| {
            let work = sum_work(2, outputs * 64, outputs) + square_work(2, outputs, outputs);
            operation_nanoseconds(backend, NEAR_BYTES / 2, outputs, 64) * work
        };
        let eightfold = agree(|| seconds(256) / 8.0, || seconds(32));
        assert!(eightfold.is_ok(), "{eightfold:?}");
    }

    #[test]
    fn layers_are_near_up_to_128_kilobytes() {
        let rates = Rates {
            near: 2.0,
            far: 3.0,
            stream: 5.0,
        };
        let times = [0, 128 << 10, (128 << 10) + 1, usize::MAX]
            .map(|bytes| rates.nanoseconds(10.0, bytes).to_string());
        assert_eq!(times, ["20", "20", "30", "30"]);
    }

    /// Compares with counts by hand, see `docs/EVALUATION.md`, "Cost".
    #[test]
    fn work_is_as_counted_by_hand() {
        let counted = [
            // Two polynomials of three sums of ten terms in all, each reduced in nine operations.
            sum_work(2, 10, 3),
            // A square of two coefficients takes three products of two operations; three results are reduced in seven.
            square_work(2, 1, 1),
            // A square of three coefficients takes six products and gives five results.
            square_work(3, 8, 8),
            // Pooled squares are reduced once.
            square_work(3, 8, 2),
            // Each polynomial takes two operations.
            weighted_work(5, 4),
        ];
        let expected = [74, 27, 8 * 12 + 8 * 35, 8 * 12 + 2 * 35, 40];
        assert_eq!(
            counted.map(|work| work.to_string()),
            expected.map(|work| work.to_string())
        );
    }
}
