//! The header: states what a message holds, for which parameters, and how much follows.

use super::error::{WireError, WireResult};
use super::kind::Kind;
use crate::seal::Context;
use sha2::{Digest, Sha256};

/// The first bytes of each message.
pub const MAGIC: [u8; 4] = *b"SQWF";
/// The version that this build writes and reads.
pub const VERSION: u16 = 1;
/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 48;
/// Length of the checksum at the end of a message, in bytes.
pub const CHECKSUM_BYTES: usize = 8;

/// A short identifier of encryption parameters: the start of a SHA-256 hash over N, the primes and t.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; Self::BYTES]);

impl Fingerprint {
    /// Size in bytes.
    pub const BYTES: usize = 16;

    /// Computes the fingerprint of one context's parameters.
    pub fn of(context: &Context) -> Self {
        Self::of_all(std::slice::from_ref(context))
    }

    /// Computes the fingerprint of several contexts, in order, for a message with a part for each plain prime.
    pub fn of_all(contexts: &[Context]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"sealquant parameters 1");
        let mut word = |value: u64| hash.update(value.to_le_bytes());
        word(contexts.len() as u64);
        for context in contexts {
            let parameters = context.parameters();
            word(parameters.poly_modulus_degree() as u64);
            word(parameters.coeff_modulus().len() as u64);
            for prime in parameters.coeff_modulus() {
                word(prime.value());
            }
            word(parameters.plain_modulus().value());
        }
        Self::start_of(hash)
    }

    /// Computes the fingerprint of keys that serve all plain primes: of N, the primes of q and a list of the keys.
    #[cfg(feature = "inference")]
    pub(super) fn of_keys(contexts: &[Context], keys: impl IntoIterator<Item = u64>) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"sealquant keys 1");
        let mut word = |value: u64| hash.update(value.to_le_bytes());
        if let Some(context) = contexts.first() {
            let parameters = context.parameters();
            word(parameters.poly_modulus_degree() as u64);
            word(context.primes().len() as u64);
            context.primes().iter().copied().for_each(&mut word);
        }
        keys.into_iter().for_each(word);
        Self::start_of(hash)
    }

    fn start_of(hash: Sha256) -> Self {
        let digest = hash.finalize();
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(&digest[..Self::BYTES]);
        Self(bytes)
    }
}

/// The counts in a header. A kind sets those that it does not use to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// True if the polynomials are in NTT form.
    pub(super) is_ntt_form: bool,
    /// Number of polynomials of each ciphertext, counting the seeded one.
    pub(super) polynomials: u16,
    /// Number of primes of their level.
    pub(super) primes: u16,
    /// Number of plain primes.
    pub(super) parts: u32,
    /// Number of ciphertexts or key slots for each plain prime.
    pub(super) items: u32,
    /// Number of images in a request or response.
    pub(super) images: u32,
}

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) fingerprint: Fingerprint,
    pub(super) body_bytes: u64,
    pub(super) counts: Counts,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let counts = &self.counts;
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
        bytes[6] = self.kind as u8;
        bytes[7] = u8::from(counts.is_ntt_form);
        bytes[8..24].copy_from_slice(&self.fingerprint.0);
        bytes[24..32].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[32..34].copy_from_slice(&counts.polynomials.to_le_bytes());
        bytes[34..36].copy_from_slice(&counts.primes.to_le_bytes());
        bytes[36..40].copy_from_slice(&counts.parts.to_le_bytes());
        bytes[40..44].copy_from_slice(&counts.items.to_le_bytes());
        bytes[44..48].copy_from_slice(&counts.images.to_le_bytes());
        bytes
    }

    /// Decodes a header and checks everything but the counts, whose meaning depends on the kind.
    pub(super) fn decode(
        bytes: &[u8; HEADER_BYTES],
        kind: Kind,
        fingerprint: Fingerprint,
    ) -> WireResult<Self> {
        if bytes[0..4] != MAGIC {
            return Err(WireError::Magic);
        }
        let version = u16::from_le_bytes(at(bytes, 4));
        if version != VERSION {
            return Err(WireError::Version {
                expected: VERSION,
                actual: version,
            });
        }
        if bytes[6] != kind as u8 {
            return Err(WireError::Kind {
                expected: kind,
                actual: bytes[6],
            });
        }
        if bytes[7] > 1 {
            return Err(WireError::Field {
                field: "NTT form",
                actual: u64::from(bytes[7]),
                expected: "0 or 1".to_owned(),
            });
        }
        if bytes[8..24] != fingerprint.0 {
            return Err(WireError::Fingerprint);
        }
        Ok(Self {
            kind,
            fingerprint,
            body_bytes: u64::from_le_bytes(at(bytes, 24)),
            counts: Counts {
                is_ntt_form: bytes[7] == 1,
                polynomials: u16::from_le_bytes(at(bytes, 32)),
                primes: u16::from_le_bytes(at(bytes, 34)),
                parts: u32::from_le_bytes(at(bytes, 36)),
                items: u32::from_le_bytes(at(bytes, 40)),
                images: u32::from_le_bytes(at(bytes, 44)),
            },
        })
    }
}

fn at<const COUNT: usize>(bytes: &[u8; HEADER_BYTES], offset: usize) -> [u8; COUNT] {
    std::array::from_fn(|index| bytes[offset + index])
}
