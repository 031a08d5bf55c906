//! A network in training: its tensors, and how they are rounded.
//!
//! Every tensor is kept as a matrix: weights are `[outputs, fan_in]` (in a convolution the fan-in has the order
//! channel, row, column), values per channel are `[1, channels]`, single numbers are `[1, 1]`.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    LayerSpec, NetworkSpec, TrainConfig, TrainError,
    norm::{IntegerLines, NormKind},
    stage::Stage,
};
use crate::{
    network::Shape,
    quant::{Levels, WeightRule, quantize, round_bias},
};

/// The purpose of a tensor. Layers are counted over those with weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Weight,
    Bias,
    Gamma,
    Beta,
    LogScale,
    RunningMean,
    RunningVar,
    /// Real value of one unit of the bias parameter.
    BiasUnit,
}

impl Role {
    pub const fn is_trained(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar | Self::BiasUnit)
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::LogScale => "log_scale",
            Self::RunningMean => "running_mean",
            Self::RunningVar => "running_var",
            Self::BiasUnit => "bias_unit",
        }
    }
}

/// A named tensor, without autodiff.
#[derive(Debug, Clone)]
pub(super) struct Param {
    pub name: String,
    pub role: Role,
    pub layer: usize,
    pub value: Tensor<2>,
}

/// A layer with weights.
#[derive(Debug, Clone, Copy)]
pub(super) struct WeightLayer {
    /// Its position among all layers.
    pub position: usize,
    pub outputs: usize,
    pub fan_in: usize,
    /// The norm that follows it.
    pub norm: Option<NormKind>,
    /// Bits and rule of integer weights; `None` for real weights.
    pub quantized: Option<(u32, WeightRule)>,
}

/// A network in training.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub spec: NetworkSpec,
    pub shapes: Vec<Shape>,
    /// Real value of an input of 1.
    pub input_scale: f64,
    pub layers: Vec<WeightLayer>,
    pub params: Vec<Param>,
    /// The leading convolutions, one for each of the first weight layers.
    pub stages: Vec<Stage>,
    /// Position of the first layer after them.
    pub tail: usize,
}

/// The rounded weights and biases of a layer.
#[derive(Debug, Clone)]
pub(super) struct Rounded {
    pub levels: Levels,
    /// The biases in units of the accumulator: whole numbers.
    pub bias: Vec<f64>,
    /// Factor by which a norm multiplies the accumulator; 1 without a norm.
    pub factor: f64,
    /// Real value of 1 in the layer's accumulator, including the norm's factor.
    pub accumulator_scale: f64,
}

/// Makes a tensor of values in row-major order.
pub(super) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Reads a tensor's values in row-major order.
pub(super) fn values<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>, TrainError> {
    tensor
        .clone()
        .inner()
        .try_into_vec_as::<f32>()
        .map_err(|error| TrainError::Tensor(error.to_string()))
}

/// Returns the norm of a layer.
fn norm_of(config: &TrainConfig, activated: bool) -> Option<NormKind> {
    let normalized = config.quantization.as_ref().is_some_and(|q| q.normalize);
    match (activated, config.batch_norm, normalized) {
        (true, _, true) => Some(NormKind::Layer(config.norm_gamma as f32)),
        (true, true, false) => Some(NormKind::Channel),
        _ => None,
    }
}

/// Checks that norms with one deviation for the layer occur only in stages, which compute them. The first `stages`
/// layers with weights are stages.
fn check_norms(layers: &[WeightLayer], stages: usize) -> Result<(), TrainError> {
    let is_integer_norm = |layer: &WeightLayer| matches!(layer.norm, Some(NormKind::Layer(_)));
    if layers.iter().skip(stages).any(is_integer_norm) {
        return Err(TrainError::config(
            "quantization.normalize",
            "is for networks whose activations all follow leading convolutions",
        ));
    }
    Ok(())
}

