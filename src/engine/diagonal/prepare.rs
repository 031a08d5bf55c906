//! The data that the server makes once for a plan and a client's keys: plaintexts and keys as rows.

use super::ring::{Ring, Turned};
use super::schedule::{Point, schedule};
use crate::bfv::{BatchEncoder, GaloisKeys, RelinKeys};
use crate::engine::error::{Doing, EngineError};
use crate::engine::plan::Plan;
use crate::kernels::{Permutation, Prime, Residues};
use crate::layout::{Diagonal, Entry, Stage, StageStep, Turn};
use crate::modular::multiply;
use crate::network::SparseMatrix;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A stage with its plaintexts.
#[derive(Debug)]
pub(super) enum Prepared {
    /// For each ciphertext, the products (by index into the request) and the bias that is added.
    First(Vec<(Weights, Residues)>),
    Rotated {
        pool: Vec<Vec<Turn>>,
        babies: Vec<Turn>,
        giants: Vec<(Turn, Weights)>,
        folds: Vec<Vec<Turn>>,
        bias: Residues,
    },
    /// For each ciphertext of the response, the plaintext that multiplies and the one that is added.
    Last(Vec<[Residues; 2]>),
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
    pub stages: Vec<Prepared>,
    pub points: Vec<Point>,
    /// Relinearisation key of the squares, with a permutation that moves nothing.
    pub relin: Option<Turned>,
    pub turns: BTreeMap<Turn, Turned>,
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
        products: &[(u32, Vec<Entry>)],
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

    /// Prepares a stage whose inputs have `level` primes.
    fn stage(&self, stage: &Stage, level: usize, point: &Point) -> Result<Prepared, EngineError> {
        let matrix = stage.matrix(self.ring.plain_modulus);
        Ok(match &stage.step {
            StageStep::First { outputs } => Prepared::First(
                outputs
                    .iter()
                    .map(|output| {
                        let products = self.products(&output.products, &matrix, level, false)?;
                        Ok((products, self.biases(&output.biases, &matrix, point)?))
                    })
                    .collect::<Result<_, EngineError>>()?,
            ),
            StageStep::Rotated {
                pool,
                babies,
                giants,
                folds,
                biases,
            } => Prepared::Rotated {
                pool: pool.clone(),
                babies: babies.clone(),
                giants: giants
                    .iter()
                    .map(|giant| {
                        let products = self.products(&giant.diagonals, &matrix, level, true)?;
                        Ok((giant.turn, products))
                    })
                    .collect::<Result<_, EngineError>>()?,
                folds: folds.clone(),
                bias: self.biases(biases, &matrix, point)?,
            },
            StageStep::Last { responses, .. } => Prepared::Last(
                responses
                    .iter()
                    .map(|[weights, biases]| {
                        Ok([
                            self.weights(weights, &matrix, level, false)?,
                            self.biases(biases, &matrix, point)?,
                        ])
                    })
                    .collect::<Result<_, EngineError>>()?,
            ),
        })
    }
}

impl Tables {
    pub(super) fn new(
        ring: &Ring,
        plan: &Plan,
        layout: &Diagonal,
        relin_keys: Option<&RelinKeys>,
        galois_keys: Option<&GaloisKeys>,
    ) -> Result<Self, EngineError> {
        let maker = Maker {
            ring,
            encoder: BatchEncoder::new(&ring.context)
                .doing(|| "encoding the weights".to_owned())?,
        };
        let data: Vec<u64> = (0..ring.data()).map(|i| ring.prime(i).value()).collect();
        let squares = layout.stages().len() - 1;
        let drops = plan.selection().drops();
        let points = schedule(&data, drops, squares, ring.plain_modulus);
        // Number of primes that a stage's inputs have.
        let level_of = |stage: usize| match stage {
            0 => data.len(),
            _ => points[2 * stage - 1].level,
        };
        let executed = plan.layers().len().div_ceil(2);
        let mut levels: BTreeMap<Turn, usize> = BTreeMap::new();
        let stages = layout
            .stages()
            .iter()
            .take(executed)
            .enumerate()
            .map(|(index, stage)| {
                let level = level_of(index);
                if let StageStep::Rotated {
                    pool,
                    babies,
                    giants,
                    folds,
                    ..
                } = &stage.step
                {
                    let turned = giants.iter().map(|giant| &giant.turn);
                    let folded = pool.iter().chain(folds).flatten();
                    for &turn in folded.chain(babies).chain(turned) {
                        let most = levels.entry(turn).or_default();
                        *most = level.max(*most);
                    }
                }
                // Biases are added after primes have been dropped; none are dropped after the last square.
                let point = points.get(2 * index).or(points.last());
                let point = point.ok_or(EngineError::Internal(
                    "no point of the noise schedule for a stage",
                ))?;
                maker.stage(stage, level, point)
            })
            .collect::<Result<_, EngineError>>()?;
        levels.remove(&Turn::NONE);
        let missing = |what| EngineError::Mismatch {
            message: "set of evaluation keys",
            what,
            expected: 1,
            actual: 0,
        };
        let relin = if plan.needs_relin_keys() {
            let keys = relin_keys.ok_or_else(|| missing("relinearisation keys"))?;
            let identity = Permutation::new(ring.degree, 1)
                .ok_or(EngineError::Internal("the identity is no permutation"))?;
            Some((ring.relin_key(points[0].level, keys)?, identity))
        } else {
            None
        };
        let turns = levels
            .into_par_iter()
            .map(|(turn, level)| {
                let keys = galois_keys.ok_or_else(|| missing("Galois keys"))?;
                let element = turn.element(ring.degree);
                let permutation = Permutation::new(ring.degree, element)
                    .ok_or_else(|| missing("Galois elements"))?;
                let key = ring.galois_key(level, keys, element)?;
                Ok((turn, (key, permutation)))
            })
            .collect::<Result<_, EngineError>>()?;
        Ok(Self {
            stages,
            points,
            relin,
            turns,
        })
    }
}
