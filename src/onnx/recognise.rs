//! Recognises what the nodes of a graph compute and writes it down as [`GraphSteps`].

use std::{collections::HashMap, rc::Rc};

use super::{
    OnnxError, PixelRange,
    advice::advice,
    attributes::Attributes,
    chain::GraphSteps,
    fold::{ConstantFolder, permutation, reshaped, shape_range},
    graph::{Graph, refused, shown},
    message::NodeMessage,
    per::Per,
    pixels::{PixelCodes, Pixels},
    quantize::Codes,
    tensor::{Constant, ElementKind},
    value::GraphValue,
    walk::{Walk, row_major},
};
use crate::network::Shape;

/// Number of nodes behind the input by which its range is guessed.
const MAX_LOOK_AHEAD: usize = 16;
/// Largest number of values of a tensor that has a constant for each.
pub(super) const MAX_SPREAD: usize = 1 << 18;

/// The meaning of a name.
#[derive(Clone)]
pub(super) enum Meaning {
    Constant(Rc<Constant>),
    /// Quantised weights.
    Codes(Rc<Codes>),
    /// Encrypted values.
    Value(GraphValue),
    /// The input as integers, between `QuantizeLinear` and `DequantizeLinear`.
    Pixels(GraphValue, PixelCodes),
}

/// Maps the values of the graph's input to those of the network's.
#[derive(Clone, Debug)]
pub(super) struct InputLayout {
    pub shape: Shape,
    /// The place in the network's input of each value of the graph's; `None` if the order is the same.
    pub order: Option<Rc<Vec<u32>>>,
}

/// The computation of all nodes.
pub(super) struct Recognized {
    pub steps: GraphSteps,
    /// The logits.
    pub result: GraphValue,
    pub thresholds: Rc<Vec<u8>>,
    /// True if the weights of layers are quantised, false if they are floats.
    pub quantized: bool,
    /// True if pixels are read as 0 to 255, false if they are divided by 255 first.
    pub raw: bool,
}

/// The reason why recognising ended.
pub(super) enum Unrecognized {
    Error(OnnxError),
    /// The first layer reads the input in another layout.
    Layout(InputLayout),
}

impl From<OnnxError> for Unrecognized {
    fn from(error: OnnxError) -> Self {
        Self::Error(error)
    }
}

impl Unrecognized {
    /// Names the node at which it ended, if the error does not.
    fn at(self, node: &NodeMessage) -> Self {
        match self {
            Self::Error(error @ OnnxError::TooLarge { .. }) => {
                refused(node, error.to_string()).into()
            }
            other => other,
        }
    }
}

pub(super) type Recognition<T> = Result<T, Unrecognized>;

/// Reads the nodes, one after the other.
pub(super) struct Recognizer<'a> {
    pub folder: &'a ConstantFolder<'a>,
    pub steps: GraphSteps,
    /// First dimension of the input.
    batch: usize,
    entries: HashMap<String, Meaning>,
    thresholds: Option<Rc<Vec<u8>>>,
    /// A layer with quantised weights, and one with floats.
    quantized: Option<String>,
    real: Option<String>,
}

