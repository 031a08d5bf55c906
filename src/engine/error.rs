//! What can go wrong in encrypted inference.

use thiserror::Error;

/// What can go wrong in encrypted inference.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// SEAL, or the checks before it.
    #[error("while {doing}")]
    Bfv {
        /// What was being done.
        doing: String,
        /// What went wrong.
        #[source]
        source: crate::bfv::Error,
    },
    /// No image, or more than a batch holds.
    #[error("{actual} images: a batch holds 1 to {slots}; split them into batches")]
    BatchSize {
        /// How many were given.
        actual: usize,
        /// How many fit.
        slots: usize,
    },
    /// An image of another size than the network reads.
    #[error("image {image} has {actual} values, the network reads {expected}")]
    ImageSize {
        /// Which image of the batch.
        image: usize,
        /// Its size.
        actual: usize,
        /// What the network reads.
        expected: usize,
    },
    /// An integer that the network's input quantiser cannot give: what was proven of the logits does not hold for it.
    #[error(
        "image {image} has {value} at position {position}: the network reads integers from 0 to {max}, as its input \
         quantiser makes them"
    )]
    InputRange {
        /// Which image of the batch.
        image: usize,
        /// Which of its values.
        position: usize,
        /// The value.
        value: i64,
        /// The largest that the network reads; the smallest is 0.
        max: i64,
    },
    /// A response to another number of images than were asked about.
    #[error(
        "the response answers {actual} images, {expected} were asked about: it is not the answer to this request"
    )]
    ImageCount {
        /// How many were asked about.
        expected: usize,
        /// How many it answers.
        actual: usize,
    },
    /// A message that was made for another plan.
    #[error(
        "the {message} holds {actual} {what}, this plan needs {expected}: it was made for another plan"
    )]
    Mismatch {
        /// Which message.
        message: &'static str,
        /// What was counted.
        what: &'static str,
        /// What the plan needs.
        expected: usize,
        /// What is there.
        actual: usize,
    },
    /// Parts that do not make up one response.
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
        /// Which logit.
        logit: usize,
        /// Under which plaintext modulus.
        plain_modulus: u64,
    },
    /// The kernels of fast mode do not serve the plan's parameters.
    #[error(
        "the kernels cannot compute this plan modulo {prime}: primes must lie between 2^12 and 2^50 and values have at \
         most 9 polynomials; select parameters for fast mode, or use stock mode"
    )]
    Kernel {
        /// The prime of q.
        prime: u64,
    },
    /// The layout serves neither the network nor the parameters.
    #[error("this layout is not possible: {reason}")]
    Layout {
        /// Why not.
        reason: String,
    },
    /// The operating system gave no random numbers.
    #[error("masking the response: no random numbers")]
    Randomness(#[from] getrandom::Error),
    /// A layer that a layout has no place for.
    #[error(
        "layer {layer} does not fit the {layout} layout: {reason}; the batched layout takes every network"
    )]
    Unsupported {
        /// The name of the layer.
        layer: String,
        /// The layout.
        layout: &'static str,
        /// Why not.
        reason: String,
    },
    /// Contexts that cannot be those of one plan.
    #[error(
        "a plan has at least one context, and its contexts differ in the plaintext modulus alone"
    )]
    Contexts,
    /// A plan without a result.
    #[error("the network has no layer that computes anything")]
    EmptyPlan,
}

/// Says what was being done when SEAL refused.
pub(super) trait Doing<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, EngineError>;
}

impl<T> Doing<T> for Result<T, crate::bfv::Error> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Bfv {
            doing: doing(),
            source,
        })
    }
}
