//! A network with its parameters, as the server's owner keeps it.

use super::client_file::{CLIENT_FILE, ClientFile};
use super::error::DeployError;
use super::id::DeploymentId;
use super::json;
use crate::engine::Plan;
use crate::file::model_folder::NETWORK_FILE;
use crate::file_kind::Own;
use crate::network::Network;
use crate::params::{Parameters, ParametersRecord};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// Name of the folder, in a deployment's, with the files that only the server needs.
pub const SERVER_FOLDER: &str = "server";
/// Name of the file in it with all but the network.
const SERVER_FILE: &str = "deployment.json";
/// Version of that file's format.
const VERSION: u32 = 1;

/// A network to be served: with encryption parameters, and with names for its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    id: DeploymentId,
    network: Network,
    parameters: Parameters,
    classes: Vec<String>,
}

/// The file of the server.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerFile {
    deployment_version: u32,
    deployment: DeploymentId,
    classes: Vec<String>,
    parameters: ParametersRecord,
}

impl Deployment {
    /// Puts a network and the parameters that were chosen for it together. Without names for all classes, a class is
    /// named by its number.
    pub fn new(network: Network, parameters: Parameters, classes: Vec<String>) -> Self {
        let numbers = || (0..network.classes()).map(|class| class.to_string());
        let classes = if classes.len() == network.classes() {
            classes
        } else {
            numbers().collect()
        };
        Self {
            id: identify(&network, &parameters.to_record(), &classes),
            network,
            parameters,
            classes,
        }
    }

    /// Returns the identifier.
    pub const fn id(&self) -> DeploymentId {
        self.id
    }

    /// Returns the network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the parameters.
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the names of the classes, in the order of the logits.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Makes the plan.
    ///
    /// # Errors
    /// Those of [`Plan::new`].
    pub fn plan(&self) -> Result<Plan, DeployError> {
        Ok(Plan::new(&self.network, &self.parameters)?)
    }

    /// Describes the deployment to clients; `plan` is that of [`Deployment::plan`].
    ///
    /// # Errors
    /// [`EngineError::Compact`](crate::engine::EngineError::Compact) if SEAL's calls evaluate: only own kernels serve files.
    pub fn client_file(&self, plan: &Plan) -> Result<ClientFile, DeployError> {
        ClientFile::new(
            self.id,
            (&self.network, &self.parameters),
            &self.classes,
            plan,
        )
    }

    /// Writes `client.json`, for clients, and the folder `server`.
    ///
    /// # Errors
    /// [`DeployError::File`] if a file cannot be written, and those of [`Deployment::client_file`].
    pub fn save(&self, folder: &Path) -> Result<(), DeployError> {
        let client = self.client_file(&self.plan()?)?;
        let server = folder.join(SERVER_FOLDER);
        self.network.save(server.join(NETWORK_FILE))?;
        let file = ServerFile {
            deployment_version: VERSION,
            deployment: self.id,
            classes: self.classes.clone(),
            parameters: self.parameters.to_record(),
        };
        json::write(&server.join(SERVER_FILE), &file)?;
        client.save(&folder.join(CLIENT_FILE))
    }

    /// Reads the folder `server`.
    ///
    /// # Errors
    /// [`DeployError`] if a file is missing, is none of a deployment, or does not fit the others.
    pub fn load(server: &Path) -> Result<Self, DeployError> {
        let path = server.join(SERVER_FILE);
        let file: ServerFile = json::read(&path, Own::Deployment)?;
        json::check_version(&path, file.deployment_version, VERSION)?;
        let network = Network::load(server)?;
        let made = identify(&network, &file.parameters, &file.classes);
        if made != file.deployment || file.classes.len() != network.classes() {
            let problem =
                "the files beside it are not those it was written with: compile the model again";
            return Err(json::content(&path, problem));
        }
        let parameters = Parameters::from_record(&file.parameters)
            .map_err(|error| json::content(&path, error.to_string()))?;
        Ok(Self {
            id: made,
            network,
            parameters,
            classes: file.classes,
        })
    }
}

fn identify(network: &Network, parameters: &ParametersRecord, classes: &[String]) -> DeploymentId {
    let mut hash = Sha256::new();
    hash.update(b"sealquant deployment 1");
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(network.to_json().as_bytes());
    // These types hold only what JSON can hold.
    part(&serde_json::to_vec(parameters).unwrap_or_default());
    part(&serde_json::to_vec(classes).unwrap_or_default());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    DeploymentId::from_bytes(bytes)
}
