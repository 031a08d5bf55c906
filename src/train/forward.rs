//! A network's forward pass in burn, layer by layer.

use burn::tensor::{
    Tensor,
    activation::relu,
    module::{avg_pool2d, conv2d, max_pool2d},
    ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions},
};

use super::{
    LayerSpec,
    model::{Model, Role, Rounded, tensor},
    norm::NORM_EPSILON,
    norm::NormKind,
    statistics::Statistics,
};
use crate::quant::fake_quantize;

impl Model {
    /// Computes the logits `[images, classes]` from the values before the layer at position `from`: `[images, channels,
    /// height, width]`. Passes the output of each layer with weights to `observe`.
    ///
    /// `leaves` are [`leaves`](Self::leaves) or [`constants`](Self::constants); `rounded` comes from
    /// [`round`](Self::round). With `statistics`, batch norms use the batch's own mean and variance and append them to
    /// it; otherwise they use the running ones.
    pub fn forward(
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

    /// Returns weight and bias as the forward pass uses them.
    pub fn effective(
        &self,
        index: usize,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
    ) -> (Tensor<2>, Tensor<2>) {
        let leaf = |role| self.find(index, role).map(|i| leaves[i].clone());
        let outputs = self.layers[index].outputs;
        let missing = || tensor(vec![0.0; outputs], [1, outputs]);
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
        (weight, through + tensor(exact, [1, outputs]))
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
            self.find(index, role)
                .map_or_else(
                    || tensor(vec![1.0; channels], [1, channels]),
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
                let row = |x: &Tensor<4>| x.clone().inner().reshape([1, channels]);
                let (mean, biased) = (row(&mean), row(&variance));
                list.push(Statistics::of_rows(index, mean, biased, n * h * w));
                (centred, variance)
            }
            None => (x - column(Role::RunningMean), column(Role::RunningVar)),
        };
        centred / variance.add_scalar(NORM_EPSILON as f32).sqrt() * column(Role::Gamma)
            + column(Role::Beta)
    }
}

/// Applies a [`NormKind::Layer`] with its running statistics, which `rounded` already contains in folded form.
fn folded_norm(x: Tensor<4>, rounded: Option<&Option<Rounded>>) -> Tensor<4> {
    let Some(Some(r)) = rounded else {
        return x;
    };
    let channels = r.bias.len();
    let offset = r.bias.iter().map(|b| (b * r.accumulator_scale) as f32);
    let offset = tensor(offset.collect(), [1, channels]);
    x.mul_scalar(r.factor as f32) + offset.reshape([1, channels, 1, 1])
}
