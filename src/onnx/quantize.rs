//! The rounding of floats to integers, as the quantisers of QONNX and of ONNX do it: in 32-bit floats.

use std::rc::Rc;

use super::{
    OnnxError,
    graph::refused,
    message::NodeMessage,
    tensor::{Constant, ElementKind, ElementList},
    walk::Walk,
};

/// Widest integers of a quantiser, in bits: 32-bit floats hold all of them.
const MAX_BITS: f64 = 24.0;

/// Quantised weights: integers, and the real value of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Codes {
    pub dims: Vec<usize>,
    /// Integers, less their zero point.
    pub values: Vec<i32>,
    /// Real value of a 1: a tensor that is broadcast to the integers.
    pub scale: Constant,
}

impl Codes {
    /// Returns the real values.
    pub fn real(&self) -> Option<Constant> {
        let scales = Walk::broadcast(&self.scale.dims, &self.dims)?;
        let values = self.values.iter().zip(scales);
        Some(Constant {
            dims: self.dims.clone(),
            kind: ElementKind::Double,
            values: ElementList::Double(
                values
                    .map(|(&code, at)| f64::from(code) * self.scale.double(at))
                    .collect(),
            ),
        })
    }

    /// Changes the order of axes.
    pub fn transposed(&self, axes: &[usize]) -> Self {
        let order = |dims: &[usize]| axes.iter().map(|&axis| dims[axis]).collect::<Vec<_>>();
        let mut scale_dims = vec![1; self.dims.len().saturating_sub(self.scale.dims.len())];
        scale_dims.extend(&self.scale.dims);
        Self {
            dims: order(&self.dims),
            values: Walk::transposed(&self.dims, axes)
                .map(|at| self.values[at])
                .collect(),
            scale: Constant {
                dims: order(&scale_dims),
                kind: self.scale.kind,
                values: self
                    .scale
                    .values
                    .select(Walk::transposed(&scale_dims, axes)),
            },
        }
    }
}

/// The rounding of a quantiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    HalfToEven,
    Up,
    Down,
    AwayFromZero,
    TowardsZero,
    HalfAwayFromZero,
    HalfTowardsZero,
}

impl Rounding {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "ROUND" | "HALF_EVEN" => Self::HalfToEven,
            "CEIL" => Self::Up,
            "FLOOR" => Self::Down,
            "UP" => Self::AwayFromZero,
            "DOWN" | "ROUND_TO_ZERO" => Self::TowardsZero,
            "HALF_UP" => Self::HalfAwayFromZero,
            "HALF_DOWN" => Self::HalfTowardsZero,
            _ => return None,
        })
    }

    fn apply(self, x: f32) -> f32 {
        match self {
            Self::HalfToEven => x.round_ties_even(),
            Self::Up => x.ceil(),
            Self::Down => x.floor(),
            Self::AwayFromZero => x.abs().ceil().copysign(x),
            Self::TowardsZero => x.trunc(),
            Self::HalfAwayFromZero => (x.abs() + 0.5).floor().copysign(x),
            Self::HalfTowardsZero => (x.abs() - 0.5).ceil().copysign(x),
        }
    }
}

/// A quantiser with its parameters: `Quant`, `BipolarQuant`, or `QuantizeLinear`.
#[derive(Clone, Debug)]
pub(super) struct Quantizer {
    rule: QuantizerRule,
    /// Positive and finite; broadcast to what is quantised.
    pub scale: Constant,
    /// Whole numbers; broadcast likewise.
    pub zero: Constant,
}

#[derive(Clone, Copy, Debug)]
enum QuantizerRule {
    /// `round(clip(x / scale + zero))`.
    Quant {
        low: f32,
        high: f32,
        rounding: Rounding,
    },
    /// 1 for `x >= 0`, otherwise -1.
    Bipolar,
    /// `clip(round(x / scale) + zero)`.
    Linear { low: f32, high: f32 },
}

impl Quantizer {
    /// Reads a `Quant`, `IntQuant` or `BipolarQuant`; `inputs` are those after the first.
    ///
    /// # Errors
    /// [`OnnxError::Node`].
    pub fn qonnx(
        node: &NodeMessage,
        attributes: &super::attributes::Attributes<'_>,
        inputs: &[Rc<Constant>],
    ) -> Result<Self, OnnxError> {
        let zeros = || Constant::floats(vec![], vec![0.0]);
        let scale = inputs
            .first()
            .ok_or_else(|| refused(node, "has no scale"))?;
        check_scale(node, scale)?;
        let scale = (**scale).clone();
        if node.op_type == "BipolarQuant" {
            return Ok(Self {
                rule: QuantizerRule::Bipolar,
                scale,
                zero: zeros(),
            });
        }
        let [_, zero, bits] = inputs else {
            return Err(refused(
                node,
                "expected a scale, a zero point and a bit width",
            ));
        };
        check_zero(node, zero)?;
        let Some(bits) = (0..bits.len())
            .map(|at| bits.double(at))
            .reduce(|a, b| if a.total_cmp(&b).is_eq() { a } else { f64::NAN })
        else {
            return Err(refused(node, "has no bit width"));
        };
        if !(1.0..=MAX_BITS).contains(&bits) || bits.fract() != 0.0 {
            return Err(refused(
                node,
                format!(
                    "has a bit width of {bits}; one whole number from 1 to {MAX_BITS} is expected for a tensor"
                ),
            ));
        }
        let signed = attributes.integer_or("signed", 1) != 0;
        let narrow = f32::from(u8::from(attributes.integer_or("narrow", 0) != 0));
        let name = attributes.text("rounding_mode").unwrap_or("ROUND");
        let rounding = Rounding::named(name).ok_or_else(|| {
            refused(
                node,
                format!("rounds by the unknown mode `{}`", super::error::short(name)),
            )
        })?;
        if bits < 2.0 && signed {
            // One signed bit is -1 or 1, as qonnx reads it, and not -1 or 0.
            if (0..zero.len()).any(|at| zero.double(at) != 0.0) {
                return Err(refused(
                    node,
                    "has one signed bit and a zero point other than 0",
                ));
            }
            return Ok(Self {
                rule: QuantizerRule::Bipolar,
                scale,
                zero: zeros(),
            });
        }
        let power = |exponent: f64| 2f64.powf(exponent) as f32;
        let (low, high) = if signed {
            (-power(bits - 1.0) + narrow, power(bits - 1.0) - 1.0)
        } else {
            (0.0, power(bits) - 1.0 - narrow)
        };
        Ok(Self {
            rule: QuantizerRule::Quant {
                low,
                high,
                rounding,
            },
            scale,
            zero: (**zero).clone(),
        })
    }

