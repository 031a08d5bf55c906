//! Makes layers of weights: dense ones, with zeros where groups, dilations and uneven paddings leave gaps.

use super::{
    OnnxError,
    affine::{RealAffine, WeightGrid, Window},
    graph::{refused, shown},
    message::NodeMessage,
    per::Per,
    quantize::Codes,
    tensor::{Constant, ElementList, MAX_VALUES},
    value::GraphValue,
    walk::Walk,
};
use crate::network::Shape;

/// Constant weights, quantised or not.
#[derive(Clone, Debug)]
pub(super) struct LayerWeights {
    pub dims: Vec<usize>,
    grid: WeightGrid,
    /// Real value of a 1, broadcast to the weights.
    scale: Option<Constant>,
}

impl LayerWeights {
    /// Takes floating-point weights.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if one is not finite.
    pub fn real(node: &NodeMessage, constant: &Constant) -> Result<Self, OnnxError> {
        if constant.not_finite().is_some() {
            return Err(refused(node, "has a weight that is no finite number"));
        }
        let values = match &constant.values {
            ElementList::Float(values) => values.clone(),
            _ => (0..constant.len()).map(|at| constant.float(at)).collect(),
        };
        if values.iter().any(|value| !value.is_finite()) {
            return Err(refused(node, "has a weight beyond 32-bit floats"));
        }
        Ok(Self {
            dims: constant.dims.clone(),
            grid: WeightGrid::Real(values),
            scale: None,
        })
    }

    pub fn quantized(codes: &Codes) -> Self {
        Self {
            dims: codes.dims.clone(),
            grid: WeightGrid::Whole(codes.values.clone()),
            scale: Some(codes.scale.clone()),
        }
    }

    /// Returns the scales along an axis, if they are the same along all others.
    fn scales(&self, axis: usize) -> Option<Vec<f64>> {
        let scale = self.scale.as_ref()?;
        let at = (axis + scale.dims.len()).checked_sub(self.dims.len());
        let varies = at.is_some_and(|at| scale.len() == scale.dims[at] && scale.len() > 1);
        let length = self.dims[axis];
        if scale.len() == 1 {
            return Some(vec![scale.double(0); length]);
        }
        (varies && scale.len() == length).then(|| (0..length).map(|o| scale.double(o)).collect())
    }

    /// Returns the factors of outputs and of inputs, along these axes.
    fn factors(
        &self,
        node: &NodeMessage,
        outputs: usize,
        inputs: usize,
    ) -> Result<(Per, Per), OnnxError> {
        let per = |values: Vec<f64>| {
            let shape = Shape::vector(values.len());
            Per::new(values, shape)
        };
        match (&self.scale, self.scales(outputs), self.scales(inputs)) {
            (None, ..) => Ok((Per::ONE, Per::ONE)),
            (Some(_), Some(rows), _) => Ok((per(rows), Per::ONE)),
            (Some(_), None, Some(columns)) => Ok((Per::ONE, per(columns))),
            (Some(scale), None, None) => Err(refused(
                node,
                format!(
                    "has weights {:?} with scales {:?}; one scale, or one for each output channel, is supported",
                    self.dims, scale.dims
                ),
            )),
        }
    }

