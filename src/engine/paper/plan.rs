//! The plan of the authors' schedule: rotations, products and sums, where no result is used twice.

use crate::bfv::ParametersLiteral;
use crate::engine::EngineError;
use crate::layout::Paper;
use crate::network::{Layer, Network};
use crate::params::PaperParameters;
use num_bigint::BigInt;

/// A product of a convolution: a rotated input channel times a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// Index of the input channel.
    pub input: usize,
    /// Number of slots to rotate to the left.
    pub rotation: usize,
    /// Weight, not zero.
    pub weight: i64,
}

/// The computation of a layer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PaperStep {
    /// A convolution. Depth 0.
    Convolution {
        /// Taps and bias of each output channel.
        channels: Vec<(Vec<Tap>, BigInt)>,
        /// With masks: 1 in the slots of the window that hold an output, 0 elsewhere.
        mask: Option<Vec<u64>>,
    },
    /// Squares and relinearises each of this many channels. Depth 1.
    Square(usize),
    /// Sums rotations in each channel.
    SumPool {
        /// Number of channels.
        channels: usize,
        /// Numbers of slots to rotate to the left, other than 0.
        rotations: Vec<usize>,
    },
    /// Multiplies by a matrix along its generalised diagonals.
    Linear(Diagonals),
}

/// A fully connected layer as diagonals: `y[k] = sum over c, d of diagonals[c][d][k] * x_c[k + d]`. A rotate-and-sum
/// over the window then leaves output o in every slot that is o modulo `rows`.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonals {
    /// Number of output features, rounded up to a power of two.
    pub rows: usize,
    /// Number of slots after which the inputs repeat, and so the diagonals.
    pub period: usize,
    /// For each input ciphertext, the diagonals that are not all zeros: the number of slots to rotate, and the factors.
    pub diagonals: Vec<Vec<(usize, Vec<i64>)>>,
    /// Biases, one for each output feature.
    pub biases: Vec<BigInt>,
}

/// A layer of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PaperLayer {
    /// Name of the network's layer.
    pub name: String,
    /// Computation of the layer.
    pub step: PaperStep,
}

/// The agreement between client and server: encryption parameters, layout, and layers.
#[derive(Debug, Clone, PartialEq)]
pub struct PaperPlan {
    parameters: PaperParameters,
    input: Paper,
    input_max: i64,
    classes: usize,
    layers: Vec<PaperLayer>,
}

impl PaperPlan {
    /// Lays a network out as the authors did.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] for a layer that the layout cannot hold: padding, a convolution or pooling after a
    /// fully connected layer, or a window larger than half the slots.
    pub fn new(network: &Network, parameters: PaperParameters) -> Result<Self, EngineError> {
        Self::lay_out(network, parameters, false)
    }

