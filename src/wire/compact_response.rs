//! Compact responses on the wire.

use super::ciphertext::unfit;
use super::engine::{batch_size, first};
use super::error::{WireError, WireResult};
use super::header::Counts;
use super::kind::Kind;
use super::message::{Body, Size, check_field};
use super::stream::{MessageSource, POLYNOMIAL, Sink};
use crate::bits::padding_is_zero;
use crate::engine::{CompactResponse, Contexts, ResponseForm};
use crate::seal::Ciphertext;

const OBJECT: &str = "compact response";

/// Returns the form of the plan's responses.
fn form(plan: &Contexts) -> WireResult<&ResponseForm> {
    plan.response_form().ok_or_else(|| unfit(OBJECT))
}

/// Returns the number of bytes of a ciphertext.
fn ciphertext_bytes(plan: &Contexts) -> WireResult<u64> {
    let degree = first(plan)?.parameters().poly_modulus_degree();
    Ok(form(plan)?.ciphertext_bytes(degree) as u64)
}

impl Body for CompactResponse {
    type Scope = Contexts;
    const KIND: Kind = Kind::CompactResponse;

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        let form = self.form(plan).ok_or_else(|| unfit(OBJECT))?;
        Ok(Counts {
            is_ntt_form: false,
            polynomials: form.widths.len() as u16,
            primes: form.primes as u16,
            parts: self.parts.len() as u32,
            items: plan.outputs() as u32,
            images: self.images as u32,
        })
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        let form = form(plan)?;
        let (polynomials, primes) = (form.widths.len() as u64, form.primes as u64);
        check_field("NTT form", counts.is_ntt_form, 0..=0)?;
        check_field("polynomials", counts.polynomials, polynomials..=polynomials)?;
        check_field("primes", counts.primes, primes..=primes)?;
        let expanded =
            batch_size::<Ciphertext>(plan, counts, (plan.contexts().len(), plan.outputs()))?;
        let count = u64::from(counts.parts).saturating_mul(u64::from(counts.items));
        let bytes = ciphertext_bytes(plan)?.saturating_mul(count);
        Ok(Size {
            bytes,
            // The response that it expands to is held beside it.
            memory: bytes.saturating_add(expanded.memory),
        }
        .plus_bytes(polynomials))
    }

    fn write_body(&self, plan: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        let widths: Vec<u8> = form(plan)?
            .widths
            .iter()
            .map(|&width| width as u8)
            .collect();
        sink.bytes("width", &widths)?;
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| sink.bytes(POLYNOMIAL, part))
    }

    fn read_body(
        plan: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        for &width in &form(plan)?.widths {
            let [read] = source.array("width")?;
            check_field("width", read, width.into()..=width.into())?;
        }
        let (form, size) = (form(plan)?, ciphertext_bytes(plan)? as usize);
        let degree = first(plan)?.parameters().poly_modulus_degree();
        let parts = plan.contexts().iter().map(|_| {
            let mut part = Vec::new();
            source.packed(size * counts.items as usize, &mut part)?;
            let polynomials = |bytes| form.polynomials(degree, bytes);
            let padded = |(width, count, bytes)| padding_is_zero(bytes, count, width);
            if part.chunks_exact(size).flat_map(polynomials).all(padded) {
                Ok(part)
            } else {
                Err(WireError::Padding { field: POLYNOMIAL })
            }
        });
        Ok(Self {
            images: counts.images as usize,
            parts: parts.collect::<WireResult<_>>()?,
        })
    }
}
