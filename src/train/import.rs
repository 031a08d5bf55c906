//! Networks from elsewhere: tensors of a safetensors file, named by a description of the layers.

use std::{collections::BTreeMap, fs, path::Path};

use num_bigint::BigInt;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::{
    CONFIG_FILE, LayerSpec, NETWORK_FILE, NetworkSpec, TrainConfig, TrainError, WEIGHTS_FILE,
    files::write_json,
    model::{Model, NORM_EPSILON, Role},
    tensors,
};
use crate::{
    data::{DatasetName, sha256_hex},
    network::{InputEncoding, InputSpec, Layer, NamedLayer, Network, NetworkLiteral},
};

/// Name of the import's record in a model directory.
pub const IMPORT_FILE: &str = "import.json";

/// What the tensors of a file mean. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportSpec {
    /// Name of the network.
    pub name: String,
    /// What it classifies.
    pub dataset: DatasetName,
    /// The layers.
    pub network: NetworkSpec,
    /// As in [`TrainConfig::input_thresholds`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_thresholds: Vec<u8>,
    /// As in [`TrainConfig::input_encoding`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_encoding: Option<InputEncoding>,
    /// For each layer with weights, in order: its tensors.
    pub tensors: Vec<LayerTensors>,
}

/// The tensors of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTensors {
    /// `[out, in, rows, columns]` of a convolution, `[out, in]` of a linear layer, as PyTorch stores them. Floating-point
    /// numbers, or integers in every layer for a quantised network.
    pub weight: String,
    /// `[out]`; zeros if there is none. Floating-point numbers; integers are in units of the layer's sums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// The real value of an integer weight of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_scale: Option<f64>,
    /// A batch norm after the layer, folded into floating-point weights: the prefix of `.weight`, `.bias`,
    /// `.running_mean` and `.running_var` (each `[out]`; epsilon 1e-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<String>,
}

/// What became of the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// The description.
    pub spec: ImportSpec,
    /// SHA-256 of the tensors' file.
    pub source_sha256: String,
    /// Whether the weights were integers: then the directory holds `network.json.gz`, else a float network to be rounded
    /// or trained on.
    pub quantized: bool,
}

/// A tensor as floating-point numbers or integers.
enum Values {
    Real(Vec<f64>),
    Whole(Vec<i64>),
}

struct Source<'a> {
    path: &'a Path,
    tensors: BTreeMap<String, (Vec<usize>, Values)>,
}

/// Reads a network and writes a model directory: `network.json.gz` if the weights are integers; else `config.json` and
/// `weights.safetensors`, a float network for [`ptq`](super::ptq()) or as the parent of quantised training.
///
/// # Errors
/// [`TrainError`] naming the field or tensor that is missing or does not fit.
pub fn import(
    spec: &ImportSpec,
    weights: &Path,
    out_dir: &Path,
) -> Result<ImportRecord, TrainError> {
    let bytes = fs::read(weights).map_err(TrainError::io("cannot read", weights))?;
    let source = Source {
        path: weights,
        tensors: parse(&bytes, weights)?,
    };
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
    let whole = spec
        .tensors
        .iter()
        .filter(|names| {
            matches!(
                source.tensors.get(&names.weight),
                Some((_, Values::Whole(_)))
            )
        })
        .count();
    fs::create_dir_all(out_dir).map_err(TrainError::io("cannot create", out_dir))?;
    if whole == layers {
        integers(spec, &config, &source)?.save(out_dir.join(NETWORK_FILE))?;
    } else {
        let model = floats(spec, &config, &source)?;
        let named = tensors::of_model(&model, "")?;
        tensors::save(&out_dir.join(WEIGHTS_FILE), &named, &[])?;
        config.save(&out_dir.join(CONFIG_FILE))?;
    }
    let record = ImportRecord {
        spec: spec.clone(),
        source_sha256: sha256_hex(&bytes),
        quantized: whole == layers,
    };
    write_json(&out_dir.join(IMPORT_FILE), &record)?;
    Ok(record)
}

