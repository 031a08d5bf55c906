//! A network's forward and backward pass: its leading convolutions in [`stage`](super::stage), the rest in burn.
//!
//! The two parts meet at a tensor of features, a leaf of burn's graph; the stages' backward pass starts from the
//! gradient of that leaf. The gradients of a stage's parameters return into burn's graph (which holds the rounding of
//! weights) as those of a scalar: the sum of parameters times gradients.

use burn::tensor::Tensor;

use super::{
    TrainError,
    model::{Model, Role, Rounded, tensor, values},
    norm::NormKind,
    stage::{Blocks, Norm, Saved, StageWeights},
    statistics::Statistics,
};

/// A forward pass during training.
pub(super) struct Pass {
    /// `[images, classes]`.
    pub logits: Tensor<2>,
    /// Statistics of the batch norms, in order.
    pub statistics: Vec<Statistics>,
    /// Number of leading stages that are frozen: they need no gradients.
    still: usize,
    features: Tensor<2>,
    stages: Vec<(StageWeights, Saved)>,
    /// The stages' parameters in burn's graph, in the order weight, bias, factor, offset.
    graph: Vec<[Option<Tensor<2>>; 4]>,
}

impl Model {
    /// Returns the parameters of stage `index` in burn's graph, and their values.
    fn stage_weights(
        &self,
        index: usize,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        training: bool,
    ) -> Result<([Option<Tensor<2>>; 4], StageWeights), TrainError> {
        let (weight, bias) = self.effective(index, leaves, rounded);
        let leaf = |role| self.find(index, role).map(|i| leaves[i].clone());
        let mut graph = [Some(weight.clone()), Some(bias.clone()), None, None];
        let mut norm = None;
        if let Some(kind) = self.layers[index].norm {
            let gamma = match kind {
                NormKind::Channel => self.get(index, Role::Gamma)?,
                NormKind::Layer(_) => Vec::new(),
            };
            let running = if training {
                None
            } else {
                let mean = self.get(index, Role::RunningMean)?;
                Some((mean, self.get(index, Role::RunningVar)?))
            };
            graph[2] = leaf(Role::Gamma);
            graph[3] = leaf(Role::Beta);
            norm = Some(Norm {
                kind,
                gamma,
                beta: self.get(index, Role::Beta)?,
                running,
                unit: Self::unit(index, rounded),
            });
        }
        let weights = StageWeights {
            weight: values(&weight)?,
            bias: values(&bias)?,
            norm,
        };
        Ok((graph, weights))
    }

    /// Computes the logits `[images, classes]` of a batch, without autodiff; batch norms use their running statistics.
    pub fn evaluate(
        &self,
        rounded: &[Option<Rounded>],
        input: Blocks,
    ) -> Result<Tensor<2>, TrainError> {
        let leaves = self.constants();
        let mut x = input;
        for (index, stage) in self.stages.iter().enumerate() {
            let (_, weights) = self.stage_weights(index, &leaves, rounded, false)?;
            x = stage.forward(x, &weights).0;
        }
        let features = self.features(&x);
        Ok(self.tail(&leaves, rounded, features, None))
    }

    /// Returns the values after the stages as a tensor `[images, features]`.
    fn features(&self, x: &Blocks) -> Tensor<2> {
        let shape = self.shapes[self.tail];
        let rows = x.to_images(shape);
        tensor(rows, [x.images, shape.len()])
    }

    fn tail(
        &self,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        features: Tensor<2>,
        statistics: Option<&mut Vec<Statistics>>,
    ) -> Tensor<2> {
        let shape = self.shapes[self.tail];
        let images = features.dims()[0];
        let x = features.reshape([images, shape.channels, shape.height, shape.width]);
        self.forward(self.tail, leaves, rounded, x, statistics, &mut |_, _| ())
    }

    /// Runs a forward pass for training. Norms use the batch's statistics, except that norms of `frozen` layers use
    /// their running ones.
    pub fn pass(
        &self,
        leaves: &[Tensor<2>],
        rounded: &[Option<Rounded>],
        input: Blocks,
        frozen: &[bool],
    ) -> Result<Pass, TrainError> {
        let (mut stages, mut graph, mut statistics) = (Vec::new(), Vec::new(), Vec::new());
        let mut x = input;
        for (index, stage) in self.stages.iter().enumerate() {
            let still = frozen.get(index).copied().unwrap_or(false);
            let (tensors, weights) = self.stage_weights(index, leaves, rounded, !still)?;
            let count = x.images * stage.positions();
            let (output, saved) = stage.forward(x, &weights);
            x = output;
            if let Some((mean, variance)) = &saved.statistics {
                statistics.push(Statistics::new(index, mean, variance, count));
            }
            stages.push((weights, saved));
            graph.push(tensors);
        }
        let features = self.features(&x).autodiff().require_grad();
        let logits = self.tail(leaves, rounded, features.clone(), Some(&mut statistics));
        Ok(Pass {
            logits,
            statistics,
            still: frozen
                .iter()
                .take(self.stages.len())
                .take_while(|still| **still)
                .count(),
            features,
            stages,
            graph,
        })
    }

    /// Computes the gradients of `loss`, a function of the pass's logits, by each parameter; `None` for parameters that
    /// have no gradient.
    pub fn gradients(
        &self,
        leaves: &[Tensor<2>],
        pass: &Pass,
        loss: &Tensor<1>,
    ) -> Result<Vec<Option<Tensor<2>>>, TrainError> {
        let of_tail = loss.backward();
        let mut found: Vec<Option<Tensor<2>>> =
            leaves.iter().map(|leaf| leaf.grad(&of_tail)).collect();
        let (Some(upstream), false) = (
            pass.features.grad(&of_tail),
            pass.still == pass.stages.len(),
        ) else {
            return Ok(found);
        };
        let mut x = Blocks::from_images(&values(&upstream)?, self.shapes[self.tail]);
        let mut total: Option<Tensor<1>> = None;
        for index in (pass.still..self.stages.len()).rev() {
            let (weights, saved) = &pass.stages[index];
            let (gradients, input) =
                self.stages[index].backward(saved, weights, &x, index > pass.still);
            let (gamma, beta) = gradients.norm.unzip();
            let lists = [Some(gradients.weight), Some(gradients.bias), gamma, beta];
            for (parameter, gradient) in pass.graph[index].iter().zip(lists) {
                let (Some(parameter), Some(gradient)) = (parameter, gradient) else {
                    continue;
                };
                let gradient = tensor(gradient, parameter.dims()).autodiff();
                let term = (parameter.clone() * gradient).sum();
                total = Some(match total {
                    Some(sum) => sum + term,
                    None => term,
                });
            }
            if let Some(input) = input {
                x = input;
            }
        }
        if let Some(total) = total {
            let of_stages = total.backward();
            for (slot, leaf) in found.iter_mut().zip(leaves) {
                if slot.is_none() {
                    *slot = leaf.grad(&of_stages);
                }
            }
        }
        Ok(found)
    }
}
