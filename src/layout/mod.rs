//! How tensors lie in the slots of ciphertexts.

mod batched;
mod paper;

pub use batched::Batched;
pub use paper::Paper;
