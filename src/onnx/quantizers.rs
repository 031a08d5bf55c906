//! Quantisers: of weights, whose integers are kept, and of the input, whose pixels get thresholds.

use std::rc::Rc;

use super::{
    OnnxError,
    advice::advice,
    attributes::Attributes,
    graph::refused,
    message::NodeMessage,
    pixels::{PixelCodes, Pixels},
    quantize::{Codes, Quantizer, check_scale},
    recognise::{Meaning, Recognition, Recognizer},
    tensor::{Constant, ElementKind, ElementList},
    value::GraphValue,
    walk::Walk,
};

/// Largest magnitude of a zero point, or of an integer input.
const MAX_ZERO: u64 = 1 << 32;

impl Recognizer<'_> {
    pub(super) fn quant(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let mut parameters = Vec::new();
        for index in 1..node.input.len() {
            parameters.extend(self.constant(node, index)?);
        }
        let quantizer = Quantizer::qonnx(node, attributes, &parameters)?;
        match self.input(node, 0)? {
            Meaning::Value(value) => {
                let codes = PixelCodes::new(node, pixels_of(node, &value)?, &quantizer)?;
                Ok(read_as(
                    node,
                    value,
                    &codes,
                    &quantizer.scale,
                    quantizer.zero.integer(0),
                )?)
            }
            Meaning::Pixels(..) => Err(refused(node, advice("Quant")).into()),
            Meaning::Constant(_) | Meaning::Codes(_) => {
                let data = self
                    .constant(node, 0)?
                    .ok_or_else(|| refused(node, "has no data"))?;
                self.folder.spend(data.len())?;
                let codes = quantizer.codes(node, &data)?;
                Ok(Meaning::Codes(Rc::new(without_zero(
                    node,
                    &data.dims,
                    codes,
                    quantizer.scale,
                    &quantizer.zero,
                )?)))
            }
        }
    }

    /// Reads the scale and zero point of a `QuantizeLinear` or `DequantizeLinear` of a tensor with these dimensions.
    fn linear_parameters(
        &self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
        dims: &[usize],
    ) -> Result<(Constant, Constant), OnnxError> {
        let scale = self
            .constant(node, 1)?
            .ok_or_else(|| refused(node, "has no scale"))?;
        check_scale(node, &scale)?;
        let zero = self.constant(node, 2)?;
        let axis = attributes.integer_or("axis", 1);
        attributes.integer("saturate");
        if attributes.integer_or("block_size", 0) != 0 {
            return Err(refused(
                node,
                "has scales for blocks; use one scale, or one for each output channel",
            ));
        }
        let placed = |tensor: &Constant| -> Result<Constant, OnnxError> {
            if tensor.len() == 1 {
                return Ok(tensor.reshaped(vec![]));
            }
            let axis = super::fold::axis_of(node, axis, dims.len())?;
            if tensor.dims.len() != 1 || tensor.len() != dims[axis] {
                return Err(refused(
                    node,
                    format!(
                        "has parameters of shape {:?} for data of shape {dims:?}",
                        tensor.dims
                    ),
                ));
            }
            let mut placed = vec![1; dims.len()];
            placed[axis] = tensor.len();
            Ok(tensor.reshaped(placed))
        };
        let zero = match zero {
            Some(zero) if zero.kind.range().is_some() => {
                let is_large = |at: usize| zero.integer(at).unsigned_abs() > MAX_ZERO;
                if (0..zero.len()).any(is_large) {
                    return Err(refused(node, "has a zero point beyond 32 bits"));
                }
                placed(&zero)?
            }
            Some(_) => {
                return Err(refused(node, "quantises to floats (float8); use integers"));
            }
            None => Constant {
                dims: vec![],
                kind: ElementKind::Integer {
                    bits: 8,
                    signed: false,
                },
                values: ElementList::Narrow(vec![0]),
            },
        };
        Ok((placed(&scale)?, zero))
    }

    pub(super) fn quantize_linear(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let entry = self.input(node, 0)?;
        let dims = match &entry {
            Meaning::Value(value) | Meaning::Pixels(value, _) => value.dims.clone(),
            Meaning::Constant(constant) => constant.dims.clone(),
            Meaning::Codes(codes) => codes.dims.clone(),
        };
        let (scale, zero) = self.linear_parameters(node, attributes, &dims)?;
        let stated = attributes.integer_or("output_dtype", 0);
        let kind = if stated == 0 {
            Some(zero.kind)
        } else {
            ElementKind::of(stated)
        };
        let kind = kind.ok_or_else(|| refused(node, "quantises to a type that is not known"))?;
        attributes.integer("precision");
        let quantizer = Quantizer::linear(node, scale, zero, kind)?;
        match entry {
            Meaning::Value(value) => {
                let codes = PixelCodes::new(node, pixels_of(node, &value)?, &quantizer)?;
                Ok(Meaning::Pixels(value, codes))
            }
            Meaning::Pixels(..) => Err(refused(node, advice("QuantizeLinear")).into()),
            Meaning::Constant(_) | Meaning::Codes(_) => {
                let data = self
                    .constant(node, 0)?
                    .ok_or_else(|| refused(node, "has no data"))?;
                self.folder.spend(data.len())?;
                let codes = quantizer.codes(node, &data)?;
                Ok(Meaning::Constant(Rc::new(Constant {
                    dims: data.dims.clone(),
                    kind,
                    values: ElementList::Narrow(codes),
                })))
            }
        }
    }

    pub(super) fn clip(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let bound = |index: usize, name: &'static str| -> Result<Option<f64>, OnnxError> {
            let attribute = attributes.float(name).map(f64::from);
            match self.constant(node, index)? {
                Some(bound) => match bound.single() {
                    Some(value) => Ok(Some(value)),
                    None => Err(refused(node, "its bounds are not single numbers")),
                },
                None => Ok(attribute),
            }
        };
        let low = bound(1, "min")?.unwrap_or(f64::NEG_INFINITY);
        let high = bound(2, "max")?.unwrap_or(f64::INFINITY);
        // As ONNX says, the upper bound wins if they cross.
        let limited = |x: f64| x.max(low).min(high);
        match self.input(node, 0)? {
            Meaning::Pixels(value, codes) => {
                let (low, high) = (low.max(-1e9) as i64, high.min(1e9) as i64);
                Ok(Meaning::Pixels(value, codes.clipped(low, high)))
            }
            Meaning::Constant(constant) => {
                self.folder.spend(constant.len())?;
                let all = 0..constant.len();
                let values = match (&constant.values, constant.kind) {
                    (ElementList::Float(_), _) => ElementList::Float(
                        all.map(|at| limited(constant.double(at)) as f32).collect(),
                    ),
                    (ElementList::Double(_), _) => {
                        ElementList::Double(all.map(|at| limited(constant.double(at))).collect())
                    }
                    (_, kind) => ElementList::integers(
                        kind,
                        all.map(|at| limited(constant.integer(at) as f64) as i64)
                            .collect(),
                    ),
                };
                Ok(Meaning::Constant(Rc::new(Constant {
                    dims: constant.dims.clone(),
                    kind: constant.kind,
                    values,
                })))
            }
            Meaning::Value(value) => {
                let pixels = pixels_of(node, &value);
                let unchanged = pixels.is_ok_and(|pixels| {
                    pixels
                        .tables
                        .iter()
                        .flatten()
                        .all(|&x| limited(f64::from(x)).to_bits() == f64::from(x).to_bits())
                });
                if unchanged {
                    return Ok(Meaning::Value(value));
                }
                Err(refused(
                    node,
                    format!("limits encrypted values: it {}", advice("Relu")),
                )
                .into())
            }
            Meaning::Codes(_) => Err(refused(node, "limits weights behind their quantiser").into()),
        }
    }

    pub(super) fn dequantize_linear(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let entry = self.input(node, 0)?;
        attributes.integer("output_dtype");
        match entry {
            Meaning::Pixels(value, codes) => {
                let (scale, zero) = self.linear_parameters(node, attributes, &value.dims)?;
                if scale.len() != 1 || zero.len() != 1 {
                    return Err(refused(node, "has several scales for the input; use one").into());
                }
                Ok(read_as(node, value, &codes, &scale, zero.integer(0))?)
            }
            Meaning::Constant(constant) if constant.kind.range().is_some() => {
                let (scale, zero) = self.linear_parameters(node, attributes, &constant.dims)?;
                self.folder.spend(constant.len())?;
                let ElementList::Narrow(codes) = &constant.values else {
                    return Err(refused(node, "reads integers of more than 32 bits").into());
                };
                let codes = without_zero(node, &constant.dims, codes.clone(), scale, &zero)?;
                Ok(Meaning::Codes(Rc::new(codes)))
            }
            Meaning::Value(mut value)
                if value.base == 0 && value.reading.is_some() && value.pixels.is_some() =>
            {
                // An integer input that is dequantised first: its integers are the pixels.
                let (scale, zero) = self.linear_parameters(node, attributes, &value.dims)?;
                let pixels = pixels_of(node, &value)?;
                let is_whole = |x: &f32| x.fract() == 0.0 && x.abs() < MAX_ZERO as f32;
                let whole = pixels.tables.iter().flatten().all(is_whole);
                if scale.len() != 1 || zero.len() != 1 || pixels.tables.len() != 1 || !whole {
                    return Err(refused(node, "reads values that are no integers").into());
                }
                let codes = PixelCodes {
                    codes: pixels.tables[0].iter().map(|&x| x as i64).collect(),
                };
                value.dropped = None;
                value.is_integer = false;
                Ok(read_as(node, value, &codes, &scale, zero.integer(0))?)
            }
            _ => Err(refused(node, "reads values that were not quantised before it").into()),
        }
    }
}