/// Recognises a graph whose input has this layout.
///
/// # Errors
/// [`Unrecognized`].
pub(super) fn recognise(
    graph: &Graph,
    folder: &ConstantFolder<'_>,
    layout: &InputLayout,
    dims: &[usize],
    range: PixelRange,
) -> Recognition<Recognized> {
    let raw = match range {
        PixelRange::Raw => true,
        PixelRange::Unit => false,
        PixelRange::Guess => reads_raw(graph, folder),
    };
    let mut input = GraphValue::of(0, dims.to_vec());
    if let Some(order) = &layout.order {
        input.set_order(order.to_vec());
    }
    input.terms = vec![Per::ZERO, Per::One(if raw { 1.0 } else { 1.0 / 255.0 })];
    input.reading = Some(Rc::new((1..=255).collect()));
    input.pixels = Some(Pixels::new(!raw));
    if let Some((low, high)) = graph.input.kind.range() {
        if low > 0 || high < 255 {
            return Err(OnnxError::tensor(
                &graph.input.name,
                "is the input, and is of a type that does not hold pixels from 0 to 255; export the model with an input of \
                 uint8 or of floats",
            )
            .into());
        }
        input.is_integer = true;
    }
    let mut recognizer = Recognizer {
        folder,
        steps: GraphSteps::new(layout.shape),
        batch: dims.first().copied().unwrap_or(1),
        entries: HashMap::from([(graph.input.name.clone(), Meaning::Value(input))]),
        thresholds: None,
        quantized: None,
        real: None,
    };
    for (name, constant) in &graph.constants {
        recognizer
            .entries
            .insert(name.clone(), Meaning::Constant(constant.clone()));
    }
    for node in &graph.nodes {
        let made = recognizer.node(node).map_err(|error| error.at(node))?;
        if let Some(name) = node.output.first() {
            recognizer.entries.insert(name.clone(), made);
        }
    }
    let result = match recognizer.entries.get(&graph.output) {
        Some(Meaning::Value(value)) => value.clone(),
        Some(Meaning::Pixels(..)) => {
            return Err(OnnxError::model("the output is only the quantised input").into());
        }
        _ => {
            return Err(
                OnnxError::model("the output is a constant: no node reads the input").into(),
            );
        }
    };
    let last = graph.nodes.last().cloned().unwrap_or_default();
    if result.pads.is_some() {
        return Err(refused(&last, PADDED).into());
    }
    let result = recognizer.fixed(&last, &result)?;
    if let (Some(quantized), Some(real)) = (&recognizer.quantized, &recognizer.real) {
        return Err(OnnxError::model(format!(
            "the weights of `{quantized}` are quantised and those of `{real}` are not; quantise the weights of all layers, or of \
             none and use `sealquant ptq`"
        ))
        .into());
    }
    Ok(Recognized {
        quantized: recognizer.quantized.is_some(),
        thresholds: recognizer.thresholds.unwrap_or_default(),
        steps: recognizer.steps,
        result,
        raw,
    })
}

/// Returns the first number of a constant, which may be the result of a `Constant` node.
fn first_number(graph: &Graph, folder: &ConstantFolder<'_>, name: &str) -> Option<f64> {
    let made = |node: &NodeMessage| {
        let is_it = node.op_type == "Constant" && node.output.iter().any(|output| output == name);
        is_it
            .then(|| folder.fold(node, &[]).ok().flatten())
            .flatten()
    };
    let known = graph.constants.get(name).cloned();
    let constant = known.or_else(|| graph.nodes.iter().find_map(made))?;
    (constant.len() > 0).then(|| constant.double(0))
}

/// Guesses whether the graph reads pixels from 0 to 255: it has an integer input, or scales its input down first.
fn reads_raw(graph: &Graph, folder: &ConstantFolder<'_>) -> bool {
    if graph.input.kind != ElementKind::Float && graph.input.kind != ElementKind::Double {
        return true;
    }
    let mut name = graph.input.name.as_str();
    for _ in 0..MAX_LOOK_AHEAD {
        let mut readers = graph.nodes.iter().filter(|node| {
            let of_shape = matches!(node.op_type.as_str(), "Shape" | "Size");
            !of_shape && node.input.iter().any(|input| input == name)
        });
        let (Some(node), None) = (readers.next(), readers.next()) else {
            return false;
        };
        let constant = node
            .input
            .iter()
            .find_map(|input| first_number(graph, folder, input));
        match (node.op_type.as_str(), constant) {
            ("Div", Some(by)) => return by > 32.0,
            ("Mul", Some(by)) => return by < 1.0 / 32.0,
            ("Sub", Some(by)) => return by > 4.0,
            ("Identity" | "Cast" | "Transpose" | "Reshape" | "Squeeze" | "Unsqueeze", _) => {}
            _ => return false,
        }
        match node.output.first() {
            Some(output) => name = output,
            None => return false,
        }
    }
    false
}

