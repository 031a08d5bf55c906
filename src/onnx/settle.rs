//! From the steps of a graph to the layers of a network: factors and shifts go into the weights and biases beside them.

use super::{
    OnnxError,
    affine::{RealAffine, WeightGrid, Window},
    chain::{GraphStep, GraphSteps, PlacedStep, StepId},
    per::Per,
    value::GraphValue,
};
use crate::network::{MAX_WEIGHTS, Shape};

/// A layer with real weights.
#[derive(Clone, Debug)]
pub(super) enum RealLayer {
    Affine(Box<RealAffine>),
    Square,
    Pool {
        kernel: [usize; 2],
        stride: [usize; 2],
    },
}

/// A network of real numbers: what the file says, before anything is rounded.
#[derive(Clone, Debug)]
pub(super) struct RealNetwork {
    pub input: Shape,
    /// Real value of an integer input of 1.
    pub unit: f64,
    pub stages: Vec<RealLayer>,
}

/// The source of the integer inputs' real value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// This value.
    Fixed(f64),
    /// The one that the file says, if all channels have the same, otherwise 1.
    Chosen,
}

/// Settles steps that form a chain.
///
/// # Errors
/// [`OnnxError::Node`] for what no layer can take up.
pub(super) fn settle(
    steps: &GraphSteps,
    result: &GraphValue,
    unit: Unit,
) -> Result<RealNetwork, OnnxError> {
    let chain = chain(steps, result.base)?;
    let input = steps.shape(0);
    let unit = match (unit, chain.first().map(|id| &steps.list[*id].step)) {
        (Unit::Chosen, Some(GraphStep::Scale { factor, .. }))
            if factor.one().is_some_and(|f| f != 0.0) =>
        {
            factor.one().map_or(1.0, f64::abs)
        }
        (Unit::Chosen, _) => 1.0,
        (Unit::Fixed(unit), _) => unit,
    };
    let mut settler = Settler {
        stages: Vec::new(),
        shape: input,
        factor: Per::One(1.0 / unit),
        shift: Per::ZERO,
        added: 0,
    };
    let mut chain = chain.into_iter().map(|id| &steps.list[id]).peekable();
    if let Some(GraphStep::Scale { factor, shift }) = chain.peek().map(|placed| &placed.step)
        && factor
            .one()
            .is_some_and(|factor| factor.abs().to_bits() == unit.to_bits())
    {
        // The unit is this factor: only its sign is left.
        settler.factor = factor.map(f64::signum);
        settler.shift = shift.clone();
        chain.next();
    }
    for placed in chain {
        settler.step(placed)?;
    }
    settler.finish(result)?;
    Ok(RealNetwork {
        input,
        unit,
        stages: settler.stages,
    })
}

/// Returns the steps that lead from the input to a step.
fn chain(steps: &GraphSteps, last: StepId) -> Result<Vec<StepId>, OnnxError> {
    let mut chain = Vec::new();
    let mut at = last;
    while at != 0 {
        chain.push(at);
        let placed = &steps.list[at];
        match placed.from.as_slice() {
            [from] => at = *from,
            _ => return Err(refused(placed, "adds two branches that cannot be joined")),
        }
    }
    chain.reverse();
    Ok(chain)
}

pub(super) fn refused(placed: &PlacedStep, problem: &str) -> OnnxError {
    let operator = match placed.step {
        GraphStep::Input => "input",
        GraphStep::Affine(_) => "layer",
        GraphStep::Square => "square",
        GraphStep::Pool { .. } => "pool",
        GraphStep::Scale { .. } => "factor or shift",
        GraphStep::Sum => "Add",
    };
    OnnxError::Node {
        node: placed.node.clone(),
        operator: operator.to_owned(),
        problem: problem.to_owned(),
    }
}

struct Settler {
    stages: Vec<RealLayer>,
    shape: Shape,
    /// The values are to be multiplied by this, and this is to be added, before the next layer.
    factor: Per,
    shift: Per,
    /// Number of weights that layers in between have added.
    added: usize,
}

impl Settler {
    fn step(&mut self, placed: &PlacedStep) -> Result<(), OnnxError> {
        match &placed.step {
            GraphStep::Input | GraphStep::Sum => {}
            GraphStep::Scale { factor, shift } => {
                self.factor = self.factor.times(factor, self.shape);
                self.shift = self.shift.times(factor, self.shape).plus(shift, self.shape);
                self.move_back();
            }
            GraphStep::Square => {
                match self.factor.one() {
                    Some(factor) if self.shift.is(0.0) => self.factor = Per::One(factor * factor),
                    _ => {
                        self.insert(placed)?;
                        self.factor = Per::ONE;
                    }
                }
                self.stages.push(RealLayer::Square);
            }
            GraphStep::Pool { kernel, stride } => {
                let area = (kernel[0] * kernel[1]) as f64;
                if let (Per::Value(_), _) | (_, Per::Value(_)) = (&self.factor, &self.shift) {
                    return Err(refused(
                        placed,
                        "sums up values with different factors or shifts by position; use the same for a channel",
                    ));
                }
                self.shift = self.shift.map(|shift| shift * area);
                self.stages.push(RealLayer::Pool {
                    kernel: *kernel,
                    stride: *stride,
                });
            }
            GraphStep::Affine(affine) => self.affine(placed, RealAffine::clone(affine))?,
        }
        self.shape = placed.shape;
        Ok(())
    }

