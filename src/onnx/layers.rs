//! Layers: convolutions, linear layers, padding and pools.

use super::{
    OnnxError,
    affine::RealAffine,
    attributes::Attributes,
    chain,
    graph::{refused, shown},
    message::NodeMessage,
    per::Per,
    recognise::{ImageAxis, MAX_SPREAD, Meaning, PADDED, Recognition, Recognizer, axes_of},
    tensor::{Constant, MAX_VALUES},
    value::GraphValue,
    weights::{Geometry, LayerWeights, checked_bias},
};
use crate::network::Shape;

/// The attributes of windows, `[down, across]`.
struct WindowAttributes {
    kernel: [usize; 2],
    geometry: Geometry,
}

impl WindowAttributes {
    /// Returns about how many weights a convolution has once its groups and dilations are filled with zeros.
    fn dense_weights(&self, dims: &[usize], input: Shape) -> usize {
        let axes = self.kernel.iter().zip(self.geometry.dilation);
        let window = axes.fold(1usize, |area, (k, d)| {
            area.saturating_mul(k.saturating_mul(d))
        });
        window
            .saturating_mul(dims[0])
            .saturating_mul(input.channels)
    }
}

/// Makes a pair of a list for one or two axes; a signal has one row.
fn pair(
    node: &NodeMessage,
    list: &[i64],
    rank: usize,
    name: &str,
    one: usize,
) -> Result<[usize; 2], OnnxError> {
    let wrong = || refused(node, format!("has the impossible `{name}` {list:?}"));
    let number = |value: i64| {
        usize::try_from(value)
            .ok()
            .filter(|&v| v <= MAX_VALUES)
            .ok_or_else(wrong)
    };
    match *list {
        [across] if rank == 1 => Ok([one, number(across)?]),
        [down, across] if rank == 2 => Ok([number(down)?, number(across)?]),
        _ => Err(wrong()),
    }
}

/// Reads the windows of a convolution or pool over an image, given the kernel if weights state it.
fn windows(
    node: &NodeMessage,
    attributes: &Attributes<'_>,
    input: Shape,
    rank: usize,
    kernel: Option<[usize; 2]>,
    padded: [usize; 4],
) -> Result<WindowAttributes, OnnxError> {
    let list = |name: &'static str, default: i64| {
        let given = attributes.integers(name);
        given.map_or_else(|| vec![default; rank], <[i64]>::to_vec)
    };
    let kernel = match (attributes.integers("kernel_shape"), kernel) {
        (Some(stated), Some(kernel)) => {
            if pair(node, stated, rank, "kernel_shape", 1)? != kernel {
                return Err(refused(
                    node,
                    format!("has the kernel {stated:?} and weights for {kernel:?}"),
                ));
            }
            kernel
        }
        (Some(stated), None) => pair(node, stated, rank, "kernel_shape", 1)?,
        (None, Some(kernel)) => kernel,
        (None, None) => return Err(refused(node, "has no `kernel_shape`")),
    };
    let stride = pair(node, &list("strides", 1), rank, "strides", 1)?;
    let dilation = pair(node, &list("dilations", 1), rank, "dilations", 1)?;
    if kernel.contains(&0) || stride.contains(&0) || dilation.contains(&0) {
        return Err(refused(node, "has a kernel, stride or dilation of 0"));
    }
    let stated = attributes.integers("pads").unwrap_or_default();
    let own: [usize; 4] = match attributes.text("auto_pad").unwrap_or("NOTSET") {
        "NOTSET" => {
            let pads = if stated.is_empty() {
                vec![0; 2 * rank]
            } else {
                stated.to_vec()
            };
            let (before, after) = pads.split_at(pads.len() / 2);
            let before = pair(node, before, rank, "pads", 0)?;
            let after = pair(node, after, rank, "pads", 0)?;
            [before[0], before[1], after[0], after[1]]
        }
        "VALID" => [0; 4],
        mode @ ("SAME_UPPER" | "SAME_LOWER") => {
            let mut own = [0; 4];
            let sizes = [
                input.height + padded[0] + padded[2],
                input.width + padded[1] + padded[3],
            ];
            for axis in 0..2 {
                let size = sizes[axis];
                let spread = (kernel[axis] - 1)
                    .saturating_mul(dilation[axis])
                    .saturating_add(1);
                let reach = (size.div_ceil(stride[axis]).max(1) - 1) * stride[axis];
                let total = reach.saturating_add(spread).saturating_sub(size);
                let (less, more) = (total / 2, total - total / 2);
                (own[axis], own[axis + 2]) = if mode == "SAME_UPPER" {
                    (less, more)
                } else {
                    (more, less)
                };
            }
            own
        }
        other => {
            return Err(refused(
                node,
                format!("pads by the unknown mode `{}`", super::error::short(other)),
            ));
        }
    };
    let mut pads = [0; 4];
    for side in 0..4 {
        pads[side] = own[side] + padded[side];
        if pads[side] > MAX_VALUES {
            return Err(refused(node, "has padding beyond all images"));
        }
    }
    Ok(WindowAttributes {
        kernel,
        geometry: Geometry {
            groups: 1,
            stride,
            dilation,
            pads,
        },
    })
}

