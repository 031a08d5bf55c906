//! The plan of the authors' schedule: rotations, products and sums, where no result is used twice.

use crate::circuit::SlotRotation;
use crate::engine::EngineError;
use crate::engine::spec::{ClientSpec, Upload};
use crate::network::{Layer, Network};
use crate::packing::Reference;
use crate::params::ReferenceParameters;
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
pub enum ReferenceStep {
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
    Linear(ReferenceDiagonals),
}

/// A fully connected layer as diagonals: `y[k] = sum over c, d of diagonals[c][d][k] * x_c[k + d]`. A rotate-and-sum
/// over the window then leaves output o in every slot that is o modulo `rows`.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceDiagonals {
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
pub struct ReferenceLayer {
    /// Name of the network's layer.
    pub name: String,
    /// Computation of the layer.
    pub step: ReferenceStep,
}

/// The agreement between client and server: encryption parameters, layout, and layers.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePlan {
    parameters: ReferenceParameters,
    spec: ClientSpec,
    layers: Vec<ReferenceLayer>,
}

impl ReferencePlan {
    /// Lays a network out as the authors did.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] for a layer that the layout cannot hold: padding, a convolution or pooling after a
    /// fully connected layer, or a window larger than half the slots.
    pub fn new(network: &Network, parameters: ReferenceParameters) -> Result<Self, EngineError> {
        Self::lay_out(network, parameters, false)
    }

    /// Lays a network out like [`new`](Self::new), with the authors' masks: after each convolution, a product with a
    /// plaintext clears the slots between the values. Nothing reads these slots, and the noise budget may not suffice
    /// for the masks.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn with_masks(
        network: &Network,
        parameters: ReferenceParameters,
    ) -> Result<Self, EngineError> {
        Self::lay_out(network, parameters, true)
    }

    fn lay_out(
        network: &Network,
        parameters: ReferenceParameters,
        masks: bool,
    ) -> Result<Self, EngineError> {
        let input = Reference::image(network.input().shape);
        let row = parameters.poly_modulus_degree / 2;
        let mut at = input;
        let mut layers = Vec::new();
        for (named, pair) in network.layers().iter().zip(network.shapes().windows(2)) {
            let refuse = |reason: &str| EngineError::Unsupported {
                layer: named.name.clone(),
                layout: "reference",
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
                Layer::Square => ReferenceStep::Square(at.shape().channels),
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
                    ReferenceStep::Convolution {
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
                    ReferenceStep::SumPool {
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
                    at = Reference::vector(*out_features);
                    if step.period > row {
                        return Err(refuse("it has more outputs than a row has slots"));
                    }
                    ReferenceStep::Linear(step)
                }
            };
            layers.push(ReferenceLayer {
                name: named.name.clone(),
                step,
            });
        }
        match layers.last() {
            None => Err(EngineError::Internal("a plan without layers")),
            Some(last) if at != Reference::vector(network.classes()) => {
                Err(EngineError::Unsupported {
                    layer: last.name.clone(),
                    layout: "reference",
                    reason: "the last layer with weights must be fully connected".to_owned(),
                })
            }
            Some(_) => Ok(Self {
                spec: spec(network, input, &parameters),
                parameters,
                layers,
            }),
        }
    }

    /// Returns the encryption parameters.
    pub const fn parameters(&self) -> &ReferenceParameters {
        &self.parameters
    }

    /// Returns what a client must know: no weights.
    pub const fn client_spec(&self) -> &ClientSpec {
        &self.spec
    }

    /// Returns the layers.
    pub fn layers(&self) -> &[ReferenceLayer] {
        &self.layers
    }
}

/// Makes what a client must know. The Galois keys are SEAL's default ones: for rotations by powers of two in both
/// directions, and for the swap of rows.
fn spec(network: &Network, input: Reference, parameters: &ReferenceParameters) -> ClientSpec {
    let slots = parameters.poly_modulus_degree;
    let powers = (0..slots.ilog2().saturating_sub(1)).map(|log| 1 << log);
    let steps = powers.flat_map(|power: usize| [power, slots / 2 - power]);
    let rotations = steps.chain([slots / 2]).filter(|&steps| steps != 0);
    let mut galois_elements: Vec<u32> = rotations
        .map(|steps| SlotRotation::by(steps, slots).element(slots))
        .collect();
    galois_elements.sort_unstable();
    galois_elements.dedup();
    ClientSpec {
        poly_modulus_degree: slots,
        coeff_modulus: parameters.coeff_modulus.clone(),
        plain_moduli: parameters.plain_moduli.clone(),
        shared_upload: false,
        security: parameters.security,
        slot_map: input.slot_map(slots, network.classes()),
        input: network.input().clone(),
        upload: Upload::Public,
        corrections: vec![1; parameters.plain_moduli.len()],
        needs_relin_keys: true,
        galois_elements,
        key_levels: Vec::new(),
        response: crate::engine::ResponseForm::default(),
        takes_pads: false,
    }
}

/// Returns the slots of a kernel's taps, row by row.
fn taps(at: Reference, kernel: [usize; 2]) -> impl Iterator<Item = usize> {
    (0..kernel[0]).flat_map(move |u| (0..kernel[1]).map(move |v| at.slot(u, v)))
}

fn mask(at: Reference) -> Vec<u64> {
    let window = at.window().into_iter();
    window.map(|value| u64::from(value.is_some())).collect()
}

fn convolution(
    at: Reference,
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

fn diagonals(at: Reference, outputs: usize, weight: &[i64], bias: &[BigInt]) -> ReferenceDiagonals {
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
    ReferenceDiagonals {
        rows,
        period,
        diagonals,
        biases: bias.to_vec(),
    }
}
