//! Imports networks from ONNX files: those of PyTorch's exporters and of Keras, with floating-point weights, and those of
//! Brevitas and other quantisers, with integer weights (QONNX and QCDQ).
//!
//! A file is parsed (`message`), its graph checked (`graph`), constant nodes are computed (`fold`), and what the
//! other nodes compute is written down as sums, squares, pools, factors and shifts (`recognise`, `chain`). Factors and
//! shifts then go into the weights beside them (`settle`), which become integers (`lower`) or 32-bit floats
//! (`float`).
//!
//! Quantised weights keep the integers that the file says; nothing is rounded but biases and factors without a common
//! unit, and [`Imported::notes`] says so. An operator that an encrypted network cannot have is refused by its name.
//!
//! The file may be hostile: sizes are checked before anything is allocated for them, nothing recurses, and tensors are
//! read only from files in the model's own folder.

mod advice;
mod affine;
mod attributes;
mod chain;
mod check;
mod elementwise;
mod error;
mod external;
mod float;
mod fold;
mod graph;
mod join;
mod layers;
mod lower;
mod message;
mod npz;
mod per;
mod pixels;
mod quantize;
mod quantizers;
mod recognise;
mod record;
mod settle;
mod survey;
mod tensor;
mod value;
mod walk;
mod weights;

use std::{fs::File, path::Path};

use bytes::Bytes;
use prost::Message as _;

use crate::{
    file::read_at_most,
    file_kind::describe,
    network::{InputError, Network, Shape},
};

pub use check::{Comparison, Difference};
pub use error::OnnxError;
pub use float::{FloatLayer, FloatNetwork};
pub use lower::LogitError;
pub use record::OnnxRecord;

use external::External;
use fold::ConstantFolder;
use graph::Graph;
use recognise::{InputLayout, Recognized, Unrecognized, recognise};
use settle::{RealNetwork, Unit, settle};

/// Largest size of a file, and of all tensors in files beside it, in bytes: 64 MiB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The meaning of the graph's input in terms of an image's pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelRange {
    /// Decides by the graph: an integer input, or one that is scaled down first, reads pixels; others read them divided
    /// by 255.
    #[default]
    Guess,
    /// Pixels from 0 to 255.
    Raw,
    /// Pixels divided by 255: from 0 to 1.
    Unit,
}

/// Choices for reading a file.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Name of the network.
    pub name: String,
    /// Shape of the images, if the file leaves it open or has flat vectors.
    pub shape: Option<Shape>,
    /// The meaning of the graph's input.
    pub range: PixelRange,
    /// Bits by which integer weights grow where factors have no common unit.
    pub factor_bits: u32,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            name: "imported".to_owned(),
            shape: None,
            range: PixelRange::default(),
            factor_bits: 12,
        }
    }
}

/// A network that was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network.
    pub network: ImportedNetwork,
    /// Names of the classes, if the file has them.
    pub classes: Vec<String>,
    /// Sentences for the user on what was assumed, left out and rounded.
    pub notes: Vec<String>,
    /// The network in real numbers, as the file describes it.
    reference: RealNetwork,
    /// The place in an image of each value of the file's input; empty if the order is the same.
    order: Vec<u32>,
    /// Number of logits.
    outputs: usize,
    /// The operator behind the logits that was left out.
    dropped: Option<String>,
    /// Name of the file's input, and of its output.
    names: [String; 2],
    /// True if the file's input is pixels as they are.
    raw: bool,
    /// SHA-256 of the file.
    source_sha256: String,
}

/// An integer network, or one with real weights.
#[derive(Clone, Debug)]
pub enum ImportedNetwork {
    /// The file's weights are quantised.
    Integer {
        /// The integer network.
        network: Box<Network>,
        /// Distance of its logits from those of the file; `None` if nothing was rounded.
        error: Option<LogitError>,
    },
    /// The file's weights are floats.
    Float(FloatNetwork),
}

/// Reads a file, and tensors from files in its folder.
///
/// # Errors
/// [`OnnxError`].
pub fn import(path: &Path, options: &ImportOptions) -> Result<Imported, OnnxError> {
    let failed = |source| OnnxError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let bytes = read_at_most(file, MAX_FILE_BYTES).map_err(failed)?;
    let bytes = bytes.ok_or(OnnxError::TooLarge {
        what: "the bytes of an ONNX file",
        limit: MAX_FILE_BYTES,
    })?;
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    read(bytes, &External::new(Some(folder.to_owned())), options)
}

/// Reads the bytes of a file that has all tensors within.
///
/// # Errors
/// [`OnnxError`].
pub fn import_bytes(bytes: Vec<u8>, options: &ImportOptions) -> Result<Imported, OnnxError> {
    read(bytes, &External::new(None), options)
}

