//! The data that the server makes once for a plan and a client's keys: plaintexts and keys as rows.

use super::ring::{Ring, RotationKey};
use crate::circuit::{Entry, Op, PlainProducts, SlotRotation, Step, levels};
use crate::engine::correction::{Point, schedule};
use crate::engine::error::{Doing, EngineError};
use crate::engine::plan::Plan;
use crate::kernels::{Permutation, Prime, Residues};
use crate::modular::multiply;
use crate::network::SparseMatrix;
use crate::seal::{BatchEncoder, GaloisKeys, RelinKeys};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The plaintexts of an operation, if it has any.
#[derive(Debug)]
pub(super) enum Prepared {
    /// One sum of products for each ciphertext, or for each giant step.
    Products(Vec<Weights>),
    /// One plaintext to add for each ciphertext.
    Biases(Vec<Residues>),
    Nothing,
}

/// The plaintexts of a sum of products.
#[derive(Debug)]
pub(super) struct Weights {
    /// Index of the ciphertext that each plaintext multiplies.
    pub of: Vec<usize>,
    /// Rows of the plaintexts, interleaved.
    pub rows: Residues,
}

/// The data that does not depend on a request.
#[derive(Debug)]
pub(super) struct Tables {
    /// For each layer, what each of its operations needs.
    pub layers: Vec<Vec<Prepared>>,
    /// Relinearisation key of the squares, with a permutation that moves nothing.
    pub relin: Option<RotationKey>,
    pub rotations: BTreeMap<SlotRotation, RotationKey>,
}

struct Maker<'a> {
    ring: &'a Ring,
    encoder: BatchEncoder,
}

impl Maker<'_> {
    fn encode(
        &self,
        entries: &[Entry],
        values: &[u64],
        factor: u64,
    ) -> Result<Vec<u64>, EngineError> {
        let t = self.ring.plain_modulus;
        let mut slots = vec![0; self.ring.degree];
        for entry in entries {
            slots[entry.slot as usize] = multiply(values[entry.entry as usize], factor, t);
        }
        let plain = self
            .encoder
            .encode_u64(&slots)
            .doing(|| "encoding the weights".to_owned())?;
        Ok(plain.coefficients().to_vec())
    }

    /// Makes the weights of a product, in Montgomery form.
    fn weights(
        &self,
        entries: &[Entry],
        matrix: &SparseMatrix,
        level: usize,
        special: bool,
    ) -> Result<Residues, EngineError> {
        let coefficients = self.encode(entries, matrix.weights(), 1)?;
        self.ring.plain(&coefficients, level, special, Prime::radix)
    }

    /// Makes the biases for a point of the schedule.
    fn biases(
        &self,
        entries: &[Entry],
        matrix: &SparseMatrix,
        point: &Point,
    ) -> Result<Residues, EngineError> {
        let t = self.ring.plain_modulus;
        let coefficients = self.encode(entries, matrix.biases(), point.kappa)?;
        self.ring.plain(&coefficients, point.level, false, |prime| {
            prime.invert(t % prime.value())
        })
    }

    fn products(
        &self,
        products: &PlainProducts,
        matrix: &SparseMatrix,
        level: usize,
        special: bool,
    ) -> Result<Weights, EngineError> {
        let rows: Vec<Residues> = products
            .par_iter()
            .map(|(_, entries)| self.weights(entries, matrix, level, special))
            .collect::<Result<_, EngineError>>()?;
        Ok(Weights {
            of: products.iter().map(|(index, _)| *index as usize).collect(),
            rows: Residues::interleave(&rows),
        })
    }

    /// Prepares an operation. Biases are added to values at this point of the schedule.
    fn op(
        &self,
        step: &Step<'_>,
        matrix: &SparseMatrix,
        point: &Point,
    ) -> Result<Prepared, EngineError> {
        let level = step.level;
        Ok(match step.op {
            Op::PlainProducts(sums) => {
                let sums = sums.iter();
                let sums = sums.map(|products| self.products(products, matrix, level, false));
                Prepared::Products(sums.collect::<Result<_, _>>()?)
            }
            Op::LinearTransform { giants, .. } => {
                let sums = giants.iter();
                let sums = sums.map(|giant| self.products(&giant.diagonals, matrix, level, true));
                Prepared::Products(sums.collect::<Result<_, _>>()?)
            }
            Op::AddPlain(biases) => {
                let biases = biases.iter();
                let biases = biases.map(|entries| self.biases(entries, matrix, point));
                Prepared::Biases(biases.collect::<Result<_, _>>()?)
            }
            _ => Prepared::Nothing,
        })
    }
}

impl Tables {
    pub(super) fn new(
        ring: &Ring,
        plan: &Plan,
        relin_keys: Option<&RelinKeys>,
        galois_keys: Option<&GaloisKeys>,
    ) -> Result<Self, EngineError> {
        let maker = Maker {
            ring,
            encoder: BatchEncoder::new(&ring.context)
                .doing(|| "encoding the weights".to_owned())?,
        };
        let data: Vec<u64> = (0..ring.data()).map(|i| ring.prime(i).value()).collect();
        let circuit = plan.circuit();
        let (drops, squares) = (plan.parameters().drops(), plan.squares());
        let points = schedule(&data, drops, squares, ring.plain_modulus);
        let levels = levels(data.len(), drops);
        let fault = EngineError::Internal("no point of the noise schedule for a layer");
        let last = *points.last().ok_or(fault)?;
        let layers = circuit
            .walk(&levels)
            .enumerate()
            .map(|(index, (layer, steps))| {
                let matrix = layer.matrix(ring.plain_modulus);
                let point = points.get(index).unwrap_or(&last);
                let prepared = steps.iter().map(|step| maker.op(step, &matrix, point));
                prepared.collect()
            })
            .collect::<Result<_, EngineError>>()?;
        let missing = |what| EngineError::Mismatch {
            message: "set of evaluation keys",
            what,
            expected: 1,
            actual: 0,
        };
        let relin = if plan.client_spec().needs_relin_keys() {
            let keys = relin_keys.ok_or_else(|| missing("relinearisation keys"))?;
            let identity = Permutation::new(ring.degree, 1)
                .ok_or(EngineError::Internal("the identity is no permutation"))?;
            let level = circuit.relinearizes(&levels).unwrap_or(data.len());
            Some((ring.relin_key(level, keys)?, identity))
        } else {
            None
        };
        let rotations = circuit
            .rotations(&levels)
            .into_par_iter()
            .map(|(rotation, level)| {
                let keys = galois_keys.ok_or_else(|| missing("Galois keys"))?;
                let element = rotation.element(ring.degree);
                let permutation = Permutation::new(ring.degree, element)
                    .ok_or_else(|| missing("Galois elements"))?;
                let key = ring.galois_key(level, keys, element)?;
                Ok((rotation, (key, permutation)))
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Self {
            layers,
            relin,
            rotations,
        })
    }
}
