//! A network in training: its tensors, and the forward pass in burn.
//!
//! Every tensor is kept as a matrix: weights `[outputs, fan_in]` (a convolution's fan-in in the order channel, row,
//! column), everything per channel `[1, channels]`, single numbers `[1, 1]`.

use burn::tensor::{
    Device, Tensor, TensorData,
    activation::relu,
    module::{avg_pool2d, conv2d, max_pool2d},
    ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions},
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    LayerSpec, NetworkSpec, TrainConfig, TrainError,
    norm::{IntegerLines, NormKind},
    stage::Stage,
};
use crate::{
    network::Shape,
    quant::{Levels, WeightRule, fake_quantize, quantize, round_bias},
};

/// Added to variances before their root.
pub(super) const NORM_EPSILON: f64 = 1e-5;
/// Share of a batch's statistics in the running ones.
const NORM_MOMENTUM: f32 = 0.1;

/// What a tensor is for; layers are counted over those with weights.
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
    /// The norm that follows.
    pub norm: Option<NormKind>,
    /// Integers instead of real weights.
    pub quantized: Option<(u32, WeightRule)>,
}

/// A network in training.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub spec: NetworkSpec,
    pub shapes: Vec<Shape>,
    pub names: Vec<String>,
    /// Real value of an input of one.
    pub input_scale: f64,
    pub layers: Vec<WeightLayer>,
    pub params: Vec<Param>,
    /// The leading convolutions, one for each of the first weight layers.
    pub stages: Vec<Stage>,
    /// Position of the first layer behind them.
    pub tail: usize,
}

/// The rounded weights and biases of a layer.
#[derive(Debug, Clone)]
pub(super) struct Rounded {
    pub levels: Levels,
    /// Integers of the biases, whole numbers.
    pub bias: Vec<f64>,
    /// What a norm multiplies the accumulator by; 1 without one.
    pub factor: f64,
    /// Real value of one in the layer's accumulator, the norm's factor included.
    pub accumulator_scale: f64,
}