fn read(
    bytes: Vec<u8>,
    external: &External,
    options: &ImportOptions,
) -> Result<Imported, OnnxError> {
    let source_sha256 = crate::data::sha256_hex(&bytes);
    let graph = parse(bytes, external)?;
    let (layout, dims) = layout(&graph, options)?;
    let (layout, recognized) = {
        let folder = ConstantFolder::new(external);
        match recognise(&graph, &folder, &layout, &dims, options.range) {
            Ok(recognized) => (layout, recognized),
            Err(Unrecognized::Error(error)) => return Err(error),
            Err(Unrecognized::Layout(layout)) => {
                let folder = ConstantFolder::new(external);
                match recognise(&graph, &folder, &layout, &dims, options.range) {
                    Ok(recognized) => (layout, recognized),
                    Err(Unrecognized::Error(error)) => return Err(error),
                    Err(Unrecognized::Layout(_)) => {
                        return Err(OnnxError::model(
                            "two layers read the input in different orders; transpose it once",
                        ));
                    }
                }
            }
        }
    };
    let mut notes = assumptions(&graph, &recognized);
    let outputs = recognized.steps.shape(recognized.result.base).len();
    let classes = class_names(&graph, outputs);
    let names = [graph.input.name.clone(), graph.output.clone()];
    drop(graph);
    let Recognized {
        steps,
        result,
        thresholds,
        quantized,
        raw,
    } = recognized;
    let (steps, base) = join::join(steps, result.base)?;
    let result = value::GraphValue { base, ..result };
    let dropped = result.dropped.clone();
    let thresholds = thresholds.to_vec();
    let count = thresholds.len().max(1) as f64;
    let (network, reference) = if quantized {
        let plan = settle(&steps, &result, Unit::Chosen)?;
        drop(steps);
        let lowered = lower::lower(&plan, &options.name, thresholds, options.factor_bits)?;
        let error = if lowered.rounded.is_empty() {
            None
        } else {
            let error = lower::measure(&plan, &lowered.network)?;
            notes.extend(lowered.rounded);
            notes.push(format!(
                "what was rounded changes logits by up to {:.2e} of {:.4} on {} random images",
                error.largest, error.of, error.images
            ));
            Some(error)
        };
        let network = ImportedNetwork::Integer {
            network: Box::new(lowered.network),
            error,
        };
        (network, plan)
    } else {
        let plan = settle(&steps, &result, Unit::Fixed(1.0 / count))?;
        drop(steps);
        (
            ImportedNetwork::Float(float::float(&plan, thresholds)?),
            plan,
        )
    };
    Ok(Imported {
        network,
        classes,
        notes,
        reference,
        order: layout.order.map(|order| order.to_vec()).unwrap_or_default(),
        outputs,
        dropped,
        names,
        raw,
        source_sha256,
    })
}

fn parse(bytes: Vec<u8>, external: &External) -> Result<Graph, OnnxError> {
    let start = bytes[..bytes.len().min(4096)].to_vec();
    let read = || {
        survey::survey(&bytes)?;
        let shared = Bytes::from(bytes);
        let model = message::ModelMessage::decode(shared)
            .map_err(|error| OnnxError::damaged(error.to_string()))?;
        Graph::new(model, external)
    };
    read().map_err(|error| match (error, describe(&start)) {
        (OnnxError::Damaged { .. }, Some(kind)) if !kind.starts_with("an ONNX model") => {
            OnnxError::OtherKind { kind }
        }
        (error, _) => error,
    })
}

