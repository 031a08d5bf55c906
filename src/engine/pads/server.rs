//! The server's side of pads.

use super::plan::KEYS_BYTES;
use super::{MaskedImage, Pad, PadNumber, SpecFingerprint};
use crate::engine::contexts::Contexts;
use crate::engine::error::EngineError;
use crate::engine::message::{Response, check_shape, suffix};
use crate::engine::server::{Evaluation, Server};
use crate::engine::stats::Progress;
use crate::kernels::warn_if_unoptimised;
use crate::seal::Ciphertext;

/// A pad on which the server has computed the first linear layer, for one network and one client's keys. It serves one
/// image, with [`Server::evaluate_masked`], and cannot be copied.
#[derive(Debug)]
pub struct PreparedPad {
    pub(crate) number: PadNumber,
    /// Fingerprint of the first layer that was computed.
    pub(crate) first_layer: [u8; SpecFingerprint::BYTES],
    /// Identifies the client's keys.
    pub(crate) keys: [u8; KEYS_BYTES],
    /// For each plain prime, the ciphertexts that the layer made, in NTT form.
    pub(crate) parts: Vec<Vec<Ciphertext>>,
}

impl PreparedPad {
    /// Returns the pad's number.
    pub const fn number(&self) -> PadNumber {
        self.number
    }
}

impl Server {
    /// Evaluates the first layer on a pad, without its biases, on all threads of the current rayon pool. Cost: that of the
    /// layer on an image.
    ///
    /// # Errors
    /// [`EngineError::NoPads`] if the plan takes none, [`EngineError::PadDeployment`] if the pad was made for another
    /// deployment, else those of [`Server::evaluate`].
    pub fn prepare_pad(&self, contexts: &Contexts, pad: &Pad) -> Result<PreparedPad, EngineError> {
        let plan = self.pads.as_ref().ok_or(EngineError::NoPads)?;
        if pad.fingerprint != plan.fingerprint {
            return Err(EngineError::PadDeployment { what: "pad" });
        }
        warn_if_unoptimised();
        let request = pad.encrypted.expand(contexts)?;
        check_shape("pad", &request.parts, self.uploads, self.inputs)?;
        // A part for each plain prime, or one for all.
        let parts = self.evaluators.iter().zip(request.parts.iter().cycle());
        let mut prepared = Vec::with_capacity(self.evaluators.len());
        for (evaluator, inputs) in parts {
            prepared.push(rayon::scope(|_| evaluator.prepare_pad(inputs))?);
        }
        Ok(PreparedPad {
            number: pad.number,
            first_layer: plan.first_layer,
            keys: plan.keys,
            parts: prepared,
        })
    }

    /// Checks that a masked image was made for this plan, before a prepared pad is spent on it.
    ///
    /// # Errors
    /// [`EngineError::NoPads`] or [`EngineError::PadDeployment`].
    pub fn check_masked(&self, image: &MaskedImage) -> Result<(), EngineError> {
        let plan = self.pads.as_ref().ok_or(EngineError::NoPads)?;
        plan.unpack(image).map(drop)
    }

    /// Checks that a prepared pad was made for this plan and this client's keys, before it is spent.
    ///
    /// # Errors
    /// [`EngineError::NoPads`] or [`EngineError::PadDeployment`].
    pub fn check_prepared(&self, prepared: &PreparedPad) -> Result<(), EngineError> {
        let plan = self.pads.as_ref().ok_or(EngineError::NoPads)?;
        let fits = prepared.first_layer == plan.first_layer
            && prepared.keys == plan.keys
            && prepared.parts.len() == self.evaluators.len();
        if fits {
            return Ok(());
        }
        Err(EngineError::PadDeployment {
            what: "prepared pad",
        })
    }

    /// Evaluates the plan on a masked image and its prepared pad, on all threads of the current rayon pool: the first layer
    /// in the clear, whose time is that of the entry `input`, and the rest of the circuit. The pad is spent, whatever the
    /// result.
    ///
    /// If the pad came from a store, it must have been taken from it durably:
    /// [`crate::pads::PreparedPadStore::evaluate_masked`] does both.
    ///
    /// # Errors
    /// [`EngineError::NoPads`] if the plan takes no pads, [`EngineError::PadNumber`] if the image belongs to another pad,
    /// [`EngineError::PadDeployment`] if either was made for another deployment or network, [`EngineError::Seal`] if
    /// memory is exhausted.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pad that was used must not be used again"
    )]
    pub fn evaluate_masked(
        &self,
        prepared: PreparedPad,
        image: &MaskedImage,
        progress: &dyn Progress,
    ) -> Result<Evaluation, EngineError> {
        let plan = self.pads.as_ref().ok_or(EngineError::NoPads)?;
        if image.number != prepared.number {
            return Err(EngineError::PadNumber {
                expected: prepared.number,
                actual: image.number,
            });
        }
        self.check_prepared(&prepared)?;
        let masked = plan.unpack(image)?;
        warn_if_unoptimised();
        let mut layers = self.stats();
        let total = self.evaluators.len();
        let parts = self.evaluators.iter().zip(&prepared.parts).zip(&masked);
        let mut response = Vec::with_capacity(total);
        for (index, ((evaluator, prepared), masked)) in parts.enumerate() {
            progress.part(index as u64, total as u64);
            let (suffix, primes) = (suffix(index, total), self.response_primes);
            let layers = &mut layers;
            response.push(rayon::scope(|_| {
                evaluator.evaluate_masked(prepared, masked, primes, &suffix, layers, progress)
            })?);
        }
        progress.part(total as u64, total as u64);
        Ok(Evaluation {
            response: Response {
                images: 1,
                parts: response,
            },
            layers,
        })
    }
}
