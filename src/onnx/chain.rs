//! The computation of a graph, as steps: sums of products, squares, pools, factors and sums of branches.

use super::{affine::RealAffine, per::Per};
use crate::network::Shape;

/// A step's place in the list.
pub(super) type StepId = usize;

/// One step.
#[derive(Clone, Debug)]
pub(super) enum GraphStep {
    /// The number of thresholds that a pixel reaches.
    Input,
    Affine(Box<RealAffine>),
    Square,
    /// The sums of windows, which lie in the image.
    Pool {
        kernel: [usize; 2],
        stride: [usize; 2],
    },
    /// `factor * x + shift`
    Scale {
        factor: Per,
        shift: Per,
    },
    /// The sum of two tensors.
    Sum,
}

/// A step with what it reads.
#[derive(Clone, Debug)]
pub(super) struct PlacedStep {
    pub step: GraphStep,
    pub from: Vec<StepId>,
    /// Shape of its result.
    pub shape: Shape,
    /// The node that it comes from, as errors show it.
    pub node: String,
}

/// The steps of a graph, each after those that it reads; the first is the input.
#[derive(Clone, Debug)]
pub(super) struct GraphSteps {
    pub list: Vec<PlacedStep>,
}

impl GraphSteps {
    pub fn new(input: Shape) -> Self {
        Self {
            list: vec![PlacedStep {
                step: GraphStep::Input,
                from: Vec::new(),
                shape: input,
                node: String::new(),
            }],
        }
    }

    pub fn push(&mut self, step: GraphStep, from: &[StepId], shape: Shape, node: &str) -> StepId {
        self.list.push(PlacedStep {
            step,
            from: from.to_vec(),
            shape,
            node: node.to_owned(),
        });
        self.list.len() - 1
    }

    pub fn shape(&self, id: StepId) -> Shape {
        self.list[id].shape
    }
}