impl Recognizer<'_> {
    /// Finds an input of a node.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if it is missing.
    pub fn input(&self, node: &NodeMessage, index: usize) -> Result<Meaning, OnnxError> {
        self.optional(node, index)?
            .ok_or_else(|| refused(node, format!("its input {index} is missing")))
    }

    /// Finds an input of a node that may be missing.
    pub fn optional(&self, node: &NodeMessage, index: usize) -> Result<Option<Meaning>, OnnxError> {
        let Some(name) = node.input.get(index).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match self.entries.get(name) {
            Some(entry) => Ok(Some(entry.clone())),
            None => Err(refused(
                node,
                format!(
                    "reads `{}`, an output that is not computed here (such as a mask, an index or a statistic)",
                    super::error::short(name)
                ),
            )),
        }
    }

    /// Finds an input that is encrypted, the same for one behind softmax.
    pub fn value(&self, node: &NodeMessage, index: usize) -> Result<GraphValue, OnnxError> {
        match self.input(node, index)? {
            Meaning::Value(value) => match &value.dropped {
                Some(operator) => Err(refused(
                    node,
                    format!(
                        "reads the result of {operator}, which {}",
                        advice("Softmax")
                    ),
                )),
                None if value.dims.first() != Some(&self.batch) => Err(refused(
                    node,
                    format!(
                        "reads a tensor of shape {:?}, which has lost the batch dimension; keep it first",
                        value.dims
                    ),
                )),
                None => Ok(value),
            },
            Meaning::Pixels(..) => Err(refused(
                node,
                "reads the quantised input without DequantizeLinear; export the model with it",
            )),
            Meaning::Constant(_) | Meaning::Codes(_) => Err(refused(
                node,
                "reads a constant where the image is expected",
            )),
        }
    }

    /// Finds an input that is constant, as real numbers.
    pub fn constant(
        &self,
        node: &NodeMessage,
        index: usize,
    ) -> Result<Option<Rc<Constant>>, OnnxError> {
        match self.optional(node, index)? {
            None => Ok(None),
            Some(Meaning::Constant(constant)) => Ok(Some(constant)),
            Some(Meaning::Codes(codes)) => {
                self.folder.spend(codes.values.len())?;
                let real = codes
                    .real()
                    .ok_or_else(|| refused(node, "has scales that do not fit"))?;
                Ok(Some(Rc::new(real)))
            }
            Some(Meaning::Value(_) | Meaning::Pixels(..)) => Err(refused(
                node,
                format!("its input {index} depends on the image; a constant is expected there"),
            )),
        }
    }

    /// Makes the tensor the result of a step, and remembers the thresholds that it reads.
    ///
    /// # Errors
    /// [`OnnxError::Node`].
    pub fn fixed(
        &mut self,
        node: &NodeMessage,
        value: &GraphValue,
    ) -> Result<GraphValue, OnnxError> {
        if let Some(reading) = &value.reading {
            let chosen = self.thresholds.get_or_insert_with(|| reading.clone());
            if chosen != reading {
                return Err(refused(
                    node,
                    "reads the input as other integers than another node does; quantise the input once, before all layers",
                ));
            }
        }
        let mut settled = value.settled(&mut self.steps, node)?;
        settled.reading = None;
        // Other nodes find the tensor as it is now.
        for name in node.input.iter().take(2) {
            if let Some(Meaning::Value(other)) = self.entries.get_mut(name)
                && other.is_alike(value)
                && other.terms == value.terms
            {
                let dropped = other.dropped.take();
                *other = settled.clone();
                other.dropped = dropped;
            }
        }
        Ok(settled)
    }

    /// Says which kind of weights a layer has.
    pub fn note_weights(&mut self, node: &NodeMessage, quantized: bool) {
        let place = if quantized {
            &mut self.quantized
        } else {
            &mut self.real
        };
        place.get_or_insert_with(|| shown(node));
    }

    /// Returns the value's base in the shape `[channels, rows, columns]` of the tensor's dimensions, for a layer that
    /// reads an image.
    ///
    /// # Errors
    /// [`Unrecognized::Layout`] if only the input must be read in another layout, [`OnnxError::Node`] for others.
    pub fn image(&self, node: &NodeMessage, value: &GraphValue) -> Recognition<Shape> {
        let shape = match *value.dims.as_slice() {
            [_, channels, length] => Shape::new(channels, 1, length),
            [_, channels, height, width] => Shape::new(channels, height, width),
            _ => {
                return Err(refused(
                    node,
                    format!(
                        "reads a tensor of shape {:?}; an image [batch, channels, rows, columns] or a signal [batch, channels, \
                         length] is expected",
                        value.dims
                    ),
                )
                .into());
            }
        };
        if value.order.is_none() && self.steps.shape(value.base) == shape {
            return Ok(shape);
        }
        if value.base == 0 && shape.len() == self.steps.shape(0).len() {
            // The input gets the order that this layer reads: channel by channel, whether the file has the channels first
            // or last. Any other order would turn the images.
            let (places, channels) = (shape.height * shape.width, shape.channels);
            let mut positions = (0..shape.len()).map(|at| (at, value.place(at)));
            let is_plain = positions.clone().all(|(at, place)| place == at);
            let is_last =
                positions.all(|(at, place)| place == at % places * channels + at / places);
            if !is_plain && !is_last {
                return Err(refused(
                    node,
                    "reads the input with its rows and columns in another order (a Transpose before it): export the model \
                     without that Transpose",
                )
                .into());
            }
            let mut order = vec![0u32; shape.len()];
            for position in 0..shape.len() {
                order[value.place(position)] = position as u32;
            }
            return Err(Unrecognized::Layout(InputLayout {
                shape,
                order: Some(Rc::new(order)),
            }));
        }
        Err(refused(
            node,
            "reads values in another order or shape than the layer before gives them (a Transpose or Reshape between layers); \
             permute the weights instead",
        )
        .into())
    }

    fn node(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        if let Some(made) = self.folded(node)? {
            return Ok(made);
        }
        let attributes = Attributes::new(node);
        let made = match node.op_type.as_str() {
            "Identity" | "Dropout" => {
                attributes.float("ratio");
                attributes.integer("seed");
                match self.optional(node, 2)? {
                    Some(Meaning::Constant(training)) if training.single() != Some(0.0) => {
                        return Err(refused(
                            node,
                            "is in training mode; export the model with `model.eval()`",
                        )
                        .into());
                    }
                    _ => self.input(node, 0)?,
                }
            }
            "Cast" | "CastLike" => self.cast(node, &attributes)?,
            "Shape" => {
                let value = self.value(node, 0)?;
                if value.pads.is_some() {
                    return Err(refused(node, PADDED).into());
                }
                let dims = &value.dims;
                let range = shape_range(&attributes, dims.len());
                let dims: Vec<i64> = dims[range]
                    .iter()
                    .map(|&dim| dim.cast_signed() as i64)
                    .collect();
                Meaning::Constant(Rc::new(Constant::wide(vec![dims.len()], dims)))
            }
            "Size" => {
                let size = self.value(node, 0)?.dims.iter().product::<usize>();
                Meaning::Constant(Rc::new(Constant::wide(
                    vec![],
                    vec![size.cast_signed() as i64],
                )))
            }
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.reshape(node, &attributes)?,
            "Transpose" => self.transpose(node, &attributes)?,
            "Quant" | "IntQuant" | "BipolarQuant" => self.quant(node, &attributes)?,
            "QuantizeLinear" => self.quantize_linear(node, &attributes)?,
            "Clip" => self.clip(node, &attributes)?,
            "DequantizeLinear" => self.dequantize_linear(node, &attributes)?,
            "Add" | "Sub" | "Mul" | "Div" => self.binary(node)?,
            "Sum" => self.sum(node)?,
            "Neg" => {
                let value = self.value(node, 0)?;
                self.affine(
                    node,
                    &value,
                    Some(&Constant::floats(vec![], vec![-1.0])),
                    "Mul",
                    false,
                )?
            }
            "Pow" => self.power(node)?,
            "BatchNormalization" => self.batch_norm(node, &attributes)?,
            "Conv" => self.conv(node, &attributes)?,
            "Gemm" => self.gemm(node, &attributes)?,
            "MatMul" => self.matmul(node)?,
            "Pad" => self.pad(node, &attributes)?,
            "AveragePool" => self.average_pool(node, &attributes)?,
            "GlobalAveragePool" => self.global_average_pool(node)?,
            "ReduceMean" | "ReduceSum" => self.reduce(node, &attributes)?,
            "Softmax" | "LogSoftmax" | "Hardmax" | "ArgMax" => {
                for name in ["axis", "keepdims", "select_last_index"] {
                    attributes.integer(name);
                }
                let Meaning::Value(mut value) = self.input(node, 0)? else {
                    return Err(refused(node, advice(&node.op_type)).into());
                };
                value.dropped.get_or_insert_with(|| node.op_type.clone());
                Meaning::Value(value)
            }
            other => return Err(refused(node, advice(other)).into()),
        };
        attributes.finish()?;
        if let Meaning::Value(value) = &made {
            self.folder.spend(value.size())?;
        }
        Ok(made)
    }

    fn cast(&self, node: &NodeMessage, attributes: &Attributes<'_>) -> Recognition<Meaning> {
        attributes.integer("saturate");
        let kind = match attributes.integer("to") {
            Some(to) => ElementKind::of(to),
            None => self.constant(node, 1)?.map(|like| like.kind),
        };
        let mut entry = self.input(node, 0)?;
        let whole = !matches!(kind, Some(ElementKind::Float | ElementKind::Double));
        if let (Meaning::Value(value), false) = (&mut entry, whole) {
            value.is_integer = false;
        }
        if let (Meaning::Codes(codes), true) = (&entry, whole)
            && codes.scale.single() != Some(1.0)
        {
            return Err(refused(node, "casts quantised weights to integers").into());
        }
        if whole && !matches!(entry, Meaning::Pixels(..) | Meaning::Codes(_)) {
            return Err(refused(
                node,
                format!(
                    "casts encrypted values to integers, which {}",
                    advice("Round")
                ),
            )
            .into());
        }
        Ok(entry)
    }

    /// Computes a node whose inputs are all constants.
    fn folded(&self, node: &NodeMessage) -> Result<Option<Meaning>, OnnxError> {
        let quantizer = matches!(
            node.op_type.as_str(),
            "Quant" | "IntQuant" | "BipolarQuant" | "QuantizeLinear" | "DequantizeLinear" | "Clip"
        );
        let mut inputs = Vec::new();
        let mut codes = false;
        for index in 0..node.input.len() {
            match self.optional(node, index)? {
                Some(Meaning::Value(_) | Meaning::Pixels(..)) => return Ok(None),
                Some(Meaning::Codes(_)) => codes = true,
                _ => {}
            }
        }
        let moves = matches!(
            node.op_type.as_str(),
            "Transpose" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" | "Cast"
        );
        if quantizer || codes && moves {
            return Ok(None);
        }
        for index in 0..node.input.len() {
            inputs.push(self.constant(node, index)?);
        }
        let borrowed: Vec<Option<&Rc<Constant>>> = inputs.iter().map(Option::as_ref).collect();
        Ok(self.folder.fold(node, &borrowed)?.map(Meaning::Constant))
    }

    fn reshape(&mut self, node: &NodeMessage, attributes: &Attributes<'_>) -> Recognition<Meaning> {
        let shape = match self.optional(node, 1)? {
            Some(Meaning::Constant(shape)) => Some(shape),
            None => None,
            Some(_) => return Err(refused(node, "its shape depends on the image").into()),
        };
        match self.input(node, 0)? {
            Meaning::Codes(codes) => {
                let dims = reshaped(node, attributes, &codes.dims, shape.as_deref())?;
                let scale = if codes.scale.len() == 1 {
                    codes.scale.reshaped(vec![1; dims.len()])
                } else if dims.first() == codes.dims.first()
                    && codes.scale.dims.len() == codes.dims.len()
                    && codes.scale.len() == codes.dims[0]
                    && codes.scale.dims[0] == codes.dims[0]
                {
                    let mut scale_dims = vec![1; dims.len()];
                    scale_dims[0] = dims[0];
                    codes.scale.reshaped(scale_dims)
                } else {
                    return Err(
                        refused(node, "reshapes weights with a scale for each channel").into(),
                    );
                };
                Ok(Meaning::Codes(Rc::new(Codes {
                    dims,
                    values: codes.values.clone(),
                    scale,
                })))
            }
            Meaning::Pixels(mut value, codes) => {
                value.dims = reshaped(node, attributes, &value.dims, shape.as_deref())?;
                Ok(Meaning::Pixels(value, codes))
            }
            Meaning::Value(mut value) => {
                if value.pads.is_some() {
                    return Err(refused(node, PADDED).into());
                }
                let dims = reshaped(node, attributes, &value.dims, shape.as_deref())?;
                if dims.is_empty() {
                    return Err(refused(node, "makes a single number of its input").into());
                }
                if dims.first() != value.dims.first() && value.dims[0] != 1 {
                    return Err(refused(
                        node,
                        format!(
                            "mixes the images of a batch: from {:?} to {dims:?}",
                            value.dims
                        ),
                    )
                    .into());
                }
                // A single image may lose its batch dimension behind the last layer.
                value.dims = dims;
                Ok(Meaning::Value(value))
            }
            Meaning::Constant(_) => {
                Err(refused(node, "reads a constant where the image is expected").into())
            }
        }
    }

    fn transpose(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        match self.input(node, 0)? {
            Meaning::Codes(codes) => {
                let axes = permutation(node, attributes, codes.dims.len())?;
                self.folder.spend(codes.values.len())?;
                Ok(Meaning::Codes(Rc::new(codes.transposed(&axes))))
            }
            Meaning::Value(value) => Ok(Meaning::Value(self.reordered(node, attributes, &value)?)),
            Meaning::Pixels(value, codes) => Ok(Meaning::Pixels(
                self.reordered(node, attributes, &value)?,
                codes,
            )),
            Meaning::Constant(_) => {
                Err(refused(node, "reads a constant where the image is expected").into())
            }
        }
    }

    fn reordered(
        &self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
        value: &GraphValue,
    ) -> Result<GraphValue, OnnxError> {
        let axes = permutation(node, attributes, value.dims.len())?;
        if value.pads.is_some() {
            return Err(refused(node, PADDED));
        }
        if axes.first() != Some(&0) || value.dims.first() != Some(&self.batch) {
            return Err(refused(node, "moves the batch dimension; keep it first"));
        }
        let length: usize = value.len();
        self.folder.spend(length)?;
        let inner: Vec<usize> = axes[1..].iter().map(|axis| axis - 1).collect();
        let walk = Walk::transposed(&value.dims[1..], &inner);
        let mut moved = value.clone();
        moved.set_order(walk.map(|at| value.place(at) as u32).collect());
        moved.dims = axes.iter().map(|&axis| value.dims[axis]).collect();
        Ok(moved)
    }
}

