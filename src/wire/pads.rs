//! Pads on the wire, masked images, and prepared pads, which a server keeps on its disk.

use super::ciphertext::fit;
use super::engine::{batch_counts, batch_size, check_parts, read_parts, write_parts};
use super::error::WireResult;
use super::header::Counts;
use super::kind::Kind;
use super::message::{Body, Size, check_field};
use super::stream::{MessageSource, POLYNOMIAL, Sink, invalid_residue};
use crate::engine::{
    CompactRequest, Contexts, MaskedImage, Pad, PadNumber, PreparedPad, SpecFingerprint,
    check_residues, residue_bytes,
};
use crate::seal::Ciphertext;

/// Bytes of the fields before the body proper: a fingerprint and the pad's number.
const FIELDS: u64 = (SpecFingerprint::BYTES + PadNumber::BYTES) as u64;
/// Largest number of ciphertexts of a prepared pad, for each plain prime: more than any first layer makes.
const PREPARED_MAX: u64 = 1024;

/// Checks that a message concerns one image.
fn check_one_image(counts: &Counts) -> WireResult<()> {
    check_field("images", counts.images, 1..=1)
}

impl Body for Pad {
    type Scope = Contexts;
    const KIND: Kind = Kind::Pad;

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        self.encrypted.counts(plan)
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        check_one_image(counts)?;
        Ok(CompactRequest::size(plan, counts)?.plus_bytes(FIELDS))
    }

    fn write_body(&self, plan: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        sink.bytes("specification", &self.fingerprint.0)?;
        sink.bytes("pad number", &self.number.0)?;
        self.encrypted.write_body(plan, sink)
    }

    fn read_body(
        plan: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        Ok(Self {
            fingerprint: SpecFingerprint(source.array("specification")?),
            number: PadNumber(source.array("pad number")?),
            encrypted: CompactRequest::read_body(plan, counts, source)?,
        })
    }
}

impl Body for MaskedImage {
    type Scope = Contexts;
    const KIND: Kind = Kind::MaskedImage;

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        let fits = |(part, t): (&Vec<u8>, u64)| part.len() == residue_bytes(self.values, t);
        fit(
            "masked image",
            self.values == plan.values()
                && self.parts.len() == plan.contexts().len()
                && self.parts.iter().zip(plan.plain_moduli()).all(fits),
        )?;
        Ok(Counts {
            parts: self.parts.len() as u32,
            items: self.values as u32,
            images: 1,
            ..Counts::default()
        })
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        check_field("NTT form", counts.is_ntt_form, 0..=0)?;
        check_field("polynomials", counts.polynomials, 0..=0)?;
        check_field("primes", counts.primes, 0..=0)?;
        check_parts(plan.contexts().len(), counts)?;
        let values = plan.values() as u64;
        check_field("items", counts.items, values..=values)?;
        check_one_image(counts)?;
        let bytes = plan.plain_moduli();
        let bytes: usize = bytes.map(|t| residue_bytes(plan.values(), t)).sum();
        let bytes = bytes as u64 + FIELDS;
        Ok(Size {
            bytes,
            // Unpacked, a residue takes 8 bytes.
            memory: bytes + 8 * values,
        })
    }

    fn write_body(&self, _: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        sink.bytes("specification", &self.fingerprint.0)?;
        sink.bytes("pad number", &self.number.0)?;
        let mut parts = self.parts.iter();
        parts.try_for_each(|part| sink.bytes(POLYNOMIAL, part))
    }

    fn read_body(
        plan: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        let fingerprint = SpecFingerprint(source.array("specification")?);
        let number = PadNumber(source.array("pad number")?);
        let values = counts.items as usize;
        let mut residues = vec![0; values];
        let parts = plan.plain_moduli().map(|t| {
            let mut bytes = Vec::new();
            source.packed(residue_bytes(values, t), &mut bytes)?;
            check_residues(&bytes, t, &mut residues)
                .map_err(|invalid| invalid_residue(invalid, 0, t))?;
            Ok(bytes)
        });
        Ok(Self {
            parts: parts.collect::<WireResult<_>>()?,
            number,
            fingerprint,
            values,
        })
    }
}

impl Body for PreparedPad {
    type Scope = Contexts;
    const KIND: Kind = Kind::PreparedPad;

    fn counts(&self, plan: &Contexts) -> WireResult<Counts> {
        batch_counts("prepared pad", plan.contexts(), 1, &self.parts)
    }

    fn size(plan: &Contexts, counts: &Counts) -> WireResult<Size> {
        check_field("NTT form", counts.is_ntt_form, 1..=1)?;
        check_field("polynomials", counts.polynomials, 2..=2)?;
        check_one_image(counts)?;
        let items = u64::from(counts.items);
        check_field("items", items, 1..=PREPARED_MAX)?;
        let ciphertexts =
            batch_size::<Ciphertext>(plan, counts, (plan.contexts().len(), counts.items as usize))?;
        Ok(ciphertexts.plus_bytes(FIELDS + SpecFingerprint::BYTES as u64))
    }

    fn write_body(&self, plan: &Contexts, sink: &mut Sink<'_>) -> WireResult<()> {
        sink.bytes("first layer", &self.first_layer)?;
        sink.bytes("evaluation keys", &self.keys)?;
        sink.bytes("pad number", &self.number.0)?;
        write_parts(plan.contexts(), &self.parts, sink)
    }

    fn read_body(
        plan: &Contexts,
        counts: &Counts,
        source: &mut MessageSource<'_>,
    ) -> WireResult<Self> {
        let first_layer = source.array("first layer")?;
        let keys = source.array("evaluation keys")?;
        let number = PadNumber(source.array("pad number")?);
        Ok(Self {
            parts: read_parts(plan.contexts(), counts, source)?,
            number,
            keys,
            first_layer,
        })
    }
}
