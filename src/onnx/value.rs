//! A tensor of the graph: a polynomial in the result of a step, value by value, with the order in which its values stand.

use std::rc::Rc;

use super::{
    OnnxError,
    chain::{GraphStep, GraphSteps, StepId},
    graph::{refused, shown},
    message::NodeMessage,
    per::Per,
    pixels::Pixels,
    walk::row_major,
};

/// Largest `b/2a` of `a*x*x + b*x + c`: beyond it, 32-bit floats lose the linear part.
const MAX_HALF: f64 = 1e4;

/// A tensor with encrypted values.
#[derive(Clone, Debug)]
pub(super) struct GraphValue {
    /// Dimensions in the graph, the batch first.
    pub dims: Vec<usize>,
    /// The step whose result `x` it is a polynomial in.
    pub base: StepId,
    /// The place of each value in the result (channel by channel, row by row); `None` if the order is the same.
    pub order: Option<Rc<Vec<u32>>>,
    /// `terms[0] + terms[1] * x + terms[2] * x * x`; the last one is not 0.
    pub terms: Vec<Per>,
    /// Zeros around the image: above, left, below, right.
    pub pads: Option<[usize; 4]>,
    /// The thresholds at which the input that it depends on alone counts up; `None` behind the first layer.
    pub reading: Option<Rc<Vec<u8>>>,
    /// The input's pixels, as long as nothing but single pixels has been computed with.
    pub pixels: Option<Pixels>,
    /// True as long as the values are the integers of an integer input: arithmetic with them would wrap around.
    pub is_integer: bool,
    /// The operator behind the logits that is left out, like `Softmax`.
    pub dropped: Option<String>,
}

impl GraphValue {
    /// Makes the tensor that is the result of a step, in its order.
    pub fn of(step: StepId, dims: Vec<usize>) -> Self {
        Self {
            dims,
            base: step,
            order: None,
            terms: vec![Per::ZERO, Per::ONE],
            pads: None,
            reading: None,
            pixels: None,
            is_integer: false,
            dropped: None,
        }
    }

    /// Returns the number of values of one image.
    pub fn len(&self) -> usize {
        self.dims.iter().skip(1).product()
    }

    /// Returns how many numbers the polynomial has.
    pub fn size(&self) -> usize {
        self.terms.iter().map(Per::len).sum()
    }

    /// Returns where the value at this position of the tensor stands in the step's result.
    pub fn place(&self, position: usize) -> usize {
        self.order
            .as_ref()
            .map_or(position, |order| order[position] as usize)
    }

    /// Returns the step in the result of which moving along each axis (the batch left out) moves; `None` if that is not
    /// the same everywhere.
    pub fn strides(&self) -> Option<Vec<isize>> {
        let dims = &self.dims[1..];
        let steps = row_major(dims);
        let Some(order) = &self.order else {
            return Some(steps);
        };
        let first = (*order.first()? as usize).cast_signed();
        let strides: Vec<isize> = dims
            .iter()
            .zip(&steps)
            .map(|(&dim, &step)| match dim {
                0 | 1 => 0,
                _ => (order[step.cast_unsigned()] as usize).cast_signed() - first,
            })
            .collect();
        let walk = super::walk::Walk::new(dims.to_vec(), strides.clone(), first.cast_unsigned());
        walk.zip(order.iter())
            .all(|(at, &place)| at == place as usize)
            .then_some(strides)
    }

    /// Takes this order of values, or none if it is the step's own.
    pub fn set_order(&mut self, order: Vec<u32>) {
        let same = order
            .iter()
            .enumerate()
            .all(|(at, &place)| at == place as usize);
        self.order = (!same).then(|| Rc::new(order));
    }

    /// Returns the same tensor after a polynomial of degree 1 in each value.
    pub fn scaled(&self, factor: &Per, shift: &Per, steps: &GraphSteps) -> Self {
        let shape = steps.shape(self.base);
        let mut terms: Vec<Per> = self
            .terms
            .iter()
            .map(|term| term.times(factor, shape))
            .collect();
        terms[0] = terms[0].plus(shift, shape);
        Self {
            terms: trimmed(terms),
            pixels: None,
            ..self.clone()
        }
    }