impl ImportSpec {
    /// Reads a description.
    ///
    /// # Errors
    /// [`TrainError::Io`] or [`TrainError::Json`].
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).map_err(TrainError::io("cannot read", path))?;
        serde_json::from_str(&text).map_err(|source| TrainError::Json {
            path: path.to_owned(),
            what: "description of layers",
            source,
        })
    }
}

/// All tensors of a file.
fn parse(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, (Vec<usize>, Values)>, TrainError> {
    let failed = |problem: String| TrainError::Weights {
        path: path.to_owned(),
        problem,
    };
    let file = SafeTensors::deserialize(bytes).map_err(|e| failed(e.to_string()))?;
    let mut found = BTreeMap::new();
    for (name, view) in file.tensors() {
        // Little-endian elements; the length was checked against the shape when the file was read.
        macro_rules! elements {
            ($kind:ty) => {
                view.data()
                    .as_chunks::<{ size_of::<$kind>() }>()
                    .0
                    .iter()
                    .map(|b| <$kind>::from_le_bytes(*b).into())
                    .collect()
            };
        }
        let values = match view.dtype() {
            Dtype::F32 => Values::Real(elements!(f32)),
            Dtype::F64 => Values::Real(elements!(f64)),
            Dtype::I8 => Values::Whole(elements!(i8)),
            Dtype::I16 => Values::Whole(elements!(i16)),
            Dtype::I32 => Values::Whole(elements!(i32)),
            Dtype::I64 => Values::Whole(elements!(i64)),
            // Counters and the like: not asked for, or refused as missing.
            _ => continue,
        };
        found.insert(name, (view.shape().to_vec(), values));
    }
    Ok(found)
}

impl Source<'_> {
    fn get(&self, name: &str, shape: &[usize]) -> Result<&Values, TrainError> {
        let problem = match self.tensors.get(name) {
            Some((found, values)) if found == shape => return Ok(values),
            Some((found, _)) => format!("tensor `{name}` has shape {found:?}, expected {shape:?}"),
            None => format!("tensor `{name}` of 32- or 64-bit floats or of integers is missing"),
        };
        Err(TrainError::Weights {
            path: self.path.to_owned(),
            problem,
        })
    }

    fn real(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, TrainError> {
        let problem = match self.get(name, shape)? {
            Values::Real(values) if values.iter().all(|x| x.is_finite()) => {
                return Ok(values.clone());
            }
            Values::Real(_) => format!("tensor `{name}` is not finite"),
            Values::Whole(_) => format!("tensor `{name}` is of integers, the others are not"),
        };
        Err(TrainError::Weights {
            path: self.path.to_owned(),
            problem,
        })
    }
}

/// The shape of a layer's weights as PyTorch stores them.
fn weight_shape(layer: &LayerSpec, model: &Model, index: usize) -> Vec<usize> {
    let at = model.layers[index];
    match *layer {
        LayerSpec::Conv2d { kernel, .. } => vec![
            at.outputs,
            model.shapes[at.position].channels,
            kernel[0],
            kernel[1],
        ],
        _ => vec![at.outputs, at.fan_in],
    }
}

fn floats(
    spec: &ImportSpec,
    config: &TrainConfig,
    source: &Source<'_>,
) -> Result<Model, TrainError> {
    let mut model = Model::new(config)?;
    for (index, names) in spec.tensors.iter().enumerate() {
        let at = model.layers[index];
        let shape = weight_shape(&spec.network.layers[at.position], &model, index);
        let mut weight = source.real(&names.weight, &shape)?;
        let mut bias = match &names.bias {
            Some(name) => source.real(name, &[at.outputs])?,
            None => vec![0.0; at.outputs],
        };
        if let Some(prefix) = &names.norm {
            let part = |suffix: &str| source.real(&format!("{prefix}.{suffix}"), &[at.outputs]);
            let (gamma, beta) = (part("weight")?, part("bias")?);
            let (mean, variance) = (part("running_mean")?, part("running_var")?);
            for (c, row) in weight.chunks_exact_mut(at.fan_in).enumerate() {
                let factor = gamma[c] / (variance[c] + NORM_EPSILON).sqrt();
                for w in row {
                    *w *= factor;
                }
                bias[c] = (bias[c] - mean[c]) * factor + beta[c];
            }
        }
        let single = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
        model.set(index, Role::Weight, single(weight));
        model.set(index, Role::Bias, single(bias));
    }
    Ok(model)
}

fn integers(
    spec: &ImportSpec,
    config: &TrainConfig,
    source: &Source<'_>,
) -> Result<Network, TrainError> {
    let model = Model::new(config)?;
    let quantizer = config.quantizer()?;
    let mut scale = quantizer.scale();
    let mut next = 0;
    let mut layers = Vec::with_capacity(spec.network.layers.len());
    for (position, layer) in spec.network.layers.iter().enumerate() {
        let mut parts = || -> Result<(Vec<i64>, Vec<BigInt>, f64), TrainError> {
            let (index, names) = (next, &spec.tensors[next]);
            next += 1;
            let refused = |what: &str, problem: &str| {
                TrainError::config(format!("tensors[{index}].{what}"), problem)
            };
            if names.norm.is_some() {
                return Err(refused(
                    "norm",
                    "cannot be folded into integers: fold it before quantising",
                ));
            }
            let weight_scale = names.weight_scale.filter(|s| s.is_finite() && *s > 0.0);
            let weight_scale = weight_scale
                .ok_or_else(|| refused("weight_scale", "must be positive for integer weights"))?;
            let shape = weight_shape(layer, &model, index);
            let Values::Whole(weight) = source.get(&names.weight, &shape)? else {
                return Err(refused("weight", "must be of integers, as the others are"));
            };
            scale *= weight_scale;
            let outputs = model.layers[index].outputs;
            let bias = match &names.bias {
                None => vec![BigInt::ZERO; outputs],
                Some(name) => match source.get(name, &[outputs])? {
                    Values::Whole(values) => values.iter().map(|&b| b.into()).collect(),
                    Values::Real(values) => crate::quant::round_bias(values, scale)
                        .into_iter()
                        .map(|b| {
                            num_traits::FromPrimitive::from_f64(b)
                                .ok_or_else(|| refused("bias", "is not finite"))
                        })
                        .collect::<Result<_, _>>()?,
                },
            };
            Ok((weight.clone(), bias, weight_scale))
        };
        let layer = match *layer {
            LayerSpec::Conv2d {
                out_channels,
                kernel,
                stride,
                padding,
            } => {
                let (weight, bias, weight_scale) = parts()?;
                Layer::Conv2d {
                    in_channels: model.shapes[position].channels,
                    out_channels,
                    kernel,
                    stride,
                    padding,
                    weight,
                    bias,
                    weight_scale,
                }
            }
            LayerSpec::Linear { out_features } => {
                let (weight, bias, weight_scale) = parts()?;
                Layer::Linear {
                    in_features: model.shapes[position].len(),
                    out_features,
                    weight,
                    bias,
                    weight_scale,
                }
            }
            LayerSpec::Square => {
                scale *= scale;
                Layer::Square
            }
            LayerSpec::SumPool { kernel, stride } => Layer::SumPool { kernel, stride },
            LayerSpec::Flatten => Layer::Flatten,
            LayerSpec::Relu | LayerSpec::MaxPool { .. } => {
                return Err(TrainError::NotExportable {
                    layer: model.names[position].clone(),
                    kind: layer.kind(),
                });
            }
        };
        layers.push(NamedLayer::new(model.names[position].clone(), layer));
    }
    Ok(Network::new(NetworkLiteral {
        name: spec.name.clone(),
        input: InputSpec {
            shape: model.shapes[0],
            quantizer,
        },
        classes: model.shapes[model.shapes.len() - 1].len(),
        layers,
    })?)
}