pub(super) fn tensor(values: Vec<f32>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A tensor's values, in row-major order.
pub(super) fn values<const D: usize>(tensor: &Tensor<D>) -> Result<Vec<f32>, TrainError> {
    tensor
        .clone()
        .inner()
        .try_into_vec_as::<f32>()
        .map_err(|error| TrainError::Tensor(error.to_string()))
}

/// The norm of a layer.
fn norm_of(config: &TrainConfig, activated: bool) -> Option<NormKind> {
    let normalized = config.quantization.as_ref().is_some_and(|q| q.normalize);
    match (activated, config.batch_norm, normalized) {
        (true, _, true) => Some(NormKind::Layer(config.norm_gamma as f32)),
        (true, true, false) => Some(NormKind::Channel),
        _ => None,
    }
}

/// Norms by one deviation are computed in stages, of which there are so many, one for each of the first layers.
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
    /// A network with random weights, uniform within plus and minus the root of one over the fan-in.
    pub fn new(config: &TrainConfig) -> Result<Self, TrainError> {
        let spec = config.network.clone();
        let shapes = spec.shapes()?;
        let names = spec.names();
        let plain = Device::flex();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let (mut layers, mut params) = (Vec::new(), Vec::new());
        for (position, layer) in spec.layers.iter().enumerate() {
            let (outputs, fan_in) = match *layer {
                LayerSpec::Conv2d {
                    out_channels,
                    kernel,
                    ..
                } => (
                    out_channels,
                    shapes[position].channels * kernel[0] * kernel[1],
                ),
                LayerSpec::Linear { out_features } => (out_features, shapes[position].len()),
                _ => continue,
            };
            let index = layers.len();
            let activated = spec
                .layers
                .get(position + 1)
                .is_some_and(LayerSpec::is_activation);
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
                    value: tensor(values, [rows, columns], &plain),
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
        // An equalised network reads integers: the input's scale is in its first layer.
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
            names,
            input_scale,
            layers,
            params,
            stages,
            tail,
        })
    }

    /// Position of a layer's tensor among the parameters.
    pub fn find(&self, layer: usize, role: Role) -> Option<usize> {
        self.params
            .iter()
            .position(|p| p.layer == layer && p.role == role)
    }

    /// Values of a layer's tensor.
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
            self.params[index].value = tensor(values, shape, &Device::flex());
        }
    }

    /// Tensors to differentiate by, in the order of the parameters.
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

    /// The same tensors without autodiff, for evaluation.
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

    /// The degree of the function between two layers with weights.
    pub fn degree_between(&self, layer: usize, next: usize) -> i32 {
        let between = self.layers[layer].position..self.layers[next].position;
        let squares = self.spec.layers[between]
            .iter()
            .filter(|l| **l == LayerSpec::Square)
            .count();
        1 << squares.min(8)
    }

    /// The real value of one in a layer's sums, before its norm; 1 for a float layer.
    pub fn unit(index: usize, rounded: &[Option<Rounded>]) -> f64 {
        match rounded.get(index) {
            Some(Some(r)) => r.accumulator_scale / r.factor,
            _ => 1.0,
        }
    }

    /// The folded norm of a quantised layer, of its running statistics.
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

    /// The logits `[images, classes]` of inputs `[images, channels, height, width]`.
    ///
    /// `leaves` are [`leaves`](Self::leaves) or [`constants`](Self::constants); `rounded` comes from
    /// [`round`](Self::round). With `statistics`, batch norms use the batch's own mean and variance and push
    /// them there; otherwise they use the running ones.
    #[cfg(test)]
    pub fn forward(
        &self,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        input: Tensor<4>,
        statistics: Option<&mut Vec<Statistics>>,
    ) -> Tensor<2> {
        self.forward_observed(leaves, rounded, input, statistics, &mut |_, _| ())
    }

    /// Like [`forward`](Self::forward); `observe` sees the output of each layer with weights.
    pub fn forward_observed(
        &self,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        input: Tensor<4>,
        statistics: Option<&mut Vec<Statistics>>,
        observe: &mut dyn FnMut(usize, &Tensor<4>),
    ) -> Tensor<2> {
        self.forward_from(0, leaves, rounded, input, statistics, observe)
    }

    /// The same from the layer at position `from` on.
    pub fn forward_from(
        &self,
        from: usize,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        input: Tensor<4>,
        mut statistics: Option<&mut Vec<Statistics>>,
        observe: &mut dyn FnMut(usize, &Tensor<4>),
    ) -> Tensor<2> {
        let images = input.dims()[0];
        let mut x = input;
        let before = &self.spec.layers[..from];
        let mut next = before.iter().filter(|l| l.has_weights()).count();
        for (position, layer) in self.spec.layers.iter().enumerate().skip(from) {
            if layer.has_weights() {
                let index = next;
                next += 1;
                let (weight, bias) = self.effective(index, leaves, rounded);
                x = self.weighted(position, layer, x, weight, bias);
                match self.layers[index].norm {
                    None => {}
                    Some(NormKind::Channel) => {
                        x = self.normalized(index, leaves, x, statistics.as_deref_mut());
                    }
                    Some(NormKind::Layer(_)) => x = folded_norm(x, rounded.get(index)),
                }
                observe(index, &x);
                continue;
            }
            x = match *layer {
                LayerSpec::Square => x.clone() * x,
                LayerSpec::Relu => relu(x),
                LayerSpec::Flatten => x.reshape([images, self.shapes[position + 1].len(), 1, 1]),
                LayerSpec::SumPool { kernel, stride } => {
                    let options = AvgPoolOptions {
                        kernel_size: kernel,
                        stride,
                        padding: [(0, 0); 2],
                        count_include_pad: true,
                        ceil_mode: false,
                    };
                    avg_pool2d(x, options).mul_scalar((kernel[0] * kernel[1]) as f32)
                }
                LayerSpec::MaxPool { kernel, stride } => max_pool2d(
                    x,
                    MaxPoolOptions {
                        kernel_size: kernel,
                        stride,
                        padding: [(0, 0); 2],
                        dilation: [1, 1],
                        ceil_mode: false,
                    },
                ),
                LayerSpec::Conv2d { .. } | LayerSpec::Linear { .. } => x,
            };
        }
        let classes = self.shapes[self.shapes.len() - 1].len();
        x.reshape([images, classes])
    }

    /// Weight and bias as the forward pass uses them.
    pub fn effective(
        &self,
        index: usize,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
    ) -> (Tensor<2>, Tensor<2>) {
        let leaf = |role| self.find(index, role).map(|i| leaves[i].clone());
        let outputs = self.layers[index].outputs;
        let device = Device::flex();
        let missing = || tensor(vec![0.0; outputs], [1, outputs], &device);
        let weight = leaf(Role::Weight).unwrap_or_else(missing);
        let bias = leaf(Role::Bias).unwrap_or_else(missing);
        let Some(Some(r)) = rounded.get(index) else {
            return (weight, bias);
        };
        let scale = leaf(Role::LogScale).map(Tensor::exp);
        let weight = fake_quantize(weight, &r.levels, scale);
        if self.layers[index].norm.is_some() {
            return (weight, bias);
        }
        let value = bias.clone().inner();
        let exact: Vec<f32> = r
            .bias
            .iter()
            .map(|&b| (b * r.accumulator_scale) as f32)
            .collect();
        let through = match leaf(Role::BiasUnit) {
            Some(unit) => (bias - value) * unit.inner(),
            None => bias - value,
        };
        (weight, through + tensor(exact, [1, outputs], &device))
    }

    fn weighted(
        &self,
        position: usize,
        layer: &LayerSpec,
        x: Tensor<4>,
        weight: Tensor<2>,
        bias: Tensor<2>,
    ) -> Tensor<4> {
        if let LayerSpec::Conv2d {
            out_channels,
            kernel,
            stride,
            padding,
        } = *layer
        {
            let channels = self.shapes[position].channels;
            let weight = weight.reshape([out_channels, channels, kernel[0], kernel[1]]);
            let options = ConvOptions::new(stride, padding, [1, 1], 1);
            return conv2d(x, weight, Some(bias.reshape([out_channels])), options);
        }
        let [images, features, _, _] = x.dims();
        let outputs = bias.dims()[1];
        let y = x.reshape([images, features]).matmul(weight.transpose()) + bias;
        y.reshape([images, outputs, 1, 1])
    }

    fn normalized(
        &self,
        index: usize,
        leaves: &[Tensor<2>],
        x: Tensor<4>,
        statistics: Option<&mut Vec<Statistics>>,
    ) -> Tensor<4> {
        let channels = self.layers[index].outputs;
        let column = |role| {
            let device = Device::flex();
            self.find(index, role)
                .map_or_else(
                    || tensor(vec![1.0; channels], [1, channels], &device),
                    |i| leaves[i].clone(),
                )
                .reshape([1, channels, 1, 1])
        };
        let [n, _, h, w] = x.dims();
        let (centred, variance) = match statistics {
            Some(list) => {
                let mean = x.clone().mean_dims(&[0, 2, 3]);
                let centred = x - mean.clone();
                let variance = (centred.clone() * centred.clone()).mean_dims(&[0, 2, 3]);
                let count = (n * h * w) as f32;
                list.push(Statistics {
                    layer: index,
                    mean: mean.inner().reshape([1, channels]),
                    variance: variance
                        .clone()
                        .inner()
                        .reshape([1, channels])
                        .mul_scalar(count / (count - 1.0).max(1.0)),
                });
                (centred, variance)
            }
            None => (x - column(Role::RunningMean), column(Role::RunningVar)),
        };
        centred / variance.add_scalar(NORM_EPSILON as f32).sqrt() * column(Role::Gamma)
            + column(Role::Beta)
    }

    /// Moves the running statistics of the batch norms towards those of a batch.
    pub fn absorb(&mut self, statistics: Vec<Statistics>) {
        for Statistics {
            layer,
            mean,
            variance,
        } in statistics
        {
            for (role, new) in [(Role::RunningMean, mean), (Role::RunningVar, variance)] {
                if let Some(index) = self.find(layer, role) {
                    let old = self.params[index].value.clone();
                    self.params[index].value =
                        old.mul_scalar(1.0 - NORM_MOMENTUM) + new.mul_scalar(NORM_MOMENTUM);
                }
            }
        }
    }

    /// The same network without batch norms: they are folded into weights and biases.
    pub fn folded(&self) -> Result<Self, TrainError> {
        let mut out = self.clone();
        for index in 0..self.layers.len() {
            if self.layers[index].norm != Some(NormKind::Channel) {
                continue;
            }
            let (mut weight, mut bias) =
                (self.get(index, Role::Weight)?, self.get(index, Role::Bias)?);
            let (gamma, beta) = (self.get(index, Role::Gamma)?, self.get(index, Role::Beta)?);
            let (mean, var) = (
                self.get(index, Role::RunningMean)?,
                self.get(index, Role::RunningVar)?,
            );
            let fan_in = self.layers[index].fan_in;
            for c in 0..self.layers[index].outputs {
                let factor = f64::from(gamma[c]) / (f64::from(var[c]) + NORM_EPSILON).sqrt();
                for w in &mut weight[c * fan_in..(c + 1) * fan_in] {
                    *w = (f64::from(*w) * factor) as f32;
                }
                bias[c] = ((f64::from(bias[c]) - f64::from(mean[c])) * factor + f64::from(beta[c]))
                    as f32;
            }
            out.set(index, Role::Weight, weight);
            out.set(index, Role::Bias, bias);
            out.layers[index].norm = None;
        }
        out.params.retain(|p| {
            !matches!(
                p.role,
                Role::Gamma | Role::Beta | Role::RunningMean | Role::RunningVar
            )
        });
        Ok(out)
    }
}