    /// Lays a network out like [`new`](Self::new), with the authors' masks: after each convolution, a product with a
    /// plaintext clears the slots between the values. Nothing reads these slots, and the noise budget may not suffice
    /// for the masks.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn with_masks(network: &Network, parameters: PaperParameters) -> Result<Self, EngineError> {
        Self::lay_out(network, parameters, true)
    }

    fn lay_out(
        network: &Network,
        parameters: PaperParameters,
        masks: bool,
    ) -> Result<Self, EngineError> {
        let input = Paper::image(network.input().shape);
        let row = parameters.poly_modulus_degree / 2;
        let mut at = input;
        let mut layers = Vec::new();
        for (named, pair) in network.layers().iter().zip(network.shapes().windows(2)) {
            let refuse = |reason: &str| EngineError::Unsupported {
                layer: named.name.clone(),
                layout: "paper",
                reason: reason.to_owned(),
            };
            if at.period() > row {
                return Err(refuse(&format!(
                    "its window of {} slots does not fit a row of {row}; take a larger N",
                    at.period()
                )));
            }
            let output = pair[1];
            let step = match &named.layer {
                Layer::Flatten => continue,
                Layer::Square => PaperStep::Square(at.shape().channels),
                Layer::Conv2d {
                    in_channels,
                    kernel,
                    stride,
                    padding,
                    weight,
                    bias,
                    ..
                } => {
                    if *padding != [0, 0] {
                        return Err(refuse("padding: the slots around an image are not zeros"));
                    }
                    if *in_channels != at.shape().channels {
                        return Err(refuse("a convolution after a fully connected layer"));
                    }
                    let channels = convolution(at, *kernel, weight, bias);
                    at = at.dilated(output, *stride);
                    PaperStep::Convolution {
                        channels,
                        mask: masks.then(|| mask(at)),
                    }
                }
                Layer::SumPool { kernel, stride } => {
                    if output.channels != at.shape().channels {
                        return Err(refuse("a pooling after a fully connected layer"));
                    }
                    let rotations = taps(at, *kernel).filter(|&slots| slots != 0).collect();
                    let channels = at.shape().channels;
                    at = at.dilated(output, *stride);
                    PaperStep::SumPool {
                        channels,
                        rotations,
                    }
                }
                Layer::Linear {
                    out_features,
                    weight,
                    bias,
                    ..
                } => {
                    let step = diagonals(at, *out_features, weight, bias);
                    at = Paper::vector(*out_features);
                    if step.period > row {
                        return Err(refuse("it has more outputs than a row has slots"));
                    }
                    PaperStep::Linear(step)
                }
            };
            layers.push(PaperLayer {
                name: named.name.clone(),
                step,
            });
        }
        match layers.last() {
            None => Err(EngineError::Internal("a plan without layers")),
            Some(last) if at != Paper::vector(network.classes()) => Err(EngineError::Unsupported {
                layer: last.name.clone(),
                layout: "paper",
                reason: "the last layer with weights must be fully connected".to_owned(),
            }),
            Some(_) => Ok(Self {
                parameters,
                input,
                input_max: network.input().quantizer.max(),
                classes: network.classes(),
                layers,
            }),
        }
    }

    /// Returns the encryption parameters.
    pub const fn parameters(&self) -> &PaperParameters {
        &self.parameters
    }

    /// Returns the layout of the image in ciphertexts.
    pub const fn input(&self) -> Paper {
        self.input
    }

    /// Returns the largest integer that the network reads; the smallest is 0.
    pub const fn input_max(&self) -> i64 {
        self.input_max
    }

    /// Returns the number of logits, which are in the first slots of the response.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the layers.
    pub fn layers(&self) -> &[PaperLayer] {
        &self.layers
    }

    /// Returns SEAL's parameters, one set for each plaintext modulus.
    pub(super) fn literals(&self) -> impl Iterator<Item = ParametersLiteral> {
        self.parameters
            .plain_moduli
            .iter()
            .map(|&plain_modulus| ParametersLiteral {
                poly_modulus_degree: self.parameters.poly_modulus_degree,
                coeff_modulus: self.parameters.coeff_modulus.clone(),
                plain_modulus,
                security: self.parameters.security,
            })
    }
}

/// Returns the slots of a kernel's taps, row by row.
fn taps(at: Paper, kernel: [usize; 2]) -> impl Iterator<Item = usize> {
    (0..kernel[0]).flat_map(move |u| (0..kernel[1]).map(move |v| at.slot(u, v)))
}

fn mask(at: Paper) -> Vec<u64> {
    let window = at.window().into_iter();
    window.map(|value| u64::from(value.is_some())).collect()
}

fn convolution(
    at: Paper,
    kernel: [usize; 2],
    weight: &[i64],
    bias: &[BigInt],
) -> Vec<(Vec<Tap>, BigInt)> {
    let per_output = weight.len() / bias.len().max(1);
    let per_input = (kernel[0] * kernel[1]).max(1);
    weight
        .chunks(per_output.max(1))
        .zip(bias)
        .map(|(weights, bias)| {
            let summands = weights
                .chunks(per_input)
                .enumerate()
                .flat_map(|(input, weights)| {
                    taps(at, kernel)
                        .zip(weights)
                        .filter(|&(_, &weight)| weight != 0)
                        .map(move |(rotation, &weight)| Tap {
                            input,
                            rotation,
                            weight,
                        })
                })
                .collect();
            (summands, bias.clone())
        })
        .collect()
}

fn diagonals(at: Paper, outputs: usize, weight: &[i64], bias: &[BigInt]) -> Diagonals {
    let rows = outputs.next_power_of_two();
    let period = at.period().max(rows);
    let inputs = weight.len() / outputs.max(1);
    let in_channel = at.shape().height * at.shape().width;
    let window: Vec<Option<usize>> = at.window().into_iter().cycle().take(period).collect();
    let diagonals = (0..at.shape().channels)
        .map(|channel| {
            (0..rows)
                .map(|shift| {
                    let factors: Vec<i64> = (0..period)
                        .map(|slot| {
                            let output = slot % rows;
                            match window[(slot + shift) % period] {
                                // Inputs that repeat within the period count once.
                                Some(value)
                                    if output < outputs
                                        && (slot + shift) % period < at.period() =>
                                {
                                    weight[output * inputs + channel * in_channel + value]
                                }
                                _ => 0,
                            }
                        })
                        .collect();
                    (shift, factors)
                })
                .filter(|(_, factors)| factors.iter().any(|&factor| factor != 0))
                .collect()
        })
        .collect();
    Diagonals {
        rows,
        period,
        diagonals,
        biases: bias.to_vec(),
    }
}