    fn affine(&mut self, placed: &PlacedStep, mut affine: RealAffine) -> Result<(), OnnxError> {
        let (mut factor, mut shift) = (self.factor.clone(), self.shift.clone());
        if affine.window.is_none() {
            (factor, shift) = (factor.flattened(self.shape), shift.flattened(self.shape));
        } else if self.shape.height * self.shape.width > 1
            && (matches!(factor, Per::Value(_)) || matches!(shift, Per::Value(_)))
        {
            return Err(refused(
                placed,
                "reads values with different factors or shifts by position (as after an average pool that leaves out its \
                 padding); a linear layer can take them up, a convolution cannot",
            ));
        }
        if !shift.is(0.0) {
            if affine.is_padded() {
                self.make_constant(placed)?;
            }
            affine.absorb(&shift);
        }
        affine.precede(&factor);
        self.factor = Per::ONE;
        self.shift = Per::ZERO;
        self.stages.push(RealLayer::Affine(Box::new(affine)));
        Ok(())
    }

    /// Moves the factor and shift into the layer before, if only pools lie between.
    fn move_back(&mut self) {
        let channels = (
            self.factor.channels(self.shape),
            self.shift.channels(self.shape),
        );
        let (Some(factor), Some(mut shift)) = channels else {
            return;
        };
        for stage in self.stages.iter_mut().rev() {
            match stage {
                RealLayer::Square => return,
                RealLayer::Pool { kernel, .. } => {
                    let area = (kernel[0] * kernel[1]) as f64;
                    for shift in &mut shift {
                        *shift /= area;
                    }
                }
                RealLayer::Affine(affine) => {
                    affine.follow(&factor, &shift);
                    self.factor = Per::ONE;
                    self.shift = Per::ZERO;
                    return;
                }
            }
        }
    }

    /// Makes a layer that multiplies each channel by a factor.
    fn diagonal(&mut self, placed: &PlacedStep, factors: &[f64]) -> Result<RealAffine, OnnxError> {
        self.added = self
            .added
            .saturating_add(self.shape.channels.saturating_mul(self.shape.channels));
        let made = (self.added <= MAX_WEIGHTS)
            .then(|| RealAffine::diagonal(self.shape, factors, &placed.node));
        made.flatten().ok_or_else(|| {
            refused(
                placed,
                "has too many channels for a layer that multiplies each by a factor",
            )
        })
    }

    /// Adds a layer for the factor and shift.
    fn insert(&mut self, placed: &PlacedStep) -> Result<(), OnnxError> {
        let channels = self
            .factor
            .channels(self.shape)
            .zip(self.shift.channels(self.shape));
        let (factor, shift) = channels.ok_or_else(|| {
            refused(
                placed,
                "reads values with different factors or shifts by position; use the same for a channel",
            )
        })?;
        let mut made = self.diagonal(placed, &factor)?;
        made.bias = shift;
        self.factor = Per::ONE;
        self.shift = Per::ZERO;
        self.stages.push(RealLayer::Affine(Box::new(made)));
        Ok(())
    }

    /// Has the layer before give a channel of a constant, or adds one that does.
    fn make_constant(&mut self, placed: &PlacedStep) -> Result<(), OnnxError> {
        for stage in self.stages.iter_mut().rev() {
            if let RealLayer::Affine(affine) = stage {
                affine.constant = true;
                return Ok(());
            }
        }
        let ones = vec![1.0; self.shape.channels];
        let mut made = self.diagonal(placed, &ones)?;
        made.constant = true;
        self.stages.push(RealLayer::Affine(Box::new(made)));
        Ok(())
    }

