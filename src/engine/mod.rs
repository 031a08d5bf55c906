//! Encrypted inference: a client that holds the secret key, and a server that cannot hold it.
//!
//! ```text
//! Network + Selection -> Plan      what to compute
//! Client::encrypt     -> Request   ciphertexts
//! Server::evaluate    -> Response  ciphertexts; the server holds evaluation keys only
//! Client::decrypt     -> logits    exact integers
//! ```
//!
//! A [`Plan`] describes the computation; the kernels (stock SEAL calls, or those of fast mode) carry it out.

mod client;
mod diagonal;
mod error;
mod fast;
mod forecast;
mod fused;
#[cfg(test)]
mod mask_tests;
mod message;
mod packed;
pub mod paper;
mod plan;
mod secret;
mod seeded;
mod server;
mod stats;
mod stock;

pub use client::Client;
pub use error::EngineError;
pub use forecast::LayerForecast;
pub use message::{EvaluationKeys, Request, RequestPart, Response, ResponsePart};
pub use plan::Plan;
pub use seeded::{PlanContexts, SeededEvaluationKeys, SeededRequest, SeededRequestPart};
pub use server::{Evaluation, Server};
pub use stats::{LayerStats, Progress};

#[cfg(test)]
mod memory_tests;