    /// Makes the convolution `[outputs, inputs / groups, rows, columns]`.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if it does not fit its input, or is too large once it is dense.
    pub fn convolution(
        self,
        node: &NodeMessage,
        input: Shape,
        geometry: &Geometry,
        bias: Option<Vec<f64>>,
    ) -> Result<RealAffine, OnnxError> {
        let &[outputs, inputs, down, across] = self.dims.as_slice() else {
            return Err(refused(
                node,
                format!("has weights of shape {:?}", self.dims),
            ));
        };
        let groups = geometry.groups;
        if groups == 0
            || outputs == 0
            || inputs.checked_mul(groups) != Some(input.channels)
            || !outputs.is_multiple_of(groups)
        {
            return Err(refused(
                node,
                format!(
                    "has weights of shape {:?} in {groups} groups for {} channels",
                    self.dims, input.channels
                ),
            ));
        }
        let (rows, mut columns) = self.factors(node, 0, 1)?;
        if groups > 1 && columns.one().is_none() {
            return Err(refused(
                node,
                "has scales for input channels and groups; use scales for output channels",
            ));
        }
        columns = match columns {
            Per::Value(values) => Per::Channel(values),
            other => other,
        };
        let (window, offset) = geometry.window([down, across], node)?;
        let [high, wide] = window.kernel;
        let length = [outputs, input.channels, high, wide]
            .iter()
            .try_fold(1usize, |product, &dim| product.checked_mul(dim))
            .filter(|&length| length <= MAX_VALUES);
        let length = length.ok_or_else(|| {
            refused(
                node,
                format!(
                    "would have {outputs}x{}x{high}x{wide} weights once groups and dilations are filled with zeros; at most \
                     {MAX_VALUES} are supported",
                    input.channels
                ),
            )
        })?;
        let [step_down, step_across] = geometry.dilation;
        let per_group = outputs / groups;
        let places = (0..outputs)
            .flat_map(|o| (0..inputs).map(move |i| (o, i)))
            .flat_map(|(o, i)| {
                let channel = o / per_group.max(1) * inputs + i;
                (0..down).flat_map(move |u| {
                    (0..across).map(move |v| {
                        let (row, column) =
                            (offset[0] + u * step_down, offset[1] + v * step_across);
                        let to = ((o * input.channels + channel) * high + row) * wide + column;
                        (to, ((o * inputs + i) * down + u) * across + v)
                    })
                })
            });
        let grid = self.grid.placed(length, places);
        let [height, width] = window.count(input).ok_or_else(|| {
            refused(
                node,
                format!("has windows of {high}x{wide} that do not fit its input {input}"),
            )
        })?;
        let output = Shape::new(outputs, height, width);
        if output.len() > MAX_VALUES {
            return Err(refused(
                node,
                format!("gives {output} values; at most {MAX_VALUES} are supported"),
            ));
        }
        Ok(RealAffine {
            window: Some(window),
            input,
            output,
            grid,
            rows,
            columns,
            bias: checked_bias(node, bias, outputs)?,
            border: Vec::new(),
            constant: false,
            node: shown(node),
        })
    }

    /// Makes a linear layer from weights `[inputs, outputs]`, or `[outputs, inputs]` if `transposed`, that reads `value`.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if it does not fit its input.
    pub fn linear(
        self,
        node: &NodeMessage,
        value: &GraphValue,
        input: Shape,
        transposed: bool,
    ) -> Result<RealAffine, OnnxError> {
        let (of_inputs, of_outputs) = if transposed { (1, 0) } else { (0, 1) };
        let (&[_, _], true) = (self.dims.as_slice(), value.len() == input.len()) else {
            return Err(refused(
                node,
                format!("has weights of shape {:?}", self.dims),
            ));
        };
        let (inputs, outputs) = (self.dims[of_inputs], self.dims[of_outputs]);
        if inputs != value.len() || outputs == 0 {
            return Err(refused(
                node,
                format!(
                    "has weights for {inputs} inputs, and its input has {} values",
                    value.len()
                ),
            ));
        }
        let (rows, columns) = self.factors(node, of_outputs, of_inputs)?;
        let columns = if columns.one().is_some() {
            columns
        } else {
            let mut placed = vec![0.0; inputs];
            for at in 0..inputs {
                placed[value.place(at)] = columns.at(at, Shape::vector(inputs));
            }
            Per::Value(placed)
        };
        let grid = self.grid.placed(
            self.grid.len(),
            (0..outputs).flat_map(|o| {
                (0..inputs).map(move |i| {
                    let from = if transposed {
                        o * inputs + i
                    } else {
                        i * outputs + o
                    };
                    (o * inputs + value.place(i), from)
                })
            }),
        );
        Ok(RealAffine {
            window: None,
            input,
            output: Shape::vector(outputs),
            grid,
            rows,
            columns,
            bias: vec![0.0; outputs],
            border: Vec::new(),
            constant: false,
            node: shown(node),
        })
    }