impl Model {
    /// Creates a network with random weights, uniform within plus and minus `1 / sqrt(fan_in)`.
    pub fn new(config: &TrainConfig) -> Result<Self, TrainError> {
        let spec = config.network.clone();
        let shapes = spec.shapes()?;
        let names = spec.names();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let (mut layers, mut params) = (Vec::new(), Vec::new());
        for (position, layer) in spec.layers.iter().enumerate() {
            let Some(shape) = layer.weight_shape(shapes[position]) else {
                continue;
            };
            let (outputs, fan_in) = (shape[0], shape[1..].iter().product::<usize>());
            let index = layers.len();
            let next = spec.layers.get(position + 1);
            let activated = matches!(next, Some(LayerSpec::Square | LayerSpec::Relu));
            let norm = norm_of(config, activated);
            let quantized = config
                .quantization
                .as_ref()
                .zip(config.rule(index))
                .map(|(q, rule)| (q.n_bits, rule));
            let mut push = |role: Role, columns: usize, rows: usize, values: Vec<f32>| {
                params.push(Param {
                    name: format!("{}.{}", names[position], role.suffix()),
                    role,
                    layer: index,
                    value: tensor(values, [rows, columns]),
                });
            };
            let bound = 1.0 / (fan_in as f32).sqrt();
            let mut draw = |n: usize| {
                (0..n)
                    .map(|_| rng.random_range(-bound..=bound))
                    .collect::<Vec<f32>>()
            };
            push(Role::Weight, fan_in, outputs, draw(outputs * fan_in));
            let bias = draw(outputs);
            match norm {
                None => push(Role::Bias, outputs, 1, bias),
                Some(NormKind::Channel) => {
                    push(Role::Bias, outputs, 1, vec![0.0; outputs]);
                    let gamma = vec![config.norm_gamma as f32; outputs];
                    push(Role::Gamma, outputs, 1, gamma);
                }
                Some(NormKind::Layer(_)) => {}
            }
            if norm.is_some() {
                push(Role::Beta, outputs, 1, vec![0.0; outputs]);
                push(Role::RunningMean, outputs, 1, vec![0.0; outputs]);
                push(Role::RunningVar, outputs, 1, vec![1.0; outputs]);
            }
            if let (Some((_, rule)), None) = (quantized, norm) {
                push(Role::BiasUnit, 1, 1, vec![1.0]);
                if rule.has_own_scale() {
                    push(Role::LogScale, 1, 1, vec![0.0]);
                }
            }
            layers.push(WeightLayer {
                position,
                outputs,
                fan_in,
                norm,
                quantized,
            });
        }
        // An equalised network reads integers: the input's scale is in its first layer's weights.
        let equalized = config
            .quantization
            .as_ref()
            .is_some_and(|q| q.start == super::QatStart::Equalized);
        let input_scale = if equalized {
            1.0
        } else {
            config.quantizer()?.scale()
        };
        let (stages, tail) = Stage::leading(&spec.layers, &shapes);
        check_norms(&layers, stages.len())?;
        Ok(Self {
            spec,
            shapes,
            input_scale,
            layers,
            params,
            stages,
            tail,
        })
    }

    /// Finds the position of a layer's tensor among the parameters.
    pub fn find(&self, layer: usize, role: Role) -> Option<usize> {
        self.params
            .iter()
            .position(|p| p.layer == layer && p.role == role)
    }

    /// Reads the values of a layer's tensor.
    pub fn get(&self, layer: usize, role: Role) -> Result<Vec<f32>, TrainError> {
        match self.find(layer, role) {
            Some(index) => values(&self.params[index].value),
            None => Err(TrainError::Tensor(format!(
                "{} of layer {layer}",
                role.suffix()
            ))),
        }
    }

    /// Replaces the values of a layer's tensor.
    pub fn set(&mut self, layer: usize, role: Role, values: Vec<f32>) {
        if let Some(index) = self.find(layer, role) {
            let shape = self.params[index].value.dims();
            self.params[index].value = tensor(values, shape);
        }
    }

