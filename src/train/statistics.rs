//! Running means and variances of norms, and batch norms folded into weights.

use burn::tensor::Tensor;

use super::{
    TrainError,
    model::{Model, Role, tensor},
    norm::NORM_EPSILON,
    norm::NormKind,
};

/// Weight of a batch's statistics when they are mixed into the running ones.
const NORM_MOMENTUM: f32 = 0.1;

/// Mean and (unbiased) variance of a batch before a batch norm, `[1, channels]`.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    layer: usize,
    mean: Tensor<2>,
    variance: Tensor<2>,
}

impl Statistics {
    /// Replaces the running statistics with these.
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

    /// Takes mean and biased variance over `count` values of each channel.
    pub fn new(layer: usize, mean: &[f32], variance: &[f32], count: usize) -> Self {
        let row = |v: &[f32]| tensor(v.to_vec(), [1, v.len()]);
        Self::of_rows(layer, row(mean), row(variance), count)
    }

    /// Takes the same as rows `[1, channels]`.
    pub fn of_rows(layer: usize, mean: Tensor<2>, variance: Tensor<2>, count: usize) -> Self {
        let count = count as f32;
        Self {
            layer,
            mean,
            variance: variance.mul_scalar(count / (count - 1.0).max(1.0)),
        }
    }
}

impl Model {
    /// Moves the running statistics of the norms towards those of a batch.
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

    /// Returns the same network without batch norms, which are folded into weights and biases.
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
