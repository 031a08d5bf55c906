//! Fingerprints of what a pad serves.

use crate::circuit::{Circuit, Op};
use crate::engine::response_form::ResponseForm;
use crate::engine::spec::{ClientSpec, Upload};
use crate::network::InputSpec;
use std::fmt;

/// A fingerprint of a [`ClientSpec`]: parameters, places of values in slots, keys, factors and the form of responses. Pads
/// of one deployment do not serve another. It leaves out how pixels become integers, which pads have nothing to do with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpecFingerprint(pub [u8; Self::BYTES]);

impl SpecFingerprint {
    /// Size in bytes.
    pub const BYTES: usize = 16;
}

impl fmt::Display for SpecFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter();
        bytes.try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for SpecFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpecFingerprint({self})")
    }
}

/// Hashes numbers, 8 bytes each.
struct FingerprintWords {
    hash: blake3::Hasher,
    buffer: Vec<u8>,
}

impl FingerprintWords {
    const BUFFER: usize = 1 << 14;

    fn new(label: &str) -> Self {
        Self {
            hash: blake3::Hasher::new_derive_key(label),
            buffer: Vec::with_capacity(Self::BUFFER),
        }
    }

    fn word(&mut self, word: u64) {
        if self.buffer.len() == Self::BUFFER {
            self.hash.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend(word.to_le_bytes());
    }

    /// Adds a list behind its length.
    fn list(&mut self, words: impl ExactSizeIterator<Item = u64>) {
        self.word(words.len() as u64);
        words.for_each(|word| self.word(word));
    }

    fn finish(mut self) -> [u8; SpecFingerprint::BYTES] {
        self.hash.update(&self.buffer);
        let mut bytes = [0; SpecFingerprint::BYTES];
        bytes.copy_from_slice(&self.hash.finalize().as_bytes()[..SpecFingerprint::BYTES]);
        bytes
    }
}

impl ClientSpec {
    /// Computes the fingerprint of this specification: a pass over the slot map. Keep the result.
    pub fn fingerprint(&self) -> SpecFingerprint {
        // A new field must be named here.
        let Self {
            poly_modulus_degree,
            coeff_modulus,
            plain_moduli,
            security,
            slot_map,
            input: InputSpec { shape, quantizer },
            upload,
            corrections,
            needs_relin_keys,
            galois_elements,
            key_levels,
            response:
                ResponseForm {
                    primes,
                    widths,
                    coefficients,
                },
            takes_pads,
            shared_upload,
        } = self;
        let mut words = FingerprintWords::new("sealquant 2026-11 deployment 1");
        words.word(*poly_modulus_degree as u64);
        words.list(coeff_modulus.iter().copied());
        words.list(plain_moduli.iter().copied());
        words.word(u64::from(security.bits()));
        slot_map.describe(&mut |word| words.word(word));
        for side in [shape.channels, shape.height, shape.width] {
            words.word(side as u64);
        }
        words.word(quantizer.max().cast_unsigned());
        words.word(match upload {
            Upload::Secret => 0,
            Upload::SecretNtt => 1,
            Upload::Public => 2,
        });
        words.list(corrections.iter().copied());
        words.word(u64::from(*needs_relin_keys));
        words.list(galois_elements.iter().map(|&element| element.into()));
        words.list(key_levels.iter().map(|&level| level as u64));
        words.word(*primes as u64);
        words.list(widths.iter().map(|&width| width.into()));
        words.word(*coefficients as u64);
        words.word(u64::from(*takes_pads));
        words.word(u64::from(*shared_upload));
        SpecFingerprint(words.finish())
    }
}

/// Computes the fingerprint of what prepared pads of a circuit depend on beside the deployment: the weights of the first
/// layer, and where its results lie. `None` if the circuit takes no pads.
pub(super) fn of_first_layer(
    circuit: &Circuit,
    fingerprint: SpecFingerprint,
) -> Option<[u8; SpecFingerprint::BYTES]> {
    let point = circuit.pad_point()?;
    let first = circuit.layers().first()?;
    let mut words = FingerprintWords::new("sealquant 2026-11 first layer of pads 1");
    words.list(fingerprint.0.iter().map(|&byte| byte.into()));
    let layers = first.linear_layers();
    words.word(layers.len() as u64);
    for layer in layers {
        words.word(layer.len() as u64);
        for (terms, _) in layer.outputs() {
            words.word(terms.len() as u64);
            for term in terms {
                words.word(term.input.into());
                words.word(term.weight.cast_unsigned());
            }
        }
    }
    words.word(point.entries.len() as u64);
    for entries in point.entries {
        let pairs = entries.iter();
        words.list(pairs.map(|entry| u64::from(entry.slot) << 32 | u64::from(entry.entry)));
    }
    // How many ciphertexts an operation reads, and how many primes it drops, follows from the deployment and these.
    let kinds = first.ops().iter().map(|op| match op {
        Op::PlainProducts(_) => 1,
        Op::LinearTransform { .. } => 2,
        Op::RotateAndSum(_) => 3,
        Op::ModSwitch => 4,
        Op::AddPlain(_) => 5,
        Op::FromShared => 6,
        _ => 0,
    });
    words.list(kinds);
    Some(words.finish())
}
