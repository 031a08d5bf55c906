//! How tensors lie in the slots of ciphertexts.

mod batched;

pub use batched::Batched;
