//! Pads: the first layer, computed in two halves that meet at the circuit's pad point.
//!
//! The encrypted half is the layer's own operations up to its last, the addition of biases. The clear half is what that
//! addition adds: W (x - r) + b in place of b, in the same slots, with the same factor. So a prepared pad is at the level
//! at which biases are added, and the noise of what follows is that of an image.

use super::prepare::Maker;
use super::ring::Pair;
use super::{Hoisted, Value, misplaced};
use crate::circuit::{Entry, PadPoint};
use crate::engine::error::{Doing, EngineError};
use crate::kernels::row_of;
use crate::network::SparseMatrix;
use crate::seal::{Ciphertext, Error};
use rayon::prelude::*;

impl Hoisted {
    fn pad_point(&self) -> Result<PadPoint<'_>, EngineError> {
        self.circuit.pad_point().ok_or(EngineError::NoPads)
    }

    /// Returns the first layer in the clear.
    fn first_layer(&self) -> Result<&SparseMatrix, EngineError> {
        let first = self.circuit.layers().first().ok_or(EngineError::NoPads)?;
        let made = || first.matrix(self.ring.plain_modulus);
        Ok(self.first_layer.get_or_init(made))
    }

    /// Executes the operations before the pad point; returns the ciphertexts there, in NTT form.
    pub(super) fn before_the_pad_point(
        &self,
        inputs: &[Ciphertext],
    ) -> Result<Vec<Ciphertext>, EngineError> {
        let before = self.pad_point()?.before;
        let transformed = self.transform(inputs)?;
        let rows = self.rows(inputs, transformed.as_deref());
        let mut value = Value::Request(&rows);
        let first = self.circuit.walk(&self.levels).zip(&self.tables.layers);
        for ((_, steps), prepared) in first.take(1) {
            for (step, prepared) in steps.iter().zip(prepared).take(before) {
                value = self.execute(step, prepared, value)?;
            }
        }
        // The image needs the layer in the clear; make it now, while there is time.
        self.first_layer()?;
        match value {
            Value::Pairs(pairs) => pairs.iter().map(|pair| self.prepared(pair)).collect(),
            Value::Request(_) | Value::Triples(_) => Err(misplaced()),
        }
    }

    /// Makes a ciphertext in NTT form.
    fn prepared(&self, pair: &Pair) -> Result<Ciphertext, EngineError> {
        let context = &self.ring.context;
        let count = pair[0].rows();
        let level = self.level(count)?;
        let mut limbs = Vec::with_capacity(2 * count * self.ring.degree);
        for polynomial in pair {
            for row in 0..count {
                limbs.extend_from_slice(polynomial.row(row).as_flattened());
            }
        }
        Ciphertext::from_checked_limbs(context, level, 2, true, &limbs)
            .doing(|| "preparing a pad".to_owned())
    }

    /// Returns the value of the first layer: the prepared pad plus the layer of the masked image, whose residues are given.
    pub(super) fn at_the_pad_point<'a>(
        &self,
        prepared: &[Ciphertext],
        masked: &[u64],
    ) -> Result<Value<'a>, EngineError> {
        let entries = self.pad_point()?.entries;
        let point = &self.tables.first;
        let level = self.level(point.level)?;
        let words = 2 * point.level * self.ring.degree;
        let fits = |pad: &Ciphertext| {
            pad.size() == 2
                && pad.is_ntt_form()
                && pad.parms_id() == level.parms_id
                && pad.limbs().len() == words
        };
        if prepared.len() != entries.len() || !prepared.iter().all(fits) {
            let source = Error::ContextMismatch {
                operation: "evaluation with own kernels",
                object: "prepared pad",
            };
            return Err(source).doing(|| "reading the prepared pad".to_owned());
        }
        let values = self
            .first_layer()?
            .multiply(masked, self.ring.plain_modulus);
        let maker = Maker::new(&self.ring)?;
        let add = |(pad, entries): (&Ciphertext, &Vec<Entry>)| {
            let limbs = pad.limbs().chunks(self.ring.degree);
            let rows: Vec<_> = limbs.map(row_of).collect();
            let mut pair = self.ring.pair(&rows);
            let addend = maker.addend(entries, &values, point)?;
            self.ring.add(&mut pair[0], &addend, false);
            Ok(pair)
        };
        let pairs = prepared.par_iter().zip(entries).map(add);
        Ok(Value::Pairs(pairs.collect::<Result<_, EngineError>>()?))
    }
}