    /// Returns the weights of a convolution of signals as those of images with one row.
    pub fn of_image(mut self) -> Self {
        let rank = self.dims.len();
        if let Some(scale) = &self.scale
            && scale.dims.len() == rank
        {
            let mut dims = scale.dims.clone();
            dims.insert(rank - 1, 1);
            self.scale = Some(scale.reshaped(dims));
        }
        self.dims.insert(rank - 1, 1);
        self
    }

    /// Returns the weights of a 3-d linear layer as those of a convolution with windows of one value.
    pub fn pointwise(&self) -> Self {
        let [inputs, outputs] = [self.dims[0], self.dims[1]];
        let axes = |dims: &[usize]| {
            [&dims.iter().rev().copied().collect::<Vec<_>>()[..], &[1, 1]].concat()
        };
        let places = Walk::transposed(&[inputs, outputs], &[1, 0]).enumerate();
        Self {
            dims: vec![outputs, inputs, 1, 1],
            grid: self.grid.placed(self.grid.len(), places),
            scale: self.scale.as_ref().map(|scale| {
                let mut dims = vec![1; 2usize.saturating_sub(scale.dims.len())];
                dims.extend(&scale.dims);
                scale.reshaped(axes(&dims))
            }),
        }
    }
}

/// Checks that there is one finite bias for each output channel; zeros without any.
pub(super) fn checked_bias(
    node: &NodeMessage,
    bias: Option<Vec<f64>>,
    outputs: usize,
) -> Result<Vec<f64>, OnnxError> {
    let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
    if bias.len() != outputs {
        return Err(refused(
            node,
            format!("has {} biases for {outputs} outputs", bias.len()),
        ));
    }
    if bias.iter().any(|value| !value.is_finite()) {
        return Err(refused(node, "has a bias that is no finite number"));
    }
    Ok(bias)
}

/// The windows of a convolution or pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub groups: usize,
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Zeros above, left, below, right.
    pub pads: [usize; 4],
}

impl Geometry {
    /// Returns a window with as many zeros on both sides that sees the same values, for a kernel of this size, and where
    /// in it the kernel lies.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if a window could lie in the padding alone.
    pub fn window(
        &self,
        kernel: [usize; 2],
        node: &NodeMessage,
    ) -> Result<(Window, [usize; 2]), OnnxError> {
        let mut window = Window {
            kernel,
            stride: self.stride,
            padding: [0, 0],
        };
        let mut offset = [0, 0];
        for axis in 0..2 {
            let (before, after) = (self.pads[axis], self.pads[axis + 2]);
            let padding = before.max(after);
            let spread = self.dilation[axis].checked_mul(kernel[axis].saturating_sub(1));
            let size = spread
                .and_then(|spread| spread.checked_add(1))
                .and_then(|size| size.checked_add(2 * padding - before - after))
                .filter(|&size| size <= MAX_VALUES);
            let (Some(size), true) = (
                size,
                kernel[axis] > 0 && self.stride[axis] > 0 && self.dilation[axis] > 0,
            ) else {
                return Err(refused(
                    node,
                    format!("has impossible windows: {kernel:?}, {self:?}"),
                ));
            };
            if padding >= size {
                return Err(refused(
                    node,
                    format!(
                        "has windows that lie in the padding alone (padding {padding}, window {size}); pad less than the window \
                         is long"
                    ),
                ));
            }
            window.kernel[axis] = size;
            window.padding[axis] = padding;
            offset[axis] = padding - before;
        }
        Ok((window, offset))
    }
}