/// Returns the dimensions of an image or signal of this shape.
fn dims_of(value: &GraphValue, shape: Shape) -> Vec<usize> {
    match value.dims.len() {
        3 => vec![value.dims[0], shape.channels, shape.width],
        _ => vec![value.dims[0], shape.channels, shape.height, shape.width],
    }
}

impl Recognizer<'_> {
    /// Finds the constant weights of a layer.
    fn weights(&mut self, node: &NodeMessage, index: usize) -> Result<LayerWeights, OnnxError> {
        match self.input(node, index)? {
            Meaning::Codes(codes) => {
                self.note_weights(node, true);
                Ok(LayerWeights::quantized(&codes))
            }
            Meaning::Constant(constant) => {
                self.note_weights(node, false);
                LayerWeights::real(node, &constant)
            }
            Meaning::Value(_) | Meaning::Pixels(..) => Err(refused(
                node,
                "multiplies two encrypted tensors (attention); weights must be constants",
            )),
        }
    }

    fn biases(&self, node: &NodeMessage, index: usize) -> Result<Option<Vec<f64>>, OnnxError> {
        let bias = self.constant(node, index)?;
        Ok(bias.map(|bias| (0..bias.len()).map(|at| bias.double(at)).collect()))
    }

    /// Reads an image for a layer: the value as a step, its shape, and the zeros around it.
    fn read_image(&mut self, node: &NodeMessage) -> Recognition<(GraphValue, Shape, [usize; 4])> {
        let value = self.value(node, 0)?;
        let shape = self.image(node, &value)?;
        let value = self.fixed(node, &value)?;
        let pads = value.pads.unwrap_or_default();
        Ok((value, shape, pads))
    }

    fn push_affine(
        &mut self,
        value: &GraphValue,
        affine: RealAffine,
        dims: Vec<usize>,
    ) -> GraphValue {
        let (shape, name) = (affine.output, affine.node.clone());
        let base = self.steps.push(
            chain::GraphStep::Affine(Box::new(affine)),
            &[value.base],
            shape,
            &name,
        );
        GraphValue::of(base, dims)
    }

    pub(super) fn conv(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let (value, shape, padded) = self.read_image(node)?;
        let mut weights = self.weights(node, 1)?;
        let rank = value.dims.len() - 2;
        if weights.dims.len() != rank + 2 {
            return Err(refused(
                node,
                format!(
                    "has weights of shape {:?} for an input of shape {:?}",
                    weights.dims, value.dims
                ),
            )
            .into());
        }
        if rank == 1 {
            weights = weights.of_image();
        }
        let kernel = [weights.dims[2], weights.dims[3]];
        let mut windows = windows(node, attributes, shape, rank, Some(kernel), padded)?;
        windows.geometry.groups = usize::try_from(attributes.integer_or("group", 1)).unwrap_or(0);
        let bias = self.biases(node, 2)?;
        self.folder
            .spend(windows.dense_weights(&weights.dims, shape))?;
        let affine = weights.convolution(node, shape, &windows.geometry, bias)?;
        let dims = dims_of(&value, affine.output);
        Ok(Meaning::Value(self.push_affine(&value, affine, dims)))
    }

    pub(super) fn gemm(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let value = self.value(node, 0)?;
        let number = |name| f64::from(attributes.float(name).unwrap_or(1.0));
        let (alpha, beta) = (number("alpha"), number("beta"));
        if attributes.integer_or("transA", 0) != 0 {
            return Err(refused(node, "transposes its input, and with it the batch").into());
        }
        let transposed = attributes.integer_or("transB", 0) != 0;
        let weights = self.weights(node, 1)?;
        let bias = self.biases(node, 2)?;
        let mut made = self.linear(node, &value, weights, transposed)?;
        let outputs = made.outputs();
        if !alpha.is_finite() || !beta.is_finite() {
            return Err(refused(node, "has a factor that is no finite number").into());
        }
        made.follow(&vec![alpha; outputs], &vec![0.0; outputs]);
        if let Some(bias) = bias {
            let bias = if bias.len() == 1 {
                vec![bias[0]; outputs]
            } else {
                bias
            };
            made.bias = checked_bias(node, Some(bias.iter().map(|b| b * beta).collect()), outputs)?;
        }
        let value = self.fixed(node, &value)?;
        Ok(Meaning::Value(self.push_affine(
            &value,
            made,
            vec![value.dims[0], outputs],
        )))
    }

    fn linear(
        &mut self,
        node: &NodeMessage,
        value: &GraphValue,
        weights: LayerWeights,
        transposed: bool,
    ) -> Result<RealAffine, OnnxError> {
        if value.pads.is_some() {
            return Err(refused(node, PADDED));
        }
        if value.dims.len() != 2 {
            return Err(refused(
                node,
                format!(
                    "reads a tensor of shape {:?}; flatten it to [batch, features] first",
                    value.dims
                ),
            ));
        }
        if weights.dims.len() != 2 {
            return Err(refused(
                node,
                format!("has weights of shape {:?}", weights.dims),
            ));
        }
        let shape = self.steps.shape(value.base);
        weights.linear(node, value, shape, transposed)
    }

    pub(super) fn matmul(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        let value = self.value(node, 0).map_err(|error| match self.optional(node, 1) {
            Ok(Some(Meaning::Value(_))) => refused(
                node,
                "multiplies weights by the image from the left; write it as image times weights",
            ),
            _ => error,
        })?;
        let weights = self.weights(node, 1)?;
        if weights.dims.len() != 2 {
            return Err(refused(
                node,
                format!(
                    "has weights of shape {:?}; a matrix is expected",
                    weights.dims
                ),
            )
            .into());
        }
        let outputs = weights.dims[1];
        let middle: usize = value.dims[1..value.dims.len().max(2) - 1].iter().product();
        let mut dims = value.dims.clone();
        if dims.len() < 2 {
            return Err(refused(node, "reads a tensor without a batch dimension").into());
        }
        if let Some(last) = dims.last_mut() {
            *last = outputs;
        }
        if middle == 1 || value.dims.len() == 2 {
            // One row of features in each image.
            let flat = GraphValue {
                dims: vec![value.dims[0], value.len()],
                ..value.clone()
            };
            let made = self.linear(node, &flat, weights, false)?;
            let value = self.fixed(node, &value)?;
            return Ok(Meaning::Value(self.push_affine(&value, made, dims)));
        }
        // The same matrix for each row: a convolution with windows of one value, if features are channels.
        let shape = self.steps.shape(value.base);
        let axes = axes_of(&value, shape);
        let along_channels = axes.is_some_and(|axes| axes.last() == Some(&ImageAxis::Channel));
        if !along_channels || weights.dims[0] != shape.channels || value.pads.is_some() {
            return Err(refused(
                node,
                format!(
                    "multiplies a tensor of shape {:?} along an axis that is not its channels; flatten it first, or use a \
                     convolution with a 1x1 kernel",
                    value.dims
                ),
            )
            .into());
        }
        let geometry = Geometry {
            groups: 1,
            stride: [1, 1],
            dilation: [1, 1],
            pads: [0; 4],
        };
        let affine = weights
            .pointwise()
            .convolution(node, shape, &geometry, None)?;
        let fixed = self.fixed(node, &value)?;
        let plane = shape.height * shape.width;
        let mut made = self.push_affine(&fixed, affine, dims);
        // Channels still are the last axis.
        self.folder.spend(made.len())?;
        let order = (0..made.len()).map(|at| {
            let (row, channel) = (at / outputs, at % outputs);
            let position = value.place(row * shape.channels) % plane;
            (channel * plane + position) as u32
        });
        made.set_order(order.collect());
        Ok(Meaning::Value(made))
    }

    pub(super) fn pad(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let value = self.value(node, 0)?;
        let shape = self.image(node, &value)?;
        let mode = attributes.text("mode").unwrap_or("constant");
        let constant = match self.constant(node, 2)? {
            Some(constant) => constant.single(),
            None => Some(f64::from(attributes.float("value").unwrap_or(0.0))),
        };
        if mode != "constant" || constant != Some(0.0) {
            return Err(refused(
                node,
                format!(
                    "pads with something other than zeros (mode `{}`); use zeros",
                    super::error::short(mode)
                ),
            )
            .into());
        }
        let list = match self.constant(node, 1)? {
            Some(list) => list.all_integers(),
            None => attributes.integers("pads").unwrap_or_default().to_vec(),
        };
        let rank = value.dims.len();
        let axes: Vec<i64> = match self.constant(node, 3)? {
            Some(axes) => axes.all_integers(),
            None => (0..rank.cast_signed() as i64).collect(),
        };
        if list.len() != 2 * axes.len() {
            return Err(refused(
                node,
                format!("has {} paddings for {} axes", list.len(), axes.len()),
            )
            .into());
        }
        let mut pads = value.pads.unwrap_or_default();
        for (at, &axis) in axes.iter().enumerate() {
            let axis = super::fold::axis_of(node, axis, rank)?;
            let (before, after) = (list[at], list[at + axes.len()]);
            if (before, after) == (0, 0) {
                continue;
            }
            let side = match rank - axis {
                1 => 1,
                2 if rank == 4 => 0,
                _ => {
                    return Err(refused(
                        node,
                        "pads the batch or the channels; pad rows and columns only",
                    )
                    .into());
                }
            };
            for (side, pad) in [(side, before), (side + 2, after)] {
                let pad = usize::try_from(pad).ok().filter(|&pad| pad <= shape.len());
                let pad = pad.ok_or_else(|| {
                    refused(node, "cuts the image (a negative padding), or pads it beyond its size; use a stride or kernel instead")
                })?;
                pads[side] += pad;
            }
        }
        let mut padded = self.fixed(node, &value)?;
        padded.pads = (pads != [0; 4]).then_some(pads);
        Ok(Meaning::Value(padded))
    }

    pub(super) fn average_pool(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let (value, shape, padded) = self.read_image(node)?;
        let rank = value.dims.len() - 2;
        let windows = windows(node, attributes, shape, rank, None, padded)?;
        let includes = attributes.integer_or("count_include_pad", 0) != 0;
        let ceil = attributes.integer_or("ceil_mode", 0) != 0;
        let WindowAttributes { kernel, geometry } = windows;
        if geometry.dilation != [1, 1] {
            return Err(refused(node, "has a dilation; use none").into());
        }
        if ceil {
            let sizes = [shape.height, shape.width];
            for axis in 0..2 {
                let padded = sizes[axis] + geometry.pads[axis] + geometry.pads[axis + 2];
                let rest = padded
                    .checked_sub(kernel[axis])
                    .map(|room| room % geometry.stride[axis]);
                if rest != Some(0) {
                    return Err(refused(
                        node,
                        "has windows that reach beyond the image (`ceil_mode`); pad the image, or use sizes that fit",
                    )
                    .into());
                }
            }
        }
        let area = (kernel[0] * kernel[1]) as f64;
        if geometry.pads == [0; 4] {
            let pooled = self.sum_pool(node, &value, shape, kernel, geometry.stride)?;
            return Ok(Meaning::Value(pooled.scaled(
                &Per::One(1.0 / area),
                &Per::ZERO,
                &self.steps,
            )));
        }
        // Own padding is counted or not; that of a Pad node is part of the image.
        let dense = kernel[0]
            .saturating_mul(kernel[1])
            .saturating_mul(shape.channels);
        self.folder.spend(dense.saturating_mul(shape.channels))?;
        let affine = ones(node, shape, kernel, &geometry)?;
        let output = affine.output;
        let factor = if includes {
            Per::One(1.0 / area)
        } else if output.len() > MAX_SPREAD {
            return Err(refused(
                node,
                "leaves out its padding for too many values; count it (`count_include_pad`), or use no padding",
            )
            .into());
        } else {
            let counted = |axis: usize, at: usize| {
                let size = [shape.height, shape.width][axis] + padded[axis] + padded[axis + 2];
                let own = geometry.pads[axis] - padded[axis];
                let start = (at * geometry.stride[axis]).cast_signed() - own.cast_signed();
                let end = start + kernel[axis].cast_signed();
                (end.min(size.cast_signed()) - start.max(0)).max(0) as f64
            };
            let mut factors = Vec::with_capacity(output.len());
            for _ in 0..output.channels {
                for row in 0..output.height {
                    factors.extend(
                        (0..output.width)
                            .map(|column| 1.0 / (counted(0, row) * counted(1, column))),
                    );
                }
            }
            if factors.iter().any(|factor| !factor.is_finite()) {
                return Err(refused(node, "has windows that see padding only").into());
            }
            Per::new(factors, output)
        };
        let dims = dims_of(&value, output);
        let pooled = self.push_affine(&value, affine, dims);
        Ok(Meaning::Value(pooled.scaled(
            &factor,
            &Per::ZERO,
            &self.steps,
        )))
    }

    /// Adds the sums of windows that lie in the image.
    fn sum_pool(
        &mut self,
        node: &NodeMessage,
        value: &GraphValue,
        shape: Shape,
        kernel: [usize; 2],
        stride: [usize; 2],
    ) -> Result<GraphValue, OnnxError> {
        let window = super::affine::Window {
            kernel,
            stride,
            padding: [0, 0],
        };
        let [height, width] = window.count(shape).ok_or_else(|| {
            refused(
                node,
                format!("has windows of {kernel:?} that do not fit its input {shape}"),
            )
        })?;
        let output = Shape::new(shape.channels, height, width);
        if output.len() > MAX_VALUES {
            return Err(refused(
                node,
                format!("gives {output} values; at most {MAX_VALUES} are supported"),
            ));
        }
        let step = chain::GraphStep::Pool { kernel, stride };
        let base = self.steps.push(step, &[value.base], output, &shown(node));
        Ok(GraphValue::of(base, dims_of(value, output)))
    }

    pub(super) fn global_average_pool(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        let (value, shape, padded) = self.read_image(node)?;
        if padded != [0; 4] {
            return Err(refused(node, PADDED).into());
        }
        let kernel = [shape.height, shape.width];
        let pooled = self.sum_pool(node, &value, shape, kernel, [1, 1])?;
        let area = (kernel[0] * kernel[1]) as f64;
        Ok(Meaning::Value(pooled.scaled(
            &Per::One(1.0 / area),
            &Per::ZERO,
            &self.steps,
        )))
    }

    pub(super) fn reduce(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let value = self.value(node, 0)?;
        let keep = attributes.integer_or("keepdims", 1) != 0;
        let none_is_all = attributes.integer_or("noop_with_empty_axes", 0) == 0;
        let stated = match self.constant(node, 1)? {
            Some(axes) => axes.all_integers(),
            None => attributes.integers("axes").unwrap_or_default().to_vec(),
        };
        if stated.is_empty() && !none_is_all {
            return Ok(Meaning::Value(value));
        }
        let rank = value.dims.len();
        let mut reduced = vec![false; rank];
        for axis in stated {
            reduced[super::fold::axis_of(node, axis, rank)?] = true;
        }
        let whole = || {
            refused(
                node,
                "reduces the batch or the channels; reduce rows and columns only",
            )
        };
        if reduced.first() != Some(&false) || !reduced.contains(&true) || value.pads.is_some() {
            return Err(whole().into());
        }
        let shape = match self.image(node, &value) {
            Ok(shape) => shape,
            // The input in another order is read again; other tensors keep theirs.
            Err(stop) if value.base == 0 => return Err(stop),
            Err(_) => self.steps.shape(value.base),
        };
        let axes = axes_of(&value, shape).ok_or_else(whole)?;
        let mut kernel = [1, 1];
        for (axis, is_reduced) in axes.iter().zip(&reduced[1..]) {
            match (axis, is_reduced) {
                (ImageAxis::Row, true) => kernel[0] = shape.height,
                (ImageAxis::Column, true) => kernel[1] = shape.width,
                (ImageAxis::Channel, true) => return Err(whole().into()),
                _ => {}
            }
        }
        self.folder.spend(value.len())?;
        let fixed = self.fixed(node, &value)?;
        let mut made = self.sum_pool(node, &fixed, shape, kernel, [1, 1])?;
        let output = self.steps.shape(made.base);
        // The axes that are left keep their order.
        let mut dims = vec![value.dims[0]];
        let mut order = vec![0usize];
        for (axis, &is_reduced) in (1..rank).zip(&reduced[1..]) {
            let (size, stride) = if is_reduced {
                (1, 0)
            } else {
                match axes[axis - 1] {
                    ImageAxis::Channel => (output.channels, output.height * output.width),
                    ImageAxis::Row => (output.height, output.width),
                    ImageAxis::Column => (output.width, 1),
                    ImageAxis::Single => (1, 0),
                }
            };
            order = order
                .iter()
                .flat_map(|&at| (0..size).map(move |step| at + step * stride))
                .collect();
            if keep || !is_reduced {
                dims.push(size);
            }
        }
        made.dims = dims;
        if order.len() != output.len() {
            return Err(whole().into());
        }
        made.set_order(order.iter().map(|&at| at as u32).collect());
        let area = (kernel[0] * kernel[1]) as f64;
        let factor = if node.op_type == "ReduceMean" {
            1.0 / area
        } else {
            1.0
        };
        Ok(Meaning::Value(made.scaled(
            &Per::One(factor),
            &Per::ZERO,
            &self.steps,
        )))
    }
}

/// Makes the convolution that sums up windows of each channel by itself, padded.
pub(super) fn ones(
    node: &NodeMessage,
    shape: Shape,
    kernel: [usize; 2],
    geometry: &Geometry,
) -> Result<RealAffine, OnnxError> {
    let channels = shape.channels;
    let each = kernel[0].saturating_mul(kernel[1]);
    if each.saturating_mul(channels).saturating_mul(channels) > MAX_VALUES {
        return Err(refused(
            node,
            "has more weights, as a convolution, than are supported",
        ));
    }
    let codes = super::quantize::Codes {
        dims: vec![channels, 1, kernel[0], kernel[1]],
        values: vec![1; channels * each],
        scale: Constant::floats(vec![], vec![1.0]),
    };
    let geometry = Geometry {
        groups: channels,
        ..*geometry
    };
    let mut made = LayerWeights::quantized(&codes).convolution(node, shape, &geometry, None)?;
    made.node = shown(node);
    Ok(made)
}
