//! Runs given inputs through an imported network and compares given outputs.

use std::{fmt, fs::File, path::Path};

use num_traits::ToPrimitive as _;

use super::{
    Imported, ImportedNetwork, OnnxError,
    npz::{self, NpzArray},
};
use crate::{
    file::read_at_most,
    network::{Shape, Twin, argmax},
};

/// Largest size of a file of inputs, in bytes: 1 GiB.
const MAX_INPUT_BYTES: u64 = 1 << 30;
/// Allowed distance of a logit from the given one, as a part of the largest one.
const TOLERANCE: f64 = 1e-4;

/// The result of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Number of images.
    pub images: usize,
    /// The class of each image.
    pub classes: Vec<usize>,
    /// The differences to the outputs that were given; `None` without any.
    pub difference: Option<Difference>,
}

/// Distance of logits from those that were given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The largest difference of a logit.
    pub largest: f64,
    /// The largest logit that was given.
    pub of: f64,
    /// The part of it that rounded biases and factors explain.
    pub rounding: f64,
    /// Number of images whose classes differ.
    pub classes: usize,
}

impl Comparison {
    /// Tells whether the outputs are those that were given, but for rounding.
    pub fn is_right(&self) -> bool {
        self.difference.is_none_or(|difference| {
            difference.largest <= TOLERANCE * difference.of + 2.0 * difference.rounding
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = self.images;
        match &self.difference {
            None => {
                let classes: Vec<String> =
                    self.classes.iter().take(32).map(usize::to_string).collect();
                write!(
                    f,
                    "check: {images} inputs ran; the file has no outputs to compare; classes: {}",
                    classes.join(" ")
                )
            }
            Some(difference) => write!(
                f,
                "check: {images} inputs ran; logits differ by up to {:.2e} of {:.4} (rounding explains {:.2e}), the class of {} \
                 images differs",
                difference.largest, difference.of, difference.rounding, difference.classes
            ),
        }
    }
}

impl Imported {
    /// Returns the number of classes.
    pub fn class_count(&self) -> usize {
        match &self.network {
            ImportedNetwork::Integer { network, .. } => network.classes(),
            ImportedNetwork::Float(_) => self.outputs,
        }
    }

    /// Runs the inputs of a file of arrays (`.npz`), which has the name of the graph's input (or `input`, `x`), and
    /// compares the array with the name of its output (or `output`, `logits`, `y`), if there is one.
    ///
    /// # Errors
    /// [`OnnxError::Io`], [`OnnxError::Check`] for inputs that the network does not read.
    pub fn check(&self, path: &Path) -> Result<Comparison, OnnxError> {
        let failed = |source| OnnxError::Io {
            path: path.to_owned(),
            source,
        };
        let wrong = |problem: String| OnnxError::Check {
            path: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(failed)?;
        let bytes = read_at_most(file, MAX_INPUT_BYTES).map_err(failed)?;
        let bytes = bytes.ok_or_else(|| wrong("is larger than 1 GiB".into()))?;
        let arrays = npz::read(&bytes).map_err(wrong)?;
        drop(bytes);
        let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
        let find = |names: &[&str]| names.iter().find_map(|name| arrays.get(*name));
        let inputs =
            find(&[&self.names[0], "input", "inputs", "x", "images"]).ok_or_else(|| {
                wrong(format!(
                    "has the arrays {}; the inputs are expected as `{}`",
                    names.join(", "),
                    super::error::short(&self.names[0])
                ))
            })?;
        let outputs = find(&[&self.names[1], "output", "outputs", "logits", "y"]);
        let images = self.pixels(inputs).map_err(wrong)?;
        self.compare(&images, outputs)
            .map_err(|problem| match problem {
                CheckFailure::Words(words) => wrong(words),
                CheckFailure::Error(error) => error,
            })
    }

    /// Returns the images, channel by channel, as pixels.
    fn pixels(&self, inputs: &NpzArray) -> Result<Vec<Vec<u8>>, String> {
        let shape = self.input();
        let length = shape.len();
        if inputs.values.is_empty() || !inputs.values.len().is_multiple_of(length) {
            return Err(format!(
                "has inputs of shape {:?}; images of {shape} are expected",
                inputs.dims
            ));
        }
        // Floats are what the graph reads; integers are pixels.
        let raw = self.raw || inputs.whole;
        let pixel = |value: f64| {
            let exact = if raw { value } else { value * 255.0 };
            let pixel = exact.round();
            if !(0.0..=255.0).contains(&pixel) || (exact - pixel).abs() > 1e-3 {
                let range = if raw {
                    "0 to 255"
                } else {
                    "0 to 1, in steps of 1/255"
                };
                return Err(format!(
                    "has the input {value}; pixels are expected: {range}"
                ));
            }
            Ok(pixel as u8)
        };
        let mut images = Vec::new();
        for values in inputs.values.chunks_exact(length) {
            let mut image = vec![0; length];
            for (at, &value) in values.iter().enumerate() {
                let place = self.order.get(at).map_or(at, |&place| place as usize);
                image[place] = pixel(value)?;
            }
            images.push(image);
        }
        Ok(images)
    }

    fn input(&self) -> Shape {
        match &self.network {
            ImportedNetwork::Integer { network, .. } => network.input().shape,
            ImportedNetwork::Float(network) => network.input,
        }
    }

    /// Applies the operator behind the logits, as the file does.
    fn finish(&self, logits: &mut [f64]) -> Result<(), String> {
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        match self.dropped.as_deref() {
            None => {}
            Some("Softmax") => logits
                .iter_mut()
                .for_each(|logit| *logit = (*logit - largest).exp() / sum),
            Some("LogSoftmax") => logits
                .iter_mut()
                .for_each(|logit| *logit -= largest + sum.ln()),
            Some(other) => {
                return Err(format!(
                    "cannot be compared with outputs of {other}; export the model with logits"
                ));
            }
        }
        Ok(())
    }

    fn compare(
        &self,
        images: &[Vec<u8>],
        outputs: Option<&NpzArray>,
    ) -> Result<Comparison, CheckFailure> {
        let mut logits: Vec<Vec<f64>> = Vec::new();
        let mut rounding = 0.0f64;
        match &self.network {
            ImportedNetwork::Integer { network, .. } => {
                let quantised: Result<Vec<_>, _> = images
                    .iter()
                    .map(|image| network.quantize_image(image))
                    .collect();
                let quantised = quantised.map_err(|error| CheckFailure::Error(error.into()))?;
                let all = Twin::new(network).logits_batch(&quantised);
                for (image, found) in quantised
                    .iter()
                    .zip(all.map_err(|error| CheckFailure::Error(error.into()))?)
                {
                    let unit = network.output_scale();
                    let found: Vec<f64> = found
                        .iter()
                        .map(|logit| logit.to_f64().unwrap_or(f64::NAN) * unit)
                        .collect();
                    for (real, found) in self.reference.evaluate(image).iter().zip(&found) {
                        rounding = rounding.max((real - found).abs());
                    }
                    logits.push(found);
                }
            }
            ImportedNetwork::Float(_) => {
                for image in images {
                    logits.push(
                        self.real_logits(image)
                            .map_err(|error| CheckFailure::Error(error.into()))?,
                    );
                }
            }
        }
        // The outputs are what the file says, with what was left out.
        for logits in logits.iter_mut().filter(|_| outputs.is_some()) {
            self.finish(logits).map_err(CheckFailure::Words)?;
        }
        let ordered =
            |logits: &[f64]| argmax(&logits.iter().map(|&x| Ordered(x)).collect::<Vec<_>>());
        let classes: Vec<usize> = logits.iter().map(|logits| ordered(logits)).collect();
        let count = self.class_count();
        let difference = match outputs {
            None => None,
            Some(outputs) if outputs.values.len() != images.len() * count => {
                return Err(CheckFailure::Words(format!(
                    "has outputs of shape {:?}; {} images with {count} logits are expected",
                    outputs.dims,
                    images.len()
                )));
            }
            Some(outputs) => {
                let mut difference = Difference {
                    largest: 0.0,
                    of: 0.0,
                    rounding,
                    classes: 0,
                };
                for (found, expected) in logits.iter().zip(outputs.values.chunks_exact(count)) {
                    difference.classes += usize::from(ordered(found) != ordered(expected));
                    for (found, expected) in found.iter().zip(expected) {
                        let apart = (found - expected).abs();
                        // What is no number is no logit.
                        difference.largest = difference.largest.max(if apart.is_nan() {
                            f64::INFINITY
                        } else {
                            apart
                        });
                        difference.of = difference.of.max(expected.abs());
                    }
                }
                Some(difference)
            }
        };
        Ok(Comparison {
            images: images.len(),
            classes,
            difference,
        })
    }
}

/// The reason why no comparison was possible.
enum CheckFailure {
    Words(String),
    Error(OnnxError),
}

/// A float that is compared as a number.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
