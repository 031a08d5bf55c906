//! The authors' schedule, for faithful timings: stock SEAL calls, one thread, one image, and no cached results.
//!
//! For every output channel, input channel and kernel tap whose weight is not zero, the input is rotated, multiplied by
//! the weight and added. Rotations are repeated for every output channel. SEAL's default Galois keys are for powers of
//! two only, so a rotation takes several key switches. A fully connected layer takes one rotation for each diagonal.
//! See [`ReferencePlan`] for the plan and [`crate::packing::Reference`] for the layout.
//!
//! This schedule differs from the authors' program where correctness or security requires it:
//!
//! - **No masks** after convolutions, unless requested ([`ReferencePlan::with_masks`]). The slots between values are never
//!   read again, and a mask costs about log2(t) + 7 bits of noise, which N = 8192 does not have.
//! - **Negative weights**: the input is multiplied by the magnitude, and the product subtracted. SEAL 4.0.0 multiplies
//!   by the constant -w as by t - w, with the noise of t - w: about log2(t) bits more for each layer. The number of
//!   operations is the same.
//! - **The partial results** of a fully connected layer, one for each input channel, are added and summed by rotations
//!   on the server (log2(window / rows) more rotations). In the authors' program, the client added them, and saw more
//!   than the logits.
//!
//! The parameters are SEAL's default primes for N, as in the authors' tool: 128 bits of security against classical
//! attackers by HE-standard 2018. The authors did not build with HEXL: a report of times from a build with it must say
//! so.

mod evaluator;
mod layer;
mod plan;
#[cfg(test)]
mod tests;

pub(in crate::engine) use evaluator::ReferenceEvaluator;
pub use layer::Part;
pub use plan::{ReferenceDiagonals, ReferenceLayer, ReferencePlan, ReferenceStep, Tap};
