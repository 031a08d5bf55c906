//! Encrypted inference: a client that holds the secret key, and a server that cannot hold it.
//!
//! ```text
//! Network + Parameters -> Plan      what to compute
//! Client::encrypt     -> Request   ciphertexts
//! Server::evaluate    -> Response  ciphertexts; the server holds evaluation keys only
//! Client::decrypt     -> logits    exact integers
//! ```
//!
//! A [`Plan`] describes the computation; a backend (stock SEAL calls, or own kernels)
//! carries it out.

mod backend;
mod client;
mod compact;
mod compact_keys;
mod compact_response;
mod contexts;
mod correction;
mod encrypting;
mod error;
mod forecast;
pub(crate) mod fresh;
#[cfg(test)]
mod mask_tests;
mod masks;
mod message;
mod pads;
mod plan;
mod response_form;
mod secret;
mod secret_bytes;
mod seeded;
mod server;
mod spec;
mod spec_literal;
mod stats;

pub use backend::reference;
pub use client::Client;
pub(crate) use compact::PackedPart;
pub use compact::{CompactRequest, CompactRequestPart};
pub use compact_keys::CompactKeys;
pub use compact_response::CompactResponse;
pub use contexts::Contexts;
pub(crate) use encrypting::CompactEncryption;
pub use error::EngineError;
pub use forecast::LayerForecast;
pub use message::{EvaluationKeys, Request, RequestPart, Response, ResponsePart};
pub use pads::{MaskedImage, Pad, PadNumber, PadSecret, PreparedPad, SpecFingerprint};
pub(crate) use pads::{check_residues, packed_residues, residue_bytes};
pub use plan::Plan;
pub(crate) use response_form::ResponseForm;
pub use seeded::{SeededEvaluationKeys, SeededRequest, SeededRequestPart};
pub use server::{Evaluation, Server};
pub use spec::ClientSpec;
pub(crate) use spec::NeededKey;
pub use spec_literal::{ClientSpecError, ClientSpecLiteral};
pub use stats::{LayerStats, Progress, Share};

#[cfg(test)]
mod memory_tests;