/// Words on padding that no layer takes up.
pub(super) const PADDED: &str =
    "reads a padded image; padding is supported right before a convolution or pool";

/// Returns the numbers of a constant for each value of a tensor, in the order of the step's result.
pub(super) fn spread(
    node: &NodeMessage,
    constant: &Constant,
    value: &GraphValue,
    shape: Shape,
    folder: &ConstantFolder<'_>,
) -> Result<Per, OnnxError> {
    if let Some(at) = constant.not_finite() {
        return Err(refused(
            node,
            format!("has a constant whose value {at} is no finite number"),
        ));
    }
    if constant.len() == 1 && constant.dims.len() <= value.dims.len() {
        return Ok(Per::One(constant.double(0)));
    }
    // One for each channel, in the usual order.
    let missing = value.dims.len().saturating_sub(constant.dims.len());
    if value.order.is_none()
        && missing <= 1
        && value.dims.len() > 2
        && constant.len() == shape.channels
        && value.dims[1] == shape.channels
        && constant.dims.get(1 - missing) == Some(&shape.channels)
    {
        let numbers = (0..constant.len()).map(|at| constant.double(at)).collect();
        return Ok(Per::new(numbers, Shape::vector(shape.channels)));
    }
    if value.len() > MAX_SPREAD {
        return Err(refused(
            node,
            format!(
                "has a constant for each of {} values; at most {MAX_SPREAD} are supported",
                value.len()
            ),
        ));
    }
    let mut dims = value.dims.clone();
    dims[0] = 1;
    folder.spend(value.len())?;
    let walk = Walk::broadcast(&constant.dims, &dims).ok_or_else(|| {
        refused(
            node,
            format!(
                "has a constant of shape {:?} for a tensor of shape {:?}",
                constant.dims, value.dims
            ),
        )
    })?;
    let mut placed = vec![0.0; shape.len()];
    for (position, at) in walk.enumerate() {
        placed[value.place(position)] = constant.double(at);
    }
    Ok(Per::new(placed, shape))
}

/// The image's axis that an axis of the tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageAxis {
    Channel,
    Row,
    Column,
    /// An axis with one value.
    Single,
}

/// Names the axes of a tensor behind the batch; `None` if its values stand in an order that no names fit.
pub(super) fn axes_of(value: &GraphValue, shape: Shape) -> Option<Vec<ImageAxis>> {
    let strides = value.strides()?;
    let steps = row_major(&[shape.channels, shape.height, shape.width]);
    let sizes = [shape.channels, shape.height, shape.width];
    let kinds = [ImageAxis::Channel, ImageAxis::Row, ImageAxis::Column];
    value.dims[1..]
        .iter()
        .zip(strides)
        .map(|(&dim, stride)| {
            if dim == 1 {
                return Some(ImageAxis::Single);
            }
            (0..3)
                .find(|&at| steps[at] == stride && sizes[at] == dim)
                .map(|at| kinds[at])
        })
        .collect()
}
