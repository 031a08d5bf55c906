//! Errors of encrypted inference.

use super::pads::PadNumber;
use thiserror::Error;

/// An error in encrypted inference.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// SEAL, or a check before it, refused an operation.
    #[error("while {doing}")]
    Seal {
        /// Operation that failed.
        doing: String,
        /// Cause of the failure.
        #[source]
        source: crate::seal::Error,
    },
    /// There is no image, or there are more than a batch holds.
    #[error("{actual} images: a batch holds 1 to {batch_size}; split them into batches")]
    BatchSize {
        /// Number of images given.
        actual: usize,
        /// Largest number of images in a batch.
        batch_size: usize,
    },
    /// An image has another size than the network reads.
    #[error("image {image} has {actual} values, the network reads {expected}")]
    ImageSize {
        /// Index of the image in the batch.
        image: usize,
        /// Number of values in it.
        actual: usize,
        /// Number of values that the network reads.
        expected: usize,
    },
    /// An integer is one that the network's input quantiser cannot give, so the proof of the logits' bounds does not
    /// hold for it.
    #[error(
        "image {image} has {value} at position {position}: the network reads integers from 0 to {max}, as its input \
         quantiser makes them"
    )]
    InputRange {
        /// Index of the image in the batch.
        image: usize,
        /// Index of the value in the image.
        position: usize,
        /// The value.
        value: i64,
        /// Largest value that the network reads; the smallest is 0.
        max: i64,
    },
    /// A response answers another number of images than the request asked about.
    #[error(
        "the response answers {actual} images, {expected} were asked about: it is not the answer to this request"
    )]
    ImageCount {
        /// Number of images in the request.
        expected: usize,
        /// Number of images that the response answers.
        actual: usize,
    },
    /// A message was made for another plan.
    #[error(
        "the {message} holds {actual} {what}, this plan needs {expected}: it was made for another plan"
    )]
    Mismatch {
        /// Kind of the message.
        message: &'static str,
        /// Kind of the things that were counted.
        what: &'static str,
        /// Number that the plan needs.
        expected: usize,
        /// Number in the message.
        actual: usize,
    },
    /// The parts do not make up one response.
    #[error(
        "the parts of a response must be those of one batch, one for each plaintext modulus in order"
    )]
    Parts,
    /// The response cannot be decrypted: its noise has reached the plaintext.
    #[error(
        "logit {logit} modulo {plain_modulus} has no noise budget left: its decryption would be wrong; \
         the response was not computed by this plan"
    )]
    NoiseExhausted {
        /// Index of the logit.
        logit: usize,
        /// Plaintext modulus under which it fails.
        plain_modulus: u64,
    },
    /// Own kernels cannot compute with the plan's parameters.
    #[error(
        "the kernels cannot compute this plan modulo {prime}: primes must lie between 2^12 and 2^50 and values have at \
         most 9 polynomials; select parameters for own kernels, or use SEAL's"
    )]
    Kernel {
        /// The prime of q that they cannot use.
        prime: u64,
    },
    /// The layout is impossible for the network or the parameters.
    #[error("this layout is not possible: {reason}")]
    Layout {
        /// Reason why it is impossible.
        reason: String,
    },
    /// The operating system gave no random numbers.
    #[error("masking the response: no random numbers")]
    Randomness(#[from] getrandom::Error),
    /// A layout cannot hold a layer.
    #[error(
        "layer {layer} does not fit the {layout} layout: {reason}; the batched layout takes every network"
    )]
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// Name of the layout.
        layout: &'static str,
        /// Reason why it cannot.
        reason: String,
    },
    /// The contexts cannot be those of one plan.
    #[error(
        "these contexts are not those of one plan: make them from its client specification, with `Contexts::new`"
    )]
    Contexts,
    /// Own encryption does not serve the parameters of the plan.
    #[error(
        "a compact request needs own kernels and plaintext moduli of at most 57 bits: use the seeded request"
    )]
    Compact,
    /// The bytes are no secret key of the plan.
    #[error("these bytes are not a secret key of this plan")]
    SecretBytes,
    /// SEAL's encryption serves one plain prime, so it cannot make a shared upload.
    #[error(
        "one upload serves all plaintext moduli of this plan, and SEAL's encryption cannot make it: use the compact \
         request, or choose parameters without a shared upload"
    )]
    SharedUpload,
    /// The response is not one that travels in few bits.
    #[error(
        "this is not a compact response of this plan: it is another plan's, or that of a plan with no noise budget to \
         spare for one"
    )]
    CompactResponse,
    /// The plan's layout has no place for pads.
    #[error(
        "pads serve one image at a time, in the diagonal and few-uploads layouts, with own kernels: select the \
         parameters for one of these"
    )]
    NoPads,
    /// A pad, a masked image or a prepared pad was made for another deployment.
    #[error(
        "the {what} was made for another deployment, network or set of keys: pads serve the one for which they were made"
    )]
    PadDeployment {
        /// The message that was made.
        what: &'static str,
    },
    /// A masked image does not belong to this pad.
    #[error("the masked image belongs to pad {actual}, not to pad {expected}")]
    PadNumber {
        /// The pad's number.
        expected: PadNumber,
        /// The number in the masked image.
        actual: PadNumber,
    },
    /// A fault of this library: something does not hold that it takes for granted.
    #[error("a fault of sealquant, please report it: {0}")]
    Internal(&'static str),
}

/// Adds the operation in progress to SEAL's error.
pub(super) trait Doing<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, EngineError>;
}

impl<T> Doing<T> for Result<T, crate::seal::Error> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Seal {
            doing: doing(),
            source,
        })
    }
}