    /// Makes the `QuantizeLinear` to integers of this type.
    ///
    /// # Errors
    /// [`OnnxError::Node`].
    pub fn linear(
        node: &NodeMessage,
        scale: Constant,
        zero: Constant,
        kind: ElementKind,
    ) -> Result<Self, OnnxError> {
        check_scale(node, &scale)?;
        let range = kind
            .range()
            .filter(|(low, high)| *low >= -(1 << 24) && *high <= 1 << 24);
        let (low, high) = range.ok_or_else(|| {
            refused(
                node,
                "quantises to a type that is not known; integers of 2 to 16 bits are read",
            )
        })?;
        Ok(Self {
            rule: QuantizerRule::Linear {
                low: low as f32,
                high: high as f32,
            },
            scale,
            zero,
        })
    }

    /// Quantises a number: the integer with its zero point.
    pub fn code(&self, x: f32, scale: f32, zero: f32) -> f32 {
        match self.rule {
            QuantizerRule::Quant {
                low,
                high,
                rounding,
            } => rounding.apply((x / scale + zero).clamp(low, high)),
            QuantizerRule::Bipolar => {
                if x >= 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
            QuantizerRule::Linear { low, high } => {
                ((x / scale).round_ties_even() + zero).clamp(low, high)
            }
        }
    }

    /// Quantises a tensor: its integers with their zero points.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if the scales do not fit, or a value is not finite.
    pub fn codes(&self, node: &NodeMessage, x: &Constant) -> Result<Vec<i32>, OnnxError> {
        if x.not_finite().is_some() {
            return Err(refused(node, "quantises a number that is not finite"));
        }
        let walks = Walk::broadcast(&self.scale.dims, &x.dims)
            .zip(Walk::broadcast(&self.zero.dims, &x.dims));
        let (scales, zeros) = walks.ok_or_else(|| {
            refused(
                node,
                format!(
                    "its scales {:?} do not fit its data {:?}",
                    self.scale.dims, x.dims
                ),
            )
        })?;
        let all = (0..x.len()).zip(scales.zip(zeros));
        Ok(all
            .map(|(at, (scale, zero))| {
                self.code(x.float(at), self.scale.float(scale), self.zero.float(zero)) as i32
            })
            .collect())
    }
}

/// Checks that all scales are positive and finite.
///
/// # Errors
/// [`OnnxError::Node`].
pub(super) fn check_scale(node: &NodeMessage, scale: &Constant) -> Result<(), OnnxError> {
    let bad = (0..scale.len())
        .map(|at| scale.float(at))
        .find(|&s| !(s.is_finite() && s > 0.0));
    match bad {
        None if scale.len() > 0 => Ok(()),
        None => Err(refused(node, "has no scale")),
        Some(value) => Err(refused(
            node,
            format!("has the scale {value:e}; a scale is positive and finite"),
        )),
    }
}

/// Checks that zero points are whole numbers.
fn check_zero(node: &NodeMessage, zero: &Constant) -> Result<(), OnnxError> {
    let bad = (0..zero.len())
        .map(|at| zero.double(at))
        .find(|z| z.fract() != 0.0 || z.abs() > 2f64.powf(MAX_BITS));
    match bad {
        None if zero.len() > 0 => Ok(()),
        None => Err(refused(node, "has no zero point")),
        Some(value) => Err(refused(
            node,
            format!("has the zero point {value:e}, which is no small whole number"),
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn modes_round_as_their_names_say() {
        for (name, expected) in [
            ("ROUND", [-2.0, -2.0, -1.0, 0.0, 1.0, 2.0, 2.0]),
            ("CEIL", [-2.0, -1.0, 0.0, 1.0, 2.0, 2.0, 3.0]),
            ("FLOOR", [-3.0, -2.0, -1.0, 0.0, 1.0, 1.0, 2.0]),
            ("UP", [-3.0, -2.0, -1.0, 1.0, 2.0, 2.0, 3.0]),
            ("down", [-2.0, -1.0, 0.0, 0.0, 1.0, 1.0, 2.0]),
            ("HALF_UP", [-3.0, -2.0, -1.0, 1.0, 1.0, 2.0, 3.0]),
            ("HALF_DOWN", [-2.0, -1.0, -1.0, 0.0, 1.0, 1.0, 2.0]),
        ] {
            let rounding = Rounding::named(name).unwrap();
            let inputs = [-2.5, -1.5, -0.75, 0.5, 1.25, 1.5, 2.5];
            let found = inputs.map(|x| rounding.apply(x) + 0.0);
            // ROUND of 1.25 is 1; every mode agrees with numpy's of that name.
            let expected = expected.map(f32::to_bits);
            assert_eq!(found.map(f32::to_bits), expected, "{name}");
        }
        assert_eq!(Rounding::named("STOCHASTIC"), None);
    }
}
