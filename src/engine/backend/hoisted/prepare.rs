//! The data that the server makes once for a plan and a client's keys: plaintexts and keys as rows.

use super::ring::{Key, Ring, RotationKey};
use crate::circuit::{Entry, Op, PlainProducts, SlotRotation, Step, levels};
use crate::engine::compact_keys::CompactKeys;
use crate::engine::correction::{Point, after_upload, schedule};
use crate::engine::error::{Doing, EngineError};
use crate::engine::fresh;
use crate::engine::plan::Plan;
use crate::engine::spec::NeededKey;
use crate::kernels::{Permutation, Prime, Residues};
use crate::modular::multiply;
use crate::network::SparseMatrix;
use crate::seal::{BatchEncoder, Context, GaloisKeys, RelinKeys};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// The point of the schedule after the first layer.
    pub first: Point,
}

/// A client's keys, which do not depend on the plain prime.
#[derive(Debug)]
pub struct KeyTables {
    /// Relinearisation key of the squares, with a permutation that moves nothing.
    pub(super) relin: Option<RotationKey>,
    pub(super) rotations: BTreeMap<SlotRotation, RotationKey>,
}

pub(super) struct Maker<'a> {
    ring: &'a Ring,
    encoder: BatchEncoder,
}

impl<'a> Maker<'a> {
    pub(super) fn new(ring: &'a Ring) -> Result<Self, EngineError> {
        Ok(Self {
            ring,
            encoder: BatchEncoder::new(&ring.context)
                .doing(|| "encoding the weights".to_owned())?,
        })
    }

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

    /// Makes a plaintext to add at a point of the schedule, such as biases: its slots hold these residues.
    pub(super) fn addend(
        &self,
        entries: &[Entry],
        values: &[u64],
        point: &Point,
    ) -> Result<Residues, EngineError> {
        let t = self.ring.plain_modulus;
        let coefficients = self.encode(entries, values, point.kappa)?;
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
                let biases = biases.map(|entries| self.addend(entries, matrix.biases(), point));
                Prepared::Biases(biases.collect::<Result<_, _>>()?)
            }
            _ => Prepared::Nothing,
        })
    }
}

impl Tables {
    pub(super) fn new(ring: &Ring, plan: &Plan) -> Result<Self, EngineError> {
        let maker = Maker::new(ring)?;
        let circuit = plan.circuit();
        let (layer_primes, drops) = after_upload(plan.parameters());
        let points = schedule(layer_primes, drops, plan.squares(), ring.plain_modulus);
        let levels = levels(ring.data(), plan.parameters().drops());
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
        let first = points.first().copied().unwrap_or(last);
        Ok(Self { layers, first })
    }
}

/// Returns the error for a key that is missing.
const fn missing(what: &'static str) -> EngineError {
    EngineError::Mismatch {
        message: "set of evaluation keys",
        what,
        expected: 1,
        actual: 0,
    }
}

impl KeyTables {
    /// Converts SEAL's keys for one plain prime.
    pub fn of_seal(
        context: &Context,
        plan: &Plan,
        relin_keys: Option<&RelinKeys>,
        galois_keys: Option<&GaloisKeys>,
    ) -> Result<Arc<Self>, EngineError> {
        Self::new(context, plan, |ring, key, _| match key.element {
            None => {
                let keys = relin_keys.ok_or_else(|| missing("relinearisation keys"))?;
                ring.relin_key(key.level, keys)
            }
            Some(element) => {
                let keys = galois_keys.ok_or_else(|| missing("Galois keys"))?;
                ring.galois_key(key.level, keys, element)
            }
        })
    }

    /// Expands a client's keys, which fit the plan.
    pub fn expand(
        context: &Context,
        plan: &Plan,
        keys: &CompactKeys,
    ) -> Result<Arc<Self>, EngineError> {
        let stream = fresh::keys::uniform_key(context, &keys.seed);
        Self::new(context, plan, |ring, key, index| {
            let packed = keys.keys.get(index);
            let packed = packed.ok_or_else(|| missing("keys"))?;
            ring.compact_key(index, key.level, packed, &stream)
        })
    }

    fn new(
        context: &Context,
        plan: &Plan,
        make: impl Fn(&Ring, &NeededKey, usize) -> Result<Key, EngineError> + Sync,
    ) -> Result<Arc<Self>, EngineError> {
        let ring = Ring::new(context)?;
        let needed = plan.client_spec().needed_keys();
        let needed = needed.ok_or_else(|| missing("keys"))?;
        let table = |(index, key): (usize, &NeededKey)| {
            let permutation = Permutation::new(ring.degree, key.element.unwrap_or(1));
            let permutation = permutation.ok_or_else(|| missing("Galois elements"))?;
            Ok((make(&ring, key, index)?, permutation))
        };
        let made: Vec<RotationKey> = needed
            .par_iter()
            .enumerate()
            .map(table)
            .collect::<Result<_, EngineError>>()?;
        let mut of_elements: BTreeMap<Option<u32>, RotationKey> =
            needed.iter().map(|key| key.element).zip(made).collect();
        let relin = of_elements.remove(&None);
        let rotations = plan.circuit().rotations(&[]).into_keys();
        let rotations = rotations.map(|rotation| {
            let key = of_elements.remove(&Some(rotation.element(ring.degree)));
            Ok((rotation, key.ok_or_else(|| missing("Galois keys"))?))
        });
        Ok(Arc::new(Self {
            rotations: rotations.collect::<Result<_, EngineError>>()?,
            relin,
        }))
    }
}
