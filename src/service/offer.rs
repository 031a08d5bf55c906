//! The list of what is served, as server and client exchange it.

use serde::{Deserialize, Serialize};

use crate::deploy::DeploymentId;

/// A deployment that a server offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its identifier.
    pub id: DeploymentId,
    /// The network's name.
    pub name: String,
    /// The most images in a request.
    pub batch_size: usize,
    /// True if clients upload keys first.
    pub needs_keys: bool,
    /// Size of a request, in bytes.
    pub request_bytes: u64,
    /// Size of a set of keys, in bytes; 0 if there are none.
    pub key_bytes: u64,
}

/// The answer to `GET /v1/deployments`.
#[derive(Serialize, Deserialize)]
pub(super) struct Offers {
    pub deployments: Vec<Offer>,
}