/// A [`NormKind::Layer`] with its running statistics, which `rounded` has folded.
fn folded_norm(x: Tensor<4>, rounded: Option<&Option<Rounded>>) -> Tensor<4> {
    let Some(Some(r)) = rounded else {
        return x;
    };
    let channels = r.bias.len();
    let offset = r.bias.iter().map(|b| (b * r.accumulator_scale) as f32);
    let offset = tensor(offset.collect(), [1, channels], &Device::flex());
    x.mul_scalar(r.factor as f32) + offset.reshape([1, channels, 1, 1])
}

/// Mean and (unbiased) variance of a batch before a batch norm, `[1, channels]`.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    layer: usize,
    mean: Tensor<2>,
    variance: Tensor<2>,
}

impl Statistics {
    /// Makes them the running ones.
    pub fn replace(self, model: &mut Model) {
        for (role, new) in [
            (Role::RunningMean, self.mean),
            (Role::RunningVar, self.variance),
        ] {
            if let Some(index) = model.find(self.layer, role) {
                model.params[index].value = new;
            }
        }
    }

    /// From mean and biased variance over `count` values of each channel.
    pub fn new(layer: usize, mean: &[f32], variance: &[f32], count: usize) -> Self {
        let row = |v: &[f32]| tensor(v.to_vec(), [1, v.len()], &Device::flex());
        Self {
            layer,
            mean: row(mean),
            variance: row(variance).mul_scalar(count as f32 / (count as f32 - 1.0).max(1.0)),
        }
    }
}
