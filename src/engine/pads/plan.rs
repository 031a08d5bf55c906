//! A server's knowledge of its plan's pads.

use super::fingerprint::of_first_layer;
use super::residues::{check_residues, residue_bytes};
use super::{MaskedImage, SpecFingerprint};
use crate::engine::error::EngineError;
use crate::engine::message::EvaluationKeys;
use crate::engine::plan::Plan;

/// Bytes that identify a client's keys: the start of their public seed, which is drawn anew for each set. Zeros for SEAL's
/// keys, which have none.
pub(super) const KEYS_BYTES: usize = 16;

/// A server's knowledge of its plan's pads.
#[derive(Debug, Clone)]
pub(in crate::engine) struct PadPlan {
    pub(super) fingerprint: SpecFingerprint,
    pub(super) first_layer: [u8; SpecFingerprint::BYTES],
    pub(super) keys: [u8; KEYS_BYTES],
    /// Number of values of an image.
    values: usize,
    plain_moduli: Vec<u64>,
}

impl PadPlan {
    /// Returns `None` if the plan takes no pads.
    pub(in crate::engine) fn of(plan: &Plan, keys: &EvaluationKeys) -> Option<Self> {
        let spec = plan.client_spec();
        if !spec.takes_pads() {
            return None;
        }
        let fingerprint = spec.fingerprint();
        Some(Self {
            first_layer: of_first_layer(plan.circuit(), fingerprint)?,
            keys: keys.compact.as_ref().map_or([0; KEYS_BYTES], |keys| {
                std::array::from_fn(|byte| keys.seed[byte])
            }),
            fingerprint,
            values: spec.pad_values(),
            plain_moduli: spec.plain_moduli().to_vec(),
        })
    }

    /// Unpacks a masked image for each plain prime.
    pub(super) fn unpack(&self, image: &MaskedImage) -> Result<Vec<Vec<u64>>, EngineError> {
        let refused = EngineError::PadDeployment {
            what: "masked image",
        };
        let fits = image.fingerprint == self.fingerprint
            && image.values == self.values
            && image.parts.len() == self.plain_moduli.len();
        if !fits {
            return Err(refused);
        }
        let parts = image.parts.iter().zip(&self.plain_moduli);
        let unpacked = parts.map(|(bytes, &t)| {
            let mut values = vec![0; self.values];
            let fits = bytes.len() == residue_bytes(self.values, t);
            let checked = fits && check_residues(bytes, t, &mut values).is_ok();
            checked.then_some(values)
        });
        unpacked.collect::<Option<_>>().ok_or(refused)
    }
}
