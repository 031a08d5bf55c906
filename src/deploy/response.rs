//! Responses in the form in which a plan's travel: compact ones, where the plan has them.

use super::error::DeployError;
use crate::engine::{CompactResponse, Contexts, Response};
use crate::wire::{Limits, Message as _};

/// Writes a response as it is sent.
///
/// # Errors
/// [`DeployError::Engine`] or [`DeployError::Wire`] if it is another plan's.
pub fn write_response(contexts: &Contexts, response: &Response) -> Result<Vec<u8>, DeployError> {
    Ok(if contexts.has_compact_responses() {
        response.compact(contexts)?.to_wire(contexts)?
    } else {
        response.to_wire(contexts)?
    })
}

/// Reads a response that [`write_response`] wrote, and that may be hostile.
///
/// # Errors
/// [`DeployError::Wire`] if it is damaged, or another plan's.
pub fn read_response(
    contexts: &Contexts,
    bytes: &[u8],
    limits: &Limits,
) -> Result<Response, DeployError> {
    Ok(if contexts.has_compact_responses() {
        CompactResponse::from_wire(contexts, bytes, limits)?.expand(contexts)?
    } else {
        Response::from_wire(contexts, bytes, limits)?
    })
}
