//! The client's file: all that a client needs to know, without weights.

use super::error::DeployError;
use super::id::DeploymentId;
use super::json;
use crate::engine::{ClientSpec, ClientSpecLiteral, EngineError, Plan};
use crate::file_kind::Own;
use crate::network::Network;
use crate::params::{BoundRule, Parameters};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the file in a deployment's folder.
pub const CLIENT_FILE: &str = "client.json";
/// Version of the file's format.
const VERSION: u32 = 1;

/// The client's knowledge of a deployment: how to encrypt and decrypt, and what the logits mean. It holds no weights.
///
/// See [`ClientSpec`] for what it does tell of the network. A client trusts it to say truly what the logits mean, not
/// to be secure: parameters that are not secure are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientFile {
    deployment: DeploymentId,
    name: String,
    classes: Vec<String>,
    bound: String,
    output_scale: f64,
    literal: ClientSpecLiteral,
    spec: ClientSpec,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    client_version: u32,
    deployment: DeploymentId,
    name: String,
    classes: Vec<String>,
    /// In words, which inputs the logits are exact for.
    bound: String,
    /// The real value of one unit of a logit, as text.
    output_scale: String,
    spec: ClientSpecLiteral,
}

impl ClientFile {
    /// Describes a deployment to clients.
    ///
    /// # Errors
    /// [`EngineError::Compact`] if SEAL's calls evaluate: only own kernels serve files.
    pub(super) fn new(
        deployment: DeploymentId,
        (network, parameters): (&Network, &Parameters),
        classes: &[String],
        plan: &Plan,
    ) -> Result<Self, DeployError> {
        let spec = plan.client_spec().clone();
        let literal = spec.to_literal(parameters.standard());
        Ok(Self {
            deployment,
            name: network.name().to_owned(),
            classes: classes.to_vec(),
            bound: match &parameters.bound().rule {
                BoundRule::Proven => "proven: exact for every input".to_owned(),
                BoundRule::Observed { source, .. } => {
                    format!("observed on {source}: other inputs may wrap around without notice")
                }
            },
            output_scale: network.output_scale(),
            literal: literal.ok_or(EngineError::Compact)?,
            spec,
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`DeployError::File`].
    pub fn save(&self, path: &Path) -> Result<(), DeployError> {
        json::write(path, &self.fields())
    }

    /// Returns the file's content.
    ///
    /// # Errors
    /// [`DeployError::File`] if there is no memory for it.
    pub fn to_json(&self) -> Result<Vec<u8>, DeployError> {
        json::text(&self.fields()).map_err(|source| DeployError::File {
            action: "writing",
            path: CLIENT_FILE.into(),
            source,
        })
    }

    fn fields(&self) -> Fields {
        Fields {
            client_version: VERSION,
            deployment: self.deployment,
            name: self.name.clone(),
            classes: self.classes.clone(),
            bound: self.bound.clone(),
            output_scale: format!("{:?}", self.output_scale),
            spec: self.literal.clone(),
        }
    }

    /// Reads and checks a file, which may come from anyone.
    ///
    /// # Errors
    /// [`DeployError::File`] or [`DeployError::Content`].
    pub fn load(path: &Path) -> Result<Self, DeployError> {
        Self::checked(path, json::read(path, Own::Client)?)
    }

    /// Reads and checks a file's content, which may come from anyone. Errors name `path`.
    ///
    /// # Errors
    /// [`DeployError::Content`].
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self, DeployError> {
        Self::checked(path, json::parse(path, json, Own::Client)?)
    }

    fn checked(path: &Path, fields: Fields) -> Result<Self, DeployError> {
        json::check_version(path, fields.client_version, VERSION)?;
        let spec = ClientSpec::from_literal(&fields.spec)
            .map_err(|error| json::content(path, format!("spec.{error}")))?;
        if fields.classes.len() != spec.slot_map().logits() {
            return Err(json::content(path, "classes: must name each logit"));
        }
        let texts = fields.classes.iter().chain([&fields.name, &fields.bound]);
        if texts
            .into_iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(json::content(path, "a name holds a control character"));
        }
        let scale = fields.output_scale.parse::<f64>().ok();
        let Some(output_scale) = scale.filter(|scale| scale.is_normal()) else {
            return Err(json::content(path, "output_scale: must be a number"));
        };
        Ok(Self {
            deployment: fields.deployment,
            name: fields.name,
            classes: fields.classes,
            bound: fields.bound,
            output_scale,
            literal: fields.spec,
            spec,
        })
    }

    /// Returns the deployment's identifier.
    pub const fn deployment(&self) -> DeploymentId {
        self.deployment
    }

    /// Returns the network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the names of the classes, in the order of the logits.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Tells in words which inputs the logits are exact for.
    pub fn bound(&self) -> &str {
        &self.bound
    }

    /// Returns the real value of one unit of a logit.
    pub const fn output_scale(&self) -> f64 {
        self.output_scale
    }

    /// Returns what encryption and decryption need.
    pub const fn spec(&self) -> &ClientSpec {
        &self.spec
    }
}
