//! What programs cost: vector operations on eight coefficients of one prime, and the time that one takes here.

use super::backend::Backend;
use super::prime::Prime;
use super::program::{LayerSpec, Program, Scratch, Sum, Then};
use super::residues::{Residues, Row};
use std::time::Instant;

/// The reduction of a sum.
const REDUCE: f64 = 9.0;
/// The reduction of a square.
const REDUCE_SQUARE: f64 = 7.0;
/// Layers whose windows read more bytes than this take longer for an operation: the first-level cache does not hold them.
const NEAR_BYTES: usize = 128 << 10;

/// Operations of `outputs` sums of `terms` values of `size` polynomials in all.
pub fn sum_work(size: usize, terms: usize, outputs: usize) -> f64 {
    size as f64 * (terms as f64 + REDUCE * outputs as f64)
}

/// Operations of `squares` squares of values of `size` polynomials, added up to `outputs` sums.
pub fn square_work(size: usize, squares: usize, outputs: usize) -> f64 {
    let products = (size * (size + 1)) as f64;
    squares as f64 * products + outputs as f64 * REDUCE_SQUARE * (2 * size - 1) as f64
}

/// Operations of `products` products with plaintexts, added up.
pub const fn weighted_work(size: usize, products: usize) -> f64 {
    2.0 * size as f64 * products as f64
}

/// Nanoseconds that a vector operation takes on one thread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// In a layer whose windows read at most 128 KB.
    pub near: f64,
    /// In other layers.
    pub far: f64,
    /// Nanoseconds for eight words that are read from memory, once.
    pub stream: f64,
}

impl Rates {
    /// Measures all on this thread: programs of known work, the fastest of several runs, and 50 MB read once. Takes some
    /// tens of milliseconds; other work on the machine makes them too slow.
    pub fn measure(backend: Backend) -> Self {
        Self {
            near: measure(backend, NEAR_BYTES / 2),
            far: measure(backend, NEAR_BYTES * 2),
            stream: stream(backend),
        }
    }

    /// Nanoseconds of a layer whose windows read so many bytes.
    pub const fn nanoseconds(&self, work: f64, window_bytes: usize) -> f64 {
        work * if window_bytes <= NEAR_BYTES {
            self.near
        } else {
            self.far
        }
    }
}

/// Nanoseconds an operation of sums and squares that read so many bytes all over.
fn measure(backend: Backend, bytes: usize) -> f64 {
    const OUTPUTS: usize = 64;
    const TERMS: usize = 128;
    const RUNS: usize = 9;
    let inputs = bytes / 128;
    // 2^45 - 229375 = 1 mod 2^15; any odd number would do.
    let Some(prime) = Prime::new((1 << 45) - 229_375) else {
        return f64::NAN;
    };
    // All over the inputs, whose number is a power of two.
    let term = |output: usize, term: usize| {
        let input = (output * 7919 + term * 1_000_003) % inputs;
        (input as u32, if term.is_multiple_of(2) { 1 } else { -1 })
    };
    let sums = (0..OUTPUTS)
        .map(|output| Sum {
            terms: (0..TERMS).map(|at| term(output, at)).collect(),
            constant: 0,
        })
        .collect();
    let layer = LayerSpec::Sums {
        sums,
        then: Then::Square,
        order: (0..OUTPUTS as u32).collect(),
    };
    let Some(program) = Program::new(prime, inputs, 2, vec![layer]) else {
        return f64::NAN;
    };
    let row = [1u64; super::LANES];
    let rows = vec![&row[..]; 2 * inputs];
    let mut output = vec![0; OUTPUTS * 3 * super::LANES];
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
    fastest / (sum_work(2, OUTPUTS * TERMS, OUTPUTS) + square_work(2, OUTPUTS, OUTPUTS))
}

/// Nanoseconds for eight words of sums of products that are read for the first time.
fn stream(backend: Backend) -> f64 {
    const DEGREE: usize = 8192;
    const TERMS: usize = 8;
    const SUMS: usize = 32;
    let Some(prime) = Prime::new((1 << 45) - 229_375) else {
        return f64::NAN;
    };
    let sums: Vec<[Residues; 2]> = (0..SUMS)
        .map(|_| {
            [
                Residues::zero(1, TERMS * DEGREE),
                Residues::zero(2 * TERMS, DEGREE),
            ]
        })
        .collect();
    let mut out = Residues::zero(2, DEGREE);
    let start = Instant::now();
    for [weights, values] in &sums {
        let terms: Vec<[Row<'_>; 2]> = (0..TERMS)
            .map(|term| [values.row(2 * term), values.row(2 * term + 1)])
            .collect();
        if let Ok(out) = out.rows_mut().try_into() {
            backend.products(&prime, weights.row(0), &terms, out);
        }
    }
    let vectors = SUMS * 3 * TERMS * DEGREE / super::LANES;
    start.elapsed().as_nanos() as f64 / vectors as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_measured_on_every_backend() {
        for backend in Backend::available() {
            let rates = Rates::measure(backend);
            // A vector operation takes between a part of a cycle and some hundred.
            for rate in [rates.near, rates.far, rates.stream] {
                assert!(
                    (0.01..1000.0).contains(&rate),
                    "{} {rates:?}",
                    backend.name()
                );
            }
            for (bytes, rate) in [(1, rates.near), (1 << 20, rates.far)] {
                assert!((rates.nanoseconds(2.0, bytes) - 2.0 * rate).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn pooled_squares_are_reduced_once() {
        let (single, pooled) = (square_work(3, 8, 8), square_work(3, 8, 2));
        assert!(pooled < single && pooled > 8.0 * 12.0);
    }
}