/// Returns the shape of the images and the dimensions of the graph's input, the batch first.
fn layout(graph: &Graph, options: &ImportOptions) -> Result<(InputLayout, Vec<usize>), OnnxError> {
    let stated = &graph.input.dims;
    let name = &graph.input.name;
    let Some((batch, inner)) = stated.split_first() else {
        return Err(OnnxError::tensor(
            name,
            "is the input, and has no dimensions",
        ));
    };
    let rank = inner.len();
    if !(1..=3).contains(&rank) {
        return Err(OnnxError::tensor(
            name,
            format!(
                "is the input, and has {} dimensions; a batch of images, signals or vectors is expected",
                rank + 1
            ),
        ));
    }
    // The shape that is given fills what the file leaves open.
    let given = options.shape.map(|shape| match rank {
        1 => vec![shape.len()],
        2 => vec![shape.channels, shape.height * shape.width],
        _ => vec![shape.channels, shape.height, shape.width],
    });
    let mut dims = vec![batch.unwrap_or(1)];
    for (axis, dim) in inner.iter().enumerate() {
        let dim = dim.or_else(|| given.as_ref().map(|given| given[axis]));
        dims.push(dim.ok_or_else(|| {
            OnnxError::tensor(
                name,
                "is the input, and the file leaves its size open; give the shape of the images (--input-shape)",
            )
        })?);
    }
    let shape = match dims[1..] {
        [features] => Shape::vector(features),
        [channels, length] => Shape::new(channels, 1, length),
        [channels, height, width] => Shape::new(channels, height, width),
        _ => Shape::vector(0),
    };
    let shape = options
        .shape
        .filter(|given| given.len() == shape.len() && rank == 1)
        .unwrap_or(shape);
    if shape.is_empty() || tensor::count(&dims).is_none() {
        return Err(OnnxError::tensor(
            name,
            format!("is the input, and has the shape {dims:?}"),
        ));
    }
    if options
        .shape
        .is_some_and(|given| given.len() != shape.len())
    {
        return Err(OnnxError::tensor(
            name,
            format!("is the input of shape {dims:?}, which is not the shape that was given"),
        ));
    }
    Ok((InputLayout { shape, order: None }, dims))
}

/// Says what was assumed and left out.
fn assumptions(graph: &Graph, recognized: &Recognized) -> Vec<String> {
    let mut notes = Vec::new();
    if !graph.producer.is_empty() {
        notes.push(format!("the file was written by {}", graph.producer));
    }
    notes.push(format!(
        "the input `{}` is taken as pixels {}",
        error::short(&graph.input.name),
        if recognized.raw {
            "from 0 to 255"
        } else {
            "divided by 255: from 0 to 1"
        }
    ));
    if recognized.thresholds.len() < 255 {
        notes.push(format!(
            "the input's quantiser became {} thresholds on pixels",
            recognized.thresholds.len()
        ));
    }
    if let Some(operator) = &recognized.result.dropped {
        notes.push(format!(
            "{operator} behind the logits was left out; it does not change the class"
        ));
    }
    notes
}

/// Reads the names of the classes from the file's metadata.
fn class_names(graph: &Graph, count: usize) -> Vec<String> {
    const KEYS: [&str; 5] = ["classes", "class_names", "labels", "names", "id2label"];
    let texts = KEYS.iter().filter_map(|key| graph.metadata.get(*key));
    texts
        .map(|text| names_in(text))
        .find(|names| names.len() == count)
        .unwrap_or_default()
}

/// Reads names from a JSON list, a dictionary from numbers (as Python or JSON writes it), lines, or commas.
pub fn names_in(text: &str) -> Vec<String> {
    let text = text.trim();
    if let Ok(list) = serde_json::from_str::<Vec<String>>(text) {
        return list;
    }
    // Python writes single quotes, and numbers as keys.
    let quoted = text.replace('\'', "\"");
    if let Some(inside) = quoted
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
    {
        let mut names = std::collections::BTreeMap::new();
        for entry in inside.split(',') {
            let Some((key, name)) = entry.split_once(':') else {
                return Vec::new();
            };
            let trimmed = |text: &str| text.trim().trim_matches('"').to_owned();
            let Ok(key) = trimmed(key).parse::<usize>() else {
                return Vec::new();
            };
            names.insert(key, trimmed(name));
        }
        return names.into_values().collect();
    }
    if let Ok(list) = serde_json::from_str::<Vec<String>>(&quoted) {
        return list;
    }
    let separator = if text.contains('\n') { '\n' } else { ',' };
    let names = text.split(separator).map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

impl Imported {
    /// Makes the record of the import.
    pub fn record(&self, name: &str) -> OnnxRecord {
        OnnxRecord::new(name, self.source_sha256.clone(), self)
    }

    /// Computes the logits of an image of pixels, channel by channel, in real numbers: what the file says, before anything
    /// is rounded.
    ///
    /// # Errors
    /// [`InputError::Length`] for another number of pixels.
    pub fn real_logits(&self, pixels: &[u8]) -> Result<Vec<f64>, InputError> {
        let image: Vec<i64> = match &self.network {
            ImportedNetwork::Integer { network, .. } => network.quantize_image(pixels)?,
            ImportedNetwork::Float(network) => {
                if pixels.len() != network.input.len() {
                    return Err(InputError::Length {
                        actual: pixels.len(),
                        expected: network.input.len(),
                        shape: network.input,
                    });
                }
                let count = |pixel: u8| network.thresholds.partition_point(|&t| t <= pixel);
                pixels
                    .iter()
                    .map(|&pixel| count(pixel).cast_signed() as i64)
                    .collect()
            }
        };
        Ok(self.reference.evaluate(&image))
    }
}

#[cfg(test)]
mod tests;
