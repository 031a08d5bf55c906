//! The objects that can be read in SEAL's format.

use super::header::SealRelease;
use super::keys::{read_galois_keys, read_relin_keys};
use super::part::{PartForm, ReadFor, read_part};
use super::plain::read_plaintext;
use super::source::{SealSource, read_object};
use crate::seal::{Ciphertext, Context, GaloisKeys, Plaintext, RelinKeys, SEAL_MAGIC};
use crate::text;
use crate::wire::error::{WireError, WireResult};
use crate::wire::limits::Limits;
use std::io::Read;

/// An object that can be read in SEAL's own format, as SEAL 4.0 and later ones write it: with or without seeds,
/// uncompressed or compressed by zlib or Zstandard. Rust code checks everything, so the bytes may be hostile; what is
/// accepted, SEAL would accept, too.
pub trait SealObject: Sized {
    /// Reads what is behind the object's header.
    #[doc(hidden)]
    fn read_body(context: &Context, source: &mut SealSource<'_>) -> WireResult<Self>;

    /// Reads the next object of a stream, and not a byte more. Seeds are expanded. Also returns the release of SEAL that
    /// wrote it.
    ///
    /// # Errors
    /// Any [`WireError`]: [`WireError::Fingerprint`] if the object's parms_id is none of the context's,
    /// [`WireError::Compression`] if it cannot be decompressed, or the reader fails within Zstandard's data.
    fn read_seal(
        context: &Context,
        reader: &mut dyn Read,
        limits: &Limits,
    ) -> WireResult<(Self, SealRelease)> {
        let read = read_object(reader, limits, |source| Self::read_body(context, source));
        read.map(|(object, header)| (object, header.release))
    }

    /// Reads an object that spans exactly these bytes.
    ///
    /// # Errors
    /// Those of [`SealObject::read_seal`], [`WireError::Trailing`] if bytes follow, and [`WireError::Text`] if the bytes
    /// were handled as text.
    fn from_seal(context: &Context, bytes: &[u8], limits: &Limits) -> WireResult<Self> {
        let mut rest = bytes;
        match Self::read_seal(context, &mut rest, limits) {
            Ok(_) if !rest.is_empty() => Err(WireError::Trailing { count: rest.len() }),
            Ok((object, _)) => Ok(object),
            Err(error) => Err(explain_text(error, bytes)),
        }
    }
}

/// Names the reason if bytes have no magic because they were handled as text.
pub(super) fn explain_text(error: WireError, bytes: &[u8]) -> WireError {
    match (error, text::damage(bytes, &SEAL_MAGIC)) {
        (WireError::Magic, Some(how)) => WireError::Text { how },
        (error, _) => error,
    }
}

impl SealObject for Ciphertext {
    fn read_body(context: &Context, source: &mut SealSource<'_>) -> WireResult<Self> {
        read_part(ReadFor::same(context), PartForm::Any, source)
    }
}

impl SealObject for RelinKeys {
    fn read_body(context: &Context, source: &mut SealSource<'_>) -> WireResult<Self> {
        read_relin_keys(context, source)
    }
}

impl SealObject for GaloisKeys {
    fn read_body(context: &Context, source: &mut SealSource<'_>) -> WireResult<Self> {
        read_galois_keys(context, None, source)
    }
}

impl SealObject for Plaintext {
    fn read_body(context: &Context, source: &mut SealSource<'_>) -> WireResult<Self> {
        read_plaintext(context, source)
    }
}