    /// Takes up what is left behind the last layer, and the order of the logits.
    fn finish(&mut self, result: &GraphValue) -> Result<(), OnnxError> {
        let placed = PlacedStep {
            step: GraphStep::Input,
            from: Vec::new(),
            shape: self.shape,
            node: "output".to_owned(),
        };
        let is_first = |stages: &[RealLayer]| {
            !stages
                .iter()
                .any(|stage| matches!(stage, RealLayer::Affine(_)))
        };
        if is_first(&self.stages) {
            return Err(OnnxError::model(
                "the network has no layer with weights; a classifier has one",
            ));
        }
        match self.factor.one() {
            Some(1.0) if self.shift.is(0.0) => {}
            // The root goes through squares.
            Some(factor) if self.shift.is(0.0) && factor > 0.0 => {
                let mut root = factor;
                for stage in self.stages.iter_mut().rev() {
                    match stage {
                        RealLayer::Square => root = root.sqrt(),
                        RealLayer::Pool { .. } => {}
                        RealLayer::Affine(affine) => {
                            let outputs = affine.outputs();
                            affine.follow(&vec![root; outputs], &vec![0.0; outputs]);
                            break;
                        }
                    }
                }
            }
            _ => {
                let shape = self.shape;
                let flat = Shape::vector(shape.len());
                self.factor = self.factor.flattened(shape);
                self.shift = self.shift.flattened(shape);
                self.shape = flat;
                let insertion = self.insert(&placed);
                self.shape = flat;
                insertion?;
                // The layer reads the values in any shape.
                if let Some(RealLayer::Affine(affine)) = self.stages.last_mut() {
                    affine.window = None;
                    affine.input = shape;
                }
            }
        }
        if result.order.is_some() {
            let classes = self.shape.len();
            if classes.saturating_mul(classes) > super::tensor::MAX_VALUES {
                return Err(OnnxError::model(
                    "the network has too many outputs in another order",
                ));
            }
            let mut grid = vec![0; classes * classes];
            (0..classes).for_each(|o| grid[o * classes + result.place(o)] = 1);
            self.stages.push(RealLayer::Affine(Box::new(RealAffine {
                window: None,
                input: self.shape,
                output: Shape::vector(classes),
                grid: WeightGrid::Whole(grid),
                rows: Per::ONE,
                columns: Per::ONE,
                bias: vec![0.0; classes],
                border: Vec::new(),
                constant: false,
                node: "output".to_owned(),
            })));
            self.shape = Shape::vector(classes);
        }
        Ok(())
    }
}

impl RealNetwork {
    /// Computes the logits of integer inputs in real numbers.
    pub fn evaluate(&self, image: &[i64]) -> Vec<f64> {
        let mut shape = self.input;
        let mut values: Vec<f64> = image.iter().map(|&x| x as f64 * self.unit).collect();
        for stage in &self.stages {
            match stage {
                RealLayer::Square => values.iter_mut().for_each(|value| *value *= *value),
                RealLayer::Pool { kernel, stride } => {
                    let window = Window {
                        kernel: *kernel,
                        stride: *stride,
                        padding: [0, 0],
                    };
                    let Some([height, width]) = window.count(shape) else {
                        return Vec::new();
                    };
                    let mut sums = Vec::with_capacity(shape.channels * height * width);
                    for channel in 0..shape.channels {
                        for at in 0..height * width {
                            let (row, column) = (at / width * stride[0], at % width * stride[1]);
                            let inside =
                                (0..kernel[0]).flat_map(|u| (0..kernel[1]).map(move |v| (u, v)));
                            sums.push(
                                inside
                                    .map(|(u, v)| values[shape.index(channel, row + u, column + v)])
                                    .sum(),
                            );
                        }
                    }
                    (shape, values) = (Shape::new(shape.channels, height, width), sums);
                }
                RealLayer::Affine(affine) => {
                    values = affine.evaluate(&values);
                    shape = affine.output;
                }
            }
        }
        values
    }
}

impl RealAffine {
    /// Computes the layer's outputs.
    fn evaluate(&self, values: &[f64]) -> Vec<f64> {
        let Some(window) = self.window else {
            return (0..self.outputs())
                .map(|o| {
                    let products = values
                        .iter()
                        .enumerate()
                        .map(|(at, value)| self.weight(o, at) * value);
                    self.bias[o] + products.sum::<f64>()
                })
                .collect();
        };
        let (input, output) = (self.input, self.output);
        let mut sums = Vec::with_capacity(output.len());
        let area = window.area();
        for o in 0..output.channels {
            let row: Vec<(usize, f64)> = (0..self.row_len())
                .map(|at| (at, self.weight(o, at)))
                .filter(|&(_, weight)| weight != 0.0)
                .collect();
            for at in 0..output.height * output.width {
                let corner = [
                    at / output.width * window.stride[0],
                    at % output.width * window.stride[1],
                ];
                let place = |tap: usize| {
                    let y = (corner[0] + tap / window.kernel[1]).checked_sub(window.padding[0])?;
                    let x = (corner[1] + tap % window.kernel[1]).checked_sub(window.padding[1])?;
                    (y < input.height && x < input.width).then_some((y, x))
                };
                let mut sum = self.bias[o];
                for &(at, weight) in &row {
                    if let Some((y, x)) = place(at % area) {
                        sum += weight * values[input.index(at / area, y, x)];
                    }
                }
                if !self.border.is_empty() {
                    let taps = (0..area).filter(|&tap| place(tap).is_some());
                    sum += taps.map(|tap| self.border[o * area + tap]).sum::<f64>();
                }
                sums.push(sum);
            }
        }
        sums
    }
}
