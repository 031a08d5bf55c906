//! The record of an import: what a model's folder keeps of it.

use serde::{Deserialize, Serialize};

use super::{Imported, ImportedNetwork, LogitError};

/// The record of an import from an ONNX file. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnnxRecord {
    /// Name of the network.
    pub name: String,
    /// SHA-256 of the file.
    pub source_sha256: String,
    /// True if the weights were integers. The directory then holds `network.json.gz`; otherwise it holds a float network,
    /// to be rounded or trained further.
    pub quantized: bool,
    /// Names of the classes, in the order of the logits; none if they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Distance of the integer logits from those of the file; missing if nothing was rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logit_error: Option<LogitError>,
    /// Sentences on what was assumed, left out and rounded.
    pub notes: Vec<String>,
}

impl OnnxRecord {
    /// Makes the record of a network from a file with this hash.
    pub fn new(name: &str, source_sha256: String, imported: &Imported) -> Self {
        let (quantized, logit_error) = match &imported.network {
            ImportedNetwork::Integer { error, .. } => (true, *error),
            ImportedNetwork::Float(_) => (false, None),
        };
        Self {
            name: name.to_owned(),
            source_sha256,
            quantized,
            classes: imported.classes.clone(),
            logit_error,
            notes: imported.notes.clone(),
        }
    }
}
