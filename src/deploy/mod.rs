//! A network served to clients who are somewhere else: what each side keeps in files.
//!
//! ```text
//! Deployment    network, parameters, names of classes       the server's owner: a folder
//! ClientFile    all that a client needs, without weights    anyone: client.json
//! SecretFile    the secret key                              the client: secret.key
//! Manifest      whose requests, or responses, a folder holds: requests.json
//! ```
//!
//! Keys, requests and responses are messages of [`crate::wire`]. Each of these files names the [`DeploymentId`], so that
//! files of another deployment, or of another key, are refused before anything is computed with them.

mod client_file;
mod deployment;
mod error;
mod id;
mod json;
mod manifest;
mod response;
mod secret_file;

pub use client_file::{CLIENT_FILE, ClientFile};
pub use deployment::{Deployment, SERVER_FOLDER};
pub use error::DeployError;
pub use id::{DeploymentId, KeyId};
pub use manifest::{MANIFEST_FILE, Manifest, RequestForm, request_file, response_file};
pub use response::{read_response, write_response};
pub use secret_file::{EVALUATION_KEYS_FILE, SECRET_FILE, SecretFile};

#[cfg(test)]
mod tests;
