//! The kinds of messages.

/// The kind of object that a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A ciphertext.
    Ciphertext = 1,
    /// A ciphertext whose second polynomial is a seed.
    SeededCiphertext = 2,
    /// A public key.
    PublicKey = 3,
    /// A public key whose second polynomial is a seed.
    SeededPublicKey = 4,
    /// Relinearisation keys.
    RelinKeys = 5,
    /// Relinearisation keys whose second polynomials are seeds.
    SeededRelinKeys = 6,
    /// Galois keys.
    GaloisKeys = 7,
    /// Galois keys whose second polynomials are seeds.
    SeededGaloisKeys = 8,
    /// The engine's evaluation keys.
    EvaluationKeys = 9,
    /// The engine's evaluation keys with seeds.
    SeededEvaluationKeys = 10,
    /// The engine's request.
    Request = 11,
    /// The engine's request with seeds.
    SeededRequest = 12,
    /// The engine's response.
    Response = 13,
    /// The engine's request with one seed.
    CompactRequest = 14,
    /// The engine's evaluation keys with one seed.
    CompactKeys = 15,
    /// The engine's response in few bits.
    CompactResponse = 16,
    /// An encrypted pad.
    Pad = 17,
    /// An image less a pad.
    MaskedImage = 18,
    /// A pad on which the server has computed the first layer: a file of the server's.
    PreparedPad = 19,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self:?} ({})", *self as u8)
    }
}
