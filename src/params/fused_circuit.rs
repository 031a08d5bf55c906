//! The circuit of fused kernels, and its cost.

use super::hoisted::WorkRates;
use super::options::Scheme;
use crate::circuit::{Circuit, Op};
use crate::kernels::{LANES, square_work, sum_work, weighted_work};
use crate::network::{CropNetwork, Network};

/// Nanoseconds for a vector operation: between the value for layers whose windows fit in the first-level cache and that
/// for other layers.
const OPERATION_NANOSECONDS: f64 = 0.38;
/// Nanoseconds for a word of the results: assembling, transforming, and dropping primes.
pub const RESPOND_NANOSECONDS: f64 = 15.0;

/// Predicts the nanoseconds for dropping a prime of a request of `inputs` ciphertexts before the first layer, under one
/// plain prime: a transform of each polynomial for the prime itself and for each of the `primes` that are left, whose
/// rows are read and written.
pub fn dropping_nanoseconds(inputs: usize, primes: usize, degree: usize, rates: &WorkRates) -> f64 {
    let row = (degree / LANES) as f64 * 3.0 * rates.stream + rates.transform;
    (2 * inputs * (primes + 1)) as f64 * row
}

/// The circuit of a network in the batched or crop layout.
pub(super) struct FusedCircuit {
    pub scheme: Scheme,
    pub circuit: Circuit,
    /// Number of slots that an image takes.
    pub slots: usize,
}

impl FusedCircuit {
    /// Builds the circuit of a network in a scheme; `None` if the scheme cannot serve it.
    pub(super) fn new(network: &Network, scheme: Scheme) -> Option<Self> {
        let (circuit, slots) = match scheme {
            Scheme::Batched => (Circuit::of_values(network, false), 1),
            Scheme::Stock | Scheme::Diagonal | Scheme::FewUploads => return None,
            Scheme::Crops => {
                let crops = CropNetwork::new(network).ok()?;
                let slots = crops.position_count() * crops.logits();
                (Circuit::of_crops(&crops), slots)
            }
        };
        Some(Self {
            scheme,
            circuit,
            slots,
        })
    }

    /// Estimates the number of vector operations on eight coefficients of one prime.
    fn work(&self) -> f64 {
        let steps = self.circuit.walk(&[]).flat_map(|(_, steps)| steps);
        let work = steps.map(|step| match step.op {
            Op::LinearCombination(sums) => {
                sum_work(step.polynomials, sums.term_count(), sums.len())
            }
            Op::Squares => square_work(step.polynomials, step.ciphertexts, step.ciphertexts),
            Op::SumOfProducts { .. } => weighted_work(step.polynomials, step.ciphertexts),
            _ => 0.0,
        });
        work.sum()
    }

    /// Returns the number of ciphertexts in a response.
    pub(super) fn outputs(&self) -> usize {
        self.circuit.outputs().last().copied().unwrap_or(0)
    }

    /// Predicts the nanoseconds for a batch on one thread at nominal rates: the model of `Plan::forecast`, without
    /// caches.
    pub(super) fn nanoseconds(&self, degree: usize, primes: usize, plain_primes: usize) -> f64 {
        let read = WorkRates::nominal(degree).stream * (2 * self.circuit.inputs()) as f64;
        let chunk = self.work() * OPERATION_NANOSECONDS + read;
        let polynomials = self.circuit.polynomials() * self.outputs();
        let respond = (polynomials * degree) as f64 * RESPOND_NANOSECONDS;
        (primes * plain_primes) as f64 * ((degree / LANES) as f64 * chunk + respond)
    }
}
