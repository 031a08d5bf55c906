//! Messages of any kind.

use super::damage::explain;
use super::error::{WireError, WireResult};
use super::limits::Limits;
use super::message::Message;
use crate::engine::{
    CompactKeys, CompactRequest, CompactResponse, Contexts, EvaluationKeys, MaskedImage, Pad,
    PreparedPad, Request, Response, SeededEvaluationKeys, SeededRequest,
};
use crate::seal::{
    Ciphertext, Context, GaloisKeys, PublicKey, RelinKeys, SeededCiphertext, SeededGaloisKeys,
    SeededPublicKey, SeededRelinKeys,
};

/// Reads a message of the kind that its header names, and writes it again. Each object has exactly one encoding, so an
/// accepted message comes back byte for byte. The engine's kinds need the contexts of a plan.
///
/// # Errors
/// Any [`WireError`]; [`WireError::Field`] for a kind that does not exist, or that needs a plan when none is given.
pub fn reencode(
    context: &Context,
    plan: Option<&Contexts>,
    bytes: &[u8],
    limits: &Limits,
) -> WireResult<Vec<u8>> {
    let kind = *bytes.get(6).ok_or(WireError::Truncated {
        field: "header",
        offset: bytes.len() as u64,
    })?;
    let unknown = || {
        let error = WireError::Field {
            field: "kind",
            actual: u64::from(kind),
            expected: if plan.is_some() { "1 to 19" } else { "1 to 8" }.to_owned(),
        };
        explain(error, bytes, limits)
    };
    match kind {
        1 => again::<Ciphertext>(context, bytes, limits),
        2 => again::<SeededCiphertext>(context, bytes, limits),
        3 => again::<PublicKey>(context, bytes, limits),
        4 => again::<SeededPublicKey>(context, bytes, limits),
        5 => again::<RelinKeys>(context, bytes, limits),
        6 => again::<SeededRelinKeys>(context, bytes, limits),
        7 => again::<GaloisKeys>(context, bytes, limits),
        8 => again::<SeededGaloisKeys>(context, bytes, limits),
        9..=19 => {
            let plan = plan.ok_or_else(unknown)?;
            match kind {
                9 => again::<EvaluationKeys>(plan, bytes, limits),
                10 => again::<SeededEvaluationKeys>(plan, bytes, limits),
                11 => again::<Request>(plan, bytes, limits),
                12 => again::<SeededRequest>(plan, bytes, limits),
                13 => again::<Response>(plan, bytes, limits),
                15 => again::<CompactKeys>(plan, bytes, limits),
                16 => again::<CompactResponse>(plan, bytes, limits),
                17 => again::<Pad>(plan, bytes, limits),
                18 => again::<MaskedImage>(plan, bytes, limits),
                19 => again::<PreparedPad>(plan, bytes, limits),
                _ => compact_again(plan, bytes, limits),
            }
        }
        _ => Err(unknown()),
    }
}

/// Does the same for a compact request, which has two readers: they must agree.
fn compact_again(plan: &Contexts, bytes: &[u8], limits: &Limits) -> WireResult<Vec<u8>> {
    let again = again::<CompactRequest>(plan, bytes, limits);
    let (mut request, mut rest) = (Request::default(), bytes);
    let in_pieces = request.read_compact(plan, &mut rest, limits);
    let agree = match &again {
        Ok(_) => in_pieces.is_ok() && rest.is_empty(),
        Err(WireError::Trailing { .. }) => in_pieces.is_ok() && !rest.is_empty(),
        Err(_) => in_pieces.is_err() && request.images() == 0,
    };
    if agree {
        again
    } else {
        Err(super::ciphertext::unfit("compact request"))
    }
}

fn again<M: Message>(scope: &M::Scope, bytes: &[u8], limits: &Limits) -> WireResult<Vec<u8>> {
    M::from_wire(scope, bytes, limits)?.to_wire(scope)
}
