//! The authors' schedule, for faithful timings: stock SEAL calls, one thread, one image, nothing cached.
//!
//! For every output channel, input channel and kernel tap whose weight is not zero, the input is rotated, multiplied by
//! the weight and added; rotations are done anew for every output channel, with SEAL's default Galois keys (powers of
//! two), so that one takes several key switches. A fully connected layer takes a rotation for each diagonal. See
//! [`PaperPlan`] for the plan, [`crate::layout::Paper`] for the layout.
//!
//! Where this differs from the authors' program, correctness or security asked for it:
//!
//! - **No masks** after convolutions, unless asked for ([`PaperPlan::with_masks`]): the slots between values are never
//!   read again, and a mask costs about log2(t) + 7 bits of noise, which N = 8192 does not have.
//! - **Negative weights** are multiplied by their magnitude and the product subtracted. SEAL 4.0.0 multiplies by the
//!   constant -w as by t - w, at the noise of t - w: about log2(t) bits more for each layer. The number of operations
//!   is the same.
//! - **The partial results** of a fully connected layer, one for each input channel, are added and folded by the
//!   server (log2(window / rows) more rotations). There, the client added them, and saw more than the logits.
//!
//! Parameters are SEAL's default primes for N: 128 bits of security against classical attackers by HE-standard 2018, as their tool had them.
//! A build with HEXL is not theirs: a report of its times must say so.

mod client;
mod layer;
mod plan;
mod server;
#[cfg(test)]
mod tests;

pub use client::PaperClient;
pub use plan::{Diagonals, PaperLayer, PaperPlan, PaperStep, Tap};
pub use server::{PaperEvaluation, PaperKeys, PaperLayerTime, PaperServer, Part};
