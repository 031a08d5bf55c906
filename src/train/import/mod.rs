//! Imports networks made elsewhere: reads the tensors of a safetensors file, which a description of the layers names.

mod float;
mod integer;
mod onnx;
mod source;

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    CONFIG_FILE, IMPORT_FILE, NETWORK_FILE, NetworkSpec, OutputFolder, TrainConfig, TrainError,
    WEIGHTS_FILE, files::write_json, read, tensors,
};
use crate::{
    data::{DatasetName, sha256_hex},
    file_kind::Own,
    network::InputEncoding,
};
pub use onnx::import_float;
use source::TensorSource;

/// Largest size of a tensor file, in bytes.
const MAX_WEIGHTS_BYTES: u64 = 1 << 30;

/// Describes the meaning of the tensors in a file. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSpec {
    /// Name of the network.
    pub name: String,
    /// The dataset that it classifies.
    pub dataset: DatasetName,
    /// The layers.
    pub network: NetworkSpec,
    /// Input thresholds, as in [`TrainConfig::input_thresholds`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_thresholds: Vec<u8>,
    /// Input encoding, as in [`TrainConfig::input_encoding`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_encoding: Option<InputEncoding>,
    /// The tensors of each layer with weights, in order.
    pub tensors: Vec<LayerTensors>,
}

/// The tensors of one layer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTensors {
    /// Name of the weights: `[out, in, rows, columns]` for a convolution, `[out, in]` for a linear layer, as PyTorch
    /// stores them. They are floating-point numbers, or, for a quantised network, integers in every layer.
    pub weight: String,
    /// Name of the biases, `[out]`; zeros if omitted. Floating-point numbers, or integers in units of the layer's sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// Real value of an integer weight of 1: one positive number for the whole tensor.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "one_scale"
    )]
    pub weight_scale: Option<f64>,
    /// A batch norm after the layer, which is folded into floating-point weights: the prefix of `.weight`, `.bias`,
    /// `.running_mean` and `.running_var` (each `[out]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<String>,
    /// The batch norm's epsilon, which is added to variances. If omitted it is PyTorch's 1e-5; Keras uses 1e-3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_epsilon: Option<f64>,
}

/// Reads one scale. Refuses a list of scales with an explanation: one scale for each channel is not supported.
fn one_scale<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scale {
        One(f64),
        Other(serde::de::IgnoredAny),
    }
    match Option::<Scale>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Scale::One(scale)) => Ok(Some(scale)),
        Some(Scale::Other(_)) => Err(serde::de::Error::custom(
            "one number for the whole tensor is expected; scales for each channel have no place in an integer network: \
             quantise with one scale for each tensor, or import the weights as floating-point numbers",
        )),
    }
}

/// The record of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// The description.
    pub spec: ImportSpec,
    /// SHA-256 of the tensors' file.
    pub source_sha256: String,
    /// True if the weights were integers. The directory then holds `network.json.gz`; otherwise it holds a float
    /// network, to be rounded or trained further.
    pub quantized: bool,
}

/// Reads a network and writes a model folder, replacing its previous content. Integer weights give `network.json.gz`;
/// other weights give `config.json` and `weights.safetensors`, a float network for [`ptq`](super::ptq()) or as the
/// parent of quantised training.
///
/// # Errors
/// [`TrainError`] naming the field, or the tensor and channel, that is missing or does not fit. The folder then stays
/// unchanged.
pub fn import(
    spec: &ImportSpec,
    weights: &Path,
    folder: &OutputFolder,
) -> Result<ImportRecord, TrainError> {
    let layers = spec.network.weight_layers();
    if spec.tensors.len() != layers {
        return Err(TrainError::config(
            "tensors",
            format!(
                "has {} entries, the network has {layers} layers with weights",
                spec.tensors.len()
            ),
        ));
    }
    let config = TrainConfig {
        name: spec.name.clone(),
        dataset: spec.dataset,
        network: spec.network.clone(),
        input_thresholds: spec.input_thresholds.clone(),
        input_encoding: spec.input_encoding.clone(),
        ..TrainConfig::preset("hcnn-mnist-paper")?
    };
    config.validate()?;
    let bytes = read::bytes(weights, MAX_WEIGHTS_BYTES)?;
    let source = TensorSource::new(&bytes, weights)?;
    let mut named = spec.tensors.iter();
    let quantized = named.all(|names| source.is_whole(&names.weight));
    let model = folder.stage()?;
    if quantized {
        integer::network(spec, &config, &source)?.save(model.file(NETWORK_FILE))?;
    } else {
        let network = float::network(spec, &config, &source)?;
        let named = tensors::of_model(&network, "")?;
        tensors::save(&model.file(WEIGHTS_FILE), &named, &[])?;
        config.save(&model.file(CONFIG_FILE))?;
    }
    let record = ImportRecord {
        spec: spec.clone(),
        source_sha256: sha256_hex(&bytes),
        quantized,
    };
    write_json(&model.file(IMPORT_FILE), &record)?;
    model.commit()?;
    Ok(record)
}

impl ImportSpec {
    /// Reads a description of layers.
    ///
    /// # Errors
    /// [`TrainError`] naming the file and the wrong field.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        read::json(path, "description of layers", Own::Layers)
    }
}
