//! The bytes that a client sends.

use super::compact_keys;
use super::engine::first;
use super::error::WireResult;
use super::header::Counts;
use super::keys::key_counts;
use super::message::{Body as _, message_bytes};
use crate::engine::{CompactRequest, Contexts, SeededEvaluationKeys, SeededRequest};

/// Number of bytes that a client sends for a plan, known before any key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadSizes {
    /// Size of the [`SeededEvaluationKeys`] message, sent once.
    pub evaluation_keys: u64,
    /// Size of the [`crate::engine::CompactKeys`] message, which takes its place for own kernels.
    pub compact_keys: Option<u64>,
    /// Size of the [`SeededRequest`] message, sent for each batch. It does not depend on the number of images.
    pub request: u64,
    /// Size of the [`CompactRequest`] message, which may take its place for own kernels.
    pub compact_request: u64,
}

impl UploadSizes {
    /// Computes the sizes for a plan. They follow from the parameters: nothing is made or written.
    ///
    /// # Errors
    /// None in practice: [`super::WireError::Field`] if the contexts are not those of a plan.
    pub fn of(plan: &Contexts) -> WireResult<Self> {
        let parts = plan.contexts().len() as u32;
        let keys = Counts {
            parts,
            ..key_counts(first(plan)?, usize::from(plan.needs_relin_keys()))
        };
        let request = Counts {
            polynomials: 2,
            primes: first(plan)?.first_level().coeff_modulus_size as u16,
            parts: plan.uploads().len() as u32,
            items: plan.inputs() as u32,
            images: 1,
            ..Counts::default()
        };
        Ok(Self {
            evaluation_keys: message_bytes(SeededEvaluationKeys::size(plan, &keys)?),
            compact_keys: match plan.needed_keys() {
                Some(needed) => Some(compact_keys::bytes(plan, &needed)?),
                None => None,
            },
            request: message_bytes(SeededRequest::size(plan, &request)?),
            compact_request: message_bytes(CompactRequest::size(
                plan,
                &Counts {
                    is_ntt_form: true,
                    ..request
                },
            )?),
        })
    }
}
