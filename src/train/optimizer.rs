//! Adam's step on every tensor, with gradient clipping, learning-rate factors and frozen layers.

use burn::{
    optim::{Adam, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _},
    tensor::Tensor,
};

use super::{
    OptimizerConfig, Schedule, TrainError,
    model::{Model, Role, values},
};

/// Adam's moments for each tensor, in the order of the parameters.
pub(super) struct Optimizer {
    adam: Adam,
    pub states: Vec<Option<AdamState<2>>>,
}

/// Returns the learning rate at `step` (from 0) of `total`.
pub(super) fn learning_rate(config: &OptimizerConfig, step: usize, total: usize) -> f64 {
    let warm = if step < config.warmup_steps {
        (step + 1) as f64 / config.warmup_steps as f64
    } else {
        1.0
    };
    let fall = match config.schedule {
        Schedule::Constant => 1.0,
        Schedule::Cosine => {
            let rest = total.saturating_sub(config.warmup_steps).max(1) as f64;
            let share = (step.saturating_sub(config.warmup_steps) as f64 / rest).min(1.0);
            0.5 * (1.0 + (std::f64::consts::PI * share).cos())
        }
    };
    config.learning_rate * warm * fall
}

impl Optimizer {
    pub fn new(tensors: usize) -> Self {
        Self {
            adam: AdamConfig::new().with_epsilon(1e-8).build(),
            states: (0..tensors).map(|_| None).collect(),
        }
    }

    /// Restores the state of a tensor from the parts that a checkpoint holds.
    pub fn restore(&mut self, index: usize, time: usize, first: Tensor<2>, second: Tensor<2>) {
        self.states[index] = Some(AdamState::new(AdaptiveMomentumState::new(
            time, first, second,
        )));
    }

    /// Moves all trained tensors by their gradients, except in `frozen` layers.
    pub fn step(
        &mut self,
        model: &mut Model,
        gradients: &[Option<Tensor<2>>],
        config: &OptimizerConfig,
        rate: f64,
        frozen: &[bool],
    ) -> Result<(), TrainError> {
        let moving: Vec<(usize, Tensor<2>)> = gradients
            .iter()
            .enumerate()
            .filter(|(i, _)| model.params[*i].role.is_trained() && !frozen[model.params[*i].layer])
            .filter_map(|(i, gradient)| gradient.clone().map(|g| (i, g)))
            .collect();
        let mut factor = 1.0;
        if let Some(limit) = config.clip_norm {
            let mut sum = 0.0;
            for (_, gradient) in &moving {
                sum += values(gradient)?
                    .iter()
                    .map(|&g| f64::from(g) * f64::from(g))
                    .sum::<f64>();
            }
            let norm = sum.sqrt();
            if norm > limit {
                factor = limit / norm;
            }
        }
        for (index, gradient) in moving {
            let param = &mut model.params[index];
            let rate = rate
                * match param.role {
                    Role::Weight if param.layer == 0 => config.first_layer_factor,
                    Role::Bias | Role::Beta => config.bias_factor,
                    Role::LogScale => config.scale_factor,
                    _ => 1.0,
                };
            let gradient = if factor < 1.0 {
                gradient.mul_scalar(factor as f32)
            } else {
                gradient
            };
            let decay = rate * config.weight_decay;
            let value = if param.role == Role::Weight && decay > 0.0 {
                param.value.clone().mul_scalar((1.0 - decay) as f32)
            } else {
                param.value.clone()
            };
            let (value, state) = self
                .adam
                .step(rate, value, gradient, self.states[index].take());
            param.value = value;
            self.states[index] = state;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{TrainConfig, model::tensor};

    /// Checks two steps against Adam's formulas, on one value of each tensor; the other values move in the same way.
    #[test]
    fn steps_are_adams_with_clipping_factors_decay_and_frozen_layers() {
        let paper = TrainConfig::preset("hcnn-mnist-paper").unwrap();
        let config = OptimizerConfig {
            learning_rate: 0.01,
            clip_norm: Some(3.0),
            weight_decay: 0.5,
            first_layer_factor: 0.25,
            bias_factor: 0.5,
            ..paper.optimizer.clone()
        };
        let mut model = Model::new(&paper).unwrap();
        let mut optimizer = Optimizer::new(model.params.len());
        let frozen = [false, true, false];
        let first = |model: &Model| -> Vec<f64> {
            let value = |p: &super::super::model::Param| f64::from(values(&p.value).unwrap()[0]);
            model.params.iter().map(value).collect()
        };
        let before = first(&model);
        // The first step's gradients are clipped; the second's are not.
        let gradients = [0.5_f64, -0.001];
        let mut norm = 0.0;
        let (mut m, mut v) = (0.0, 0.0);
        let mut expected = before.clone();
        for (step, &g) in gradients.iter().enumerate() {
            let of = |shape: [usize; 2]| {
                let all = vec![g as f32; shape[0] * shape[1]];
                Some(tensor(all, shape))
            };
            let all: Vec<_> = model.params.iter().map(|p| of(p.value.dims())).collect();
            optimizer
                .step(&mut model, &all, &config, config.learning_rate, &frozen)
                .unwrap();
            let count: usize = (model.params.iter())
                .filter(|p| !frozen[p.layer])
                .map(|p| p.value.dims().iter().product::<usize>())
                .sum();
            norm = (count as f64).sqrt() * g.abs();
            let clipped = g * (3.0 / norm).min(1.0);
            m = 0.9 * m + 0.1 * clipped;
            v = 0.999 * v + 0.001 * clipped * clipped;
            let time = i32::try_from(step).unwrap() + 1;
            let direction = (m / (1.0 - 0.9_f64.powi(time)))
                / ((v / (1.0 - 0.999_f64.powi(time))).sqrt() + 1e-8);
            for (param, value) in model.params.iter().zip(&mut expected) {
                let rate = match (param.layer, param.role) {
                    (1, _) => continue,
                    (0, Role::Weight) => 0.0025,
                    (_, Role::Weight) => 0.01,
                    _ => 0.005,
                };
                if param.role == Role::Weight {
                    *value *= 1.0 - rate * 0.5;
                }
                *value -= rate * direction;
            }
        }
        assert!(norm < 3.0);
        for (param, (found, expected)) in
            model.params.iter().zip(first(&model).iter().zip(&expected))
        {
            assert!(
                (found - expected).abs() < 1e-5,
                "{}: {found} {expected}",
                param.name
            );
        }
        assert_ne!(first(&model), before);
    }

    #[test]
    fn the_rate_rises_then_falls_to_zero() {
        let config = OptimizerConfig {
            learning_rate: 0.5,
            schedule: Schedule::Cosine,
            warmup_steps: 10,
            ..TrainConfig::preset("hcnn-mnist-paper").unwrap().optimizer
        };
        let at = |step| learning_rate(&config, step, 110);
        assert!((at(0) - 0.05).abs() < 1e-12);
        assert!((at(10) - 0.5).abs() < 1e-12);
        assert!((at(60) - 0.25).abs() < 1e-12);
        assert!(at(109) < 1e-3 && at(110).abs() < 1e-12);
        let flat = OptimizerConfig {
            schedule: Schedule::Constant,
            ..config
        };
        assert!((learning_rate(&flat, 109, 110) - 0.5).abs() < 1e-12);
    }
}