    /// Tells whether both stand in the same order on the same step.
    pub fn is_alike(&self, other: &Self) -> bool {
        let same = self.base == other.base && self.order == other.order && self.dims == other.dims;
        same && self.reading == other.reading && self.pads == other.pads
    }

    /// Adds a tensor that [`is_alike`](Self::is_alike).
    pub fn plus(&self, other: &Self, steps: &GraphSteps) -> Self {
        let shape = steps.shape(self.base);
        let count = self.terms.len().max(other.terms.len());
        let term = |of: &Self, degree: usize| of.terms.get(degree).cloned().unwrap_or(Per::ZERO);
        let terms = (0..count).map(|degree| term(self, degree).plus(&term(other, degree), shape));
        Self {
            terms: trimmed(terms.collect()),
            pixels: None,
            ..self.clone()
        }
    }

    /// Multiplies with a tensor that [`is_alike`](Self::is_alike); `None` if the degree exceeds 2.
    pub fn times(&self, other: &Self, steps: &GraphSteps) -> Option<Self> {
        let shape = steps.shape(self.base);
        let degree = self.terms.len() + other.terms.len() - 2;
        if degree > 2 {
            return None;
        }
        let mut terms = vec![Per::ZERO; degree + 1];
        for (a, left) in self.terms.iter().enumerate() {
            for (b, right) in other.terms.iter().enumerate() {
                terms[a + b] = terms[a + b].plus(&left.times(right, shape), shape);
            }
        }
        Some(Self {
            terms: trimmed(terms),
            pixels: None,
            ..self.clone()
        })
    }

    /// Adds the steps that compute the polynomial, so that the tensor is the result of a step.
    ///
    /// # Errors
    /// [`OnnxError::Node`] for `a*x*x + b*x + c` with an `a` of 0 but not everywhere.
    pub fn settled(&self, steps: &mut GraphSteps, node: &NodeMessage) -> Result<Self, OnnxError> {
        let shape = steps.shape(self.base);
        let name = shown(node);
        let scale = |steps: &mut GraphSteps, from: StepId, factor: Per, shift: Per| {
            if factor.is(1.0) && shift.is(0.0) {
                return from;
            }
            steps.push(GraphStep::Scale { factor, shift }, &[from], shape, &name)
        };
        let base = match self.terms.as_slice() {
            [shift, factor] => scale(steps, self.base, factor.clone(), shift.clone()),
            [c, b, a] => {
                // a (x + b/2a)^2 + c - b^2/4a
                let half = b.with(a, shape, |b, a| if b == 0.0 { 0.0 } else { b / (2.0 * a) });
                let rest = half.times(&half, shape).times(a, shape);
                let is_small = |half: f64| half.abs() <= MAX_HALF;
                if !half.all(is_small) || !rest.all(f64::is_finite) {
                    return Err(refused(
                        node,
                        "reads a*x*x + b*x + c where a is 0, or close to it, for a part of the channels; give all channels a \
                         square, or none",
                    ));
                }
                let shifted = scale(steps, self.base, Per::ONE, half);
                let squared = steps.push(GraphStep::Square, &[shifted], shape, &name);
                scale(
                    steps,
                    squared,
                    a.clone(),
                    c.with(&rest, shape, |c, rest| c - rest),
                )
            }
            _ => {
                return Err(refused(
                    node,
                    "reads a tensor that does not depend on the input any more",
                ));
            }
        };
        Ok(Self {
            terms: vec![Per::ZERO, Per::ONE],
            reading: self.reading.clone().filter(|_| base == self.base),
            pixels: None,
            base,
            ..self.clone()
        })
    }
}

/// Removes the highest terms that are 0.
fn trimmed(mut terms: Vec<Per>) -> Vec<Per> {
    while terms.len() > 1 && terms.last().is_some_and(|term| term.is(0.0)) {
        terms.pop();
    }
    terms
}