/// Returns the table of the input's pixels.
fn pixels_of<'v>(node: &NodeMessage, value: &'v GraphValue) -> Result<&'v Pixels, OnnxError> {
    value
        .pixels
        .as_ref()
        .ok_or_else(|| refused(node, advice(&node.op_type)))
}

/// Reads the input by the thresholds that its quantised pixels have.
fn read_as(
    node: &NodeMessage,
    mut value: GraphValue,
    codes: &PixelCodes,
    scale: &Constant,
    zero: i64,
) -> Result<Meaning, OnnxError> {
    let reading = codes.thresholds(node, scale.float(0), zero)?;
    value.terms = vec![reading.shift, reading.factor];
    value.reading = Some(Rc::new(reading.thresholds));
    value.pixels = Some(reading.pixels);
    Ok(Meaning::Value(value))
}

/// Takes the zero points off integers.
fn without_zero(
    node: &NodeMessage,
    dims: &[usize],
    codes: Vec<i32>,
    scale: Constant,
    zero: &Constant,
) -> Result<Codes, OnnxError> {
    let misfit = || {
        refused(
            node,
            format!("its scales {:?} do not fit its data {dims:?}", scale.dims),
        )
    };
    let zeros = Walk::broadcast(&zero.dims, dims).ok_or_else(misfit)?;
    Walk::broadcast(&scale.dims, dims).ok_or_else(misfit)?;
    let codes = codes
        .into_iter()
        .zip(zeros)
        .map(|(code, at)| i32::try_from(i64::from(code) - zero.integer(at)).ok());
    let codes: Option<Vec<i32>> = codes.collect();
    Ok(Codes {
        dims: dims.to_vec(),
        values: codes.ok_or_else(|| refused(node, "has integers beyond 32 bits"))?,
        scale,
    })
}
