//! Errors that SEAL reports, and errors detected before a call reaches SEAL.

use super::sizes::CIPHERTEXT_SIZES;
use seal_sys::limits::SEAL_MOD_BIT_COUNT_MAX;
use thiserror::Error;

/// The kind of a C++ exception that SEAL threw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SealErrorKind {
    /// `std::invalid_argument`: an argument does not fit the parameters, the level or the form.
    InvalidArgument,
    /// `std::out_of_range`.
    OutOfRange,
    /// `std::logic_error`: the object or the parameters do not support the operation.
    Logic,
    /// The result would be a transparent ciphertext, one that hides nothing.
    TransparentCiphertext,
    /// There is no Galois key for the requested rotation, nor for the steps that could compose it.
    MissingGaloisKey,
    /// `std::bad_alloc`: memory is exhausted.
    OutOfMemory,
    /// `std::runtime_error` or any other standard exception.
    Runtime,
    /// An exception that is not a standard one.
    Unknown,
}

impl SealErrorKind {
    /// The name used in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid argument",
            Self::OutOfRange => "out of range",
            Self::Logic => "logic error",
            Self::TransparentCiphertext => "transparent ciphertext",
            Self::MissingGaloisKey => "missing Galois key",
            Self::OutOfMemory => "out of memory",
            Self::Runtime => "runtime error",
            Self::Unknown => "unknown error",
        }
    }
}

impl std::fmt::Display for SealErrorKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An error of the BFV layer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// SEAL threw an exception.
    #[error("{operation}: {message} (SEAL, {kind})")]
    Seal {
        /// The operation that was called.
        operation: &'static str,
        /// The kind of the exception.
        kind: SealErrorKind,
        /// SEAL's own message.
        message: String,
    },
    /// SEAL refuses the encryption parameters.
    #[error("encryption parameters refused: {message} ({name})")]
    Parameters {
        /// SEAL's name for the reason, for example `invalid_plain_modulus_coprimality`.
        name: String,
        /// SEAL's explanation.
        message: String,
    },
    /// A value is not a modulus that SEAL can use.
    #[error(
        "{value} is not a modulus: it must lie between 2 and 2^{} - 1",
        SEAL_MOD_BIT_COUNT_MAX
    )]
    Modulus {
        /// The offending value.
        value: u64,
    },
    /// The parameters exist but lack something that the operation needs.
    #[error("{operation}: {reason}")]
    Unsupported {
        /// The operation that was called.
        operation: &'static str,
        /// Says what is missing and what to do.
        reason: &'static str,
    },
    /// The plaintext modulus does not allow batching.
    #[error(
        "{operation}: plain_modulus {plain_modulus} {failed}; batching at N = {poly_modulus_degree} needs a prime that \
         is 1 modulo 2N = {double}",
        failed = failed_conditions(*plain_modulus, *poly_modulus_degree, *is_prime),
        double = 2 * poly_modulus_degree
    )]
    Batching {
        /// The operation that was called.
        operation: &'static str,
        /// t.
        plain_modulus: u64,
        /// N.
        poly_modulus_degree: usize,
        /// True if t is prime.
        is_prime: bool,
    },
    /// A rotation of the rows by at least as many slots as a row has.
    #[error(
        "{operation}: a rotation by {step} slots is not possible: a row has {row} slots, so the limit is {limit} to \
         either side",
        limit = row.saturating_sub(1)
    )]
    RotationStep {
        /// The operation that was called.
        operation: &'static str,
        /// The step.
        step: i32,
        /// N/2, the number of slots in a row.
        row: usize,
    },
    /// More values than slots, or more coefficients than the degree allows.
    #[error("{operation}: {actual} values for {expected} places")]
    TooManyValues {
        /// The operation that was called.
        operation: &'static str,
        /// Number of values that fit.
        expected: usize,
        /// Number of values given.
        actual: usize,
    },
    /// A value does not fit the plaintext modulus.
    #[error(
        "{operation}: value {value} at index {index} does not fit the plaintext modulus {plain_modulus}"
    )]
    ValueOutOfRange {
        /// The operation that was called.
        operation: &'static str,
        /// The position of the value.
        index: usize,
        /// The value.
        value: i128,
        /// t.
        plain_modulus: u64,
    },
    /// A ciphertext of another size, where the operation needs one of two polynomials.
    #[error(
        "{operation}: the ciphertext has {actual} polynomials, {expected} are needed: relinearize it first"
    )]
    CiphertextSize {
        /// The operation that was called.
        operation: &'static str,
        /// The needed size.
        expected: usize,
        /// The actual size.
        actual: usize,
    },
    /// A wrong number of raw residues.
    #[error("{operation}: {actual} residues, {expected} are needed")]
    LimbCount {
        /// The operation that was called.
        operation: &'static str,
        /// Number of residues needed.
        expected: usize,
        /// Number of residues given.
        actual: usize,
    },
    /// A raw residue that is not below its prime.
    #[error("{operation}: residue {value} at index {index} is not below its prime {prime}")]
    Residue {
        /// The operation that was called.
        operation: &'static str,
        /// The position of the residue.
        index: usize,
        /// The residue.
        value: u64,
        /// The prime.
        prime: u64,
    },
    /// A ciphertext with fewer or more polynomials than SEAL allows.
    #[error(
        "{operation}: a ciphertext has {} to {} polynomials, not {actual}",
        CIPHERTEXT_SIZES.start(),
        CIPHERTEXT_SIZES.end()
    )]
    PolynomialCount {
        /// The operation that was called.
        operation: &'static str,
        /// Number of polynomials given.
        actual: usize,
    },
    /// A seeded object could not be parsed.
    #[error("{operation}: {reason}")]
    Seed {
        /// The operation that was called.
        operation: &'static str,
        /// Says what was unexpected.
        reason: &'static str,
    },
    /// An object in NTT form where coefficient form is needed, or vice versa.
    #[error("{operation}: the {object} is in the wrong form, it must be in {expected}")]
    WrongForm {
        /// The operation that was called.
        operation: &'static str,
        /// The object in the wrong form.
        object: &'static str,
        /// The form that is needed and how to get there.
        expected: &'static str,
    },
    /// A Galois element that is even or not below 2N.
    #[error("{operation}: {element} is not a Galois element: it must be odd and below {bound}")]
    GaloisElement {
        /// The operation that was called.
        operation: &'static str,
        /// The element.
        element: u32,
        /// 2N.
        bound: usize,
    },
    /// A sum or product of zero ciphertexts.
    #[error("{operation}: no ciphertexts were given, at least one is needed")]
    NoCiphertexts {
        /// The operation that was called.
        operation: &'static str,
    },
    /// A power with exponent 0, whose result would hide nothing.
    #[error("{operation}: the exponent is 0, it must be at least 1")]
    ZeroExponent {
        /// The operation that was called.
        operation: &'static str,
    },
    /// A level that a ciphertext cannot be at.
    #[error("{operation}: the context has no data level with this parms_id")]
    NotADataLevel {
        /// The operation that was called.
        operation: &'static str,
    },
    /// A polynomial that does not follow SEAL's notation.
    #[error("{operation}: term {term} of the polynomial: {reason}")]
    Polynomial {
        /// The operation that was called.
        operation: &'static str,
        /// Index of the term, counted from 1.
        term: usize,
        /// Says what is wrong with the term.
        reason: &'static str,
    },
    /// Bytes in SEAL's own format were handled as text on the way.
    #[error("{operation}: the data are damaged: {how}; send and store them as bytes, not as text")]
    Text {
        /// The operation that was called.
        operation: &'static str,
        /// Says what happened to them.
        how: &'static str,
    },
    /// The two objects were made for different encryption parameters.
    #[error("{operation}: the {object} was made for other encryption parameters than the context")]
    ContextMismatch {
        /// The operation that was called.
        operation: &'static str,
        /// The object that does not belong.
        object: &'static str,
    },
}