    /// Returns the tensors to differentiate by, in the order of the parameters.
    pub fn leaves(&self) -> Vec<Tensor<2>> {
        self.params
            .iter()
            .map(|p| {
                let leaf = p.value.clone().autodiff();
                if p.role.is_trained() {
                    leaf.require_grad()
                } else {
                    leaf
                }
            })
            .collect()
    }

    /// Returns the same tensors without autodiff, for evaluation.
    pub fn constants(&self) -> Vec<Tensor<2>> {
        self.params.iter().map(|p| p.value.clone()).collect()
    }

    /// Rounds every quantised layer; `keep` overrides the budgets of [`WeightRule::TopK`] (for annealing).
    pub fn round(&self, keep: Option<&[usize]>) -> Result<Vec<Option<Rounded>>, TrainError> {
        let mut scale = self.input_scale;
        let mut next = 0;
        let mut out = Vec::with_capacity(self.layers.len());
        for layer in &self.spec.layers {
            if *layer == LayerSpec::Square {
                scale *= scale;
            }
            if !layer.has_weights() {
                continue;
            }
            let index = next;
            next += 1;
            let WeightLayer {
                outputs, quantized, ..
            } = self.layers[index];
            let Some((n_bits, rule)) = quantized else {
                out.push(None);
                continue;
            };
            let rule = match (rule, keep) {
                (WeightRule::TopK { limit, .. }, Some(keep)) => WeightRule::TopK {
                    keep: keep[index],
                    limit,
                },
                _ => rule,
            };
            let own = if rule.has_own_scale() {
                // The same single-precision exponential as in the forward pass.
                let at = self
                    .find(index, Role::LogScale)
                    .map(|i| self.params[i].value.clone().exp());
                at.map(|s| values(&s))
                    .transpose()?
                    .and_then(|v| v.first().copied())
                    .unwrap_or(1.0)
            } else {
                1.0
            };
            let weights = self.get(index, Role::Weight)?;
            let levels = quantize(&weights, outputs, n_bits, rule, f64::from(own));
            scale *= levels.scale;
            if let Some(NormKind::Layer(gamma)) = self.layers[index].norm {
                let lines = self.integer_lines(index, gamma, scale)?;
                scale *= lines.factor;
                out.push(Some(Rounded {
                    levels,
                    bias: lines.bias,
                    factor: lines.factor,
                    accumulator_scale: scale,
                }));
                continue;
            }
            let unit = f64::from(self.get(index, Role::BiasUnit)?[0]);
            let bias: Vec<f64> = self
                .get(index, Role::Bias)?
                .iter()
                .map(|&b| f64::from(b) * unit)
                .collect();
            out.push(Some(Rounded {
                bias: round_bias(&bias, scale),
                levels,
                factor: 1.0,
                accumulator_scale: scale,
            }));
        }
        Ok(out)
    }

    /// Returns the degree of the polynomial between two layers with weights.
    pub fn degree_between(&self, layer: usize, next: usize) -> i32 {
        let between = self.layers[layer].position..self.layers[next].position;
        let squares = self.spec.layers[between]
            .iter()
            .filter(|l| **l == LayerSpec::Square)
            .count();
        1 << squares.min(8)
    }

    /// Returns the real value of 1 in a layer's sums, before its norm; 1 for a float layer.
    pub fn unit(index: usize, rounded: &[Option<Rounded>]) -> f64 {
        match rounded.get(index) {
            Some(Some(r)) => r.accumulator_scale / r.factor,
            _ => 1.0,
        }
    }

    /// Folds the norm of a quantised layer, using its running statistics.
    fn integer_lines(
        &self,
        index: usize,
        gamma: f32,
        unit: f64,
    ) -> Result<IntegerLines, TrainError> {
        Ok(IntegerLines::new(
            gamma,
            &self.get(index, Role::Beta)?,
            &self.get(index, Role::RunningMean)?,
            &self.get(index, Role::RunningVar)?,
            unit,
        ))
    }
}