impl Error {
    /// The kind of SEAL's exception, if SEAL threw one.
    pub const fn seal_kind(&self) -> Option<SealErrorKind> {
        match self {
            Self::Seal { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

/// Names the batching conditions that a plaintext modulus fails.
fn failed_conditions(plain_modulus: u64, poly_modulus_degree: usize, is_prime: bool) -> String {
    let remainder = plain_modulus % (2 * poly_modulus_degree as u64);
    match (is_prime, remainder == 1) {
        (false, true) => "is not prime".to_owned(),
        (true, false) => format!("is prime, but {remainder} modulo 2N"),
        (false, false) => format!("is not prime, and {remainder} modulo 2N"),
        (true, true) => "fits, but SEAL found no root of unity modulo it".to_owned(),
    }
}

/// The result type of the BFV layer.
pub type Result<T> = std::result::Result<T, Error>;

/// Decodes an exception encoded by `src/ffi/guard.h`.
pub(crate) fn decode(operation: &'static str, exception: &cxx::Exception) -> Error {
    let what = exception.what();
    let mut characters = what.chars();
    let kind = match characters.next() {
        Some('I') => SealErrorKind::InvalidArgument,
        Some('R') => SealErrorKind::OutOfRange,
        Some('L') => SealErrorKind::Logic,
        Some('T') => SealErrorKind::TransparentCiphertext,
        Some('G') => SealErrorKind::MissingGaloisKey,
        Some('M') => SealErrorKind::OutOfMemory,
        Some('U') => SealErrorKind::Runtime,
        _ => SealErrorKind::Unknown,
    };
    let message = match characters.as_str() {
        "" => kind.name().to_owned(),
        // C++'s own words for a device of random numbers that cannot be opened.
        text if text.contains("random_device") => format!(
            "the system gives no random numbers ({text}): does the process have too many files open (ulimit -n)?"
        ),
        text => text.to_owned(),
    };
    Error::Seal {
        operation,
        kind,
        message,
    }
}

/// Adds the operation's name to the error of a bridge call.
pub(crate) trait Named<T> {
    /// Decodes the exception, if there is one, and attaches the operation's name.
    fn named(self, operation: &'static str) -> Result<T>;
}

impl<T> Named<T> for std::result::Result<T, cxx::Exception> {
    #[inline]
    fn named(self, operation: &'static str) -> Result<T> {
        self.map_err(|exception| decode(operation, &exception))
    }
}
