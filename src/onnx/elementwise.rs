//! Operators on single values: sums and products with constants and of tensors, powers, batch norms.

use super::{
    OnnxError,
    advice::advice,
    attributes::Attributes,
    chain,
    graph::{refused, shown},
    message::NodeMessage,
    per::Per,
    recognise::{Meaning, PADDED, Recognition, Recognizer, spread},
    tensor::Constant,
    value::GraphValue,
};

/// Epsilon of a batch norm that states none.
const EPSILON: f32 = 1e-5;

impl Recognizer<'_> {
    pub(super) fn binary(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        let (first, second) = (self.input(node, 0)?, self.input(node, 1)?);
        let is_value = |entry: &Meaning| matches!(entry, Meaning::Value(_) | Meaning::Pixels(..));
        let operator = node.op_type.as_str();
        match (is_value(&first), is_value(&second)) {
            (true, true) => {
                let (a, b) = (self.value(node, 0)?, self.value(node, 1)?);
                match operator {
                    "Add" | "Sub" => Ok(Meaning::Value(self.added(
                        node,
                        &a,
                        &b,
                        operator == "Sub",
                    )?)),
                    "Mul" => Ok(Meaning::Value(self.multiplied(node, &a, &b)?)),
                    _ => Err(refused(
                        node,
                        "divides by encrypted values; only division by constants is possible",
                    )
                    .into()),
                }
            }
            (true, false) => {
                let value = self.value(node, 0)?;
                let constant = self.constant(node, 1)?;
                self.affine(node, &value, constant.as_deref(), operator, false)
            }
            (false, true) => {
                let value = self.value(node, 1)?;
                let constant = self.constant(node, 0)?;
                self.affine(node, &value, constant.as_deref(), operator, true)
            }
            (false, false) => {
                Err(refused(node, "is not computed for constants of this type").into())
            }
        }
    }

    pub(super) fn sum(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        let mut total: Option<Meaning> = None;
        for index in 0..node.input.len() {
            let pair = NodeMessage {
                op_type: "Add".into(),
                name: shown(node),
                ..NodeMessage::default()
            };
            let next = match self.input(node, index)? {
                Meaning::Value(_) | Meaning::Pixels(..) => Meaning::Value(self.value(node, index)?),
                other => other,
            };
            total = Some(match (total, next) {
                (None, next) => next,
                (Some(Meaning::Value(a)), Meaning::Value(b)) => {
                    Meaning::Value(self.added(&pair, &a, &b, false)?)
                }
                (Some(Meaning::Value(value)), Meaning::Constant(constant))
                | (Some(Meaning::Constant(constant)), Meaning::Value(value)) => {
                    self.affine(&pair, &value, Some(&constant), "Add", false)?
                }
                _ => return Err(refused(node, "adds constants to each other").into()),
            });
        }
        total.ok_or_else(|| refused(node, "has no inputs").into())
    }

    /// Computes a tensor and a constant; `swapped` if the constant stands first.
    pub(super) fn affine(
        &mut self,
        node: &NodeMessage,
        value: &GraphValue,
        constant: Option<&Constant>,
        operator: &str,
        swapped: bool,
    ) -> Recognition<Meaning> {
        let constant = constant.ok_or_else(|| refused(node, "its second input is missing"))?;
        if value.pads.is_some() {
            return Err(refused(node, PADDED).into());
        }
        check_real(node, value)?;
        let shape = self.steps.shape(value.base);
        let number = spread(node, constant, value, shape, self.folder)?;
        let (factor, shift) = match (operator, swapped) {
            ("Add", _) => (Per::ONE, number.clone()),
            ("Sub", false) => (Per::ONE, number.map(|n| -n)),
            ("Sub", true) => (Per::One(-1.0), number.clone()),
            ("Mul", _) => (number.clone(), Per::ZERO),
            ("Div", false) if number.all(|n| n != 0.0) => (number.map(|n| 1.0 / n), Per::ZERO),
            ("Div", false) => return Err(refused(node, "divides by 0").into()),
            _ => {
                return Err(refused(
                    node,
                    "divides by encrypted values; only division by constants is possible",
                )
                .into());
            }
        };
        self.folder
            .spend(value.size().saturating_add(number.len()))?;
        let mut made = value.scaled(&factor, &shift, &self.steps);
        // Before the first layer, pixels are followed in the file's own 32-bit arithmetic.
        made.pixels =
            value
                .pixels
                .as_ref()
                .zip(number.channels(shape))
                .and_then(|(pixels, numbers)| {
                    let numbers: Vec<f32> = match number.one() {
                        Some(one) => vec![one as f32],
                        None => numbers.iter().map(|&n| n as f32).collect(),
                    };
                    pixels.applied(&numbers, |x, n| match (operator, swapped) {
                        ("Add", _) => x + n,
                        ("Sub", false) => x - n,
                        ("Sub", true) => n - x,
                        ("Mul", _) => x * n,
                        _ => x / n,
                    })
                });
        Ok(Meaning::Value(made))
    }

    /// Adds or subtracts two tensors.
    fn added(
        &mut self,
        node: &NodeMessage,
        a: &GraphValue,
        b: &GraphValue,
        minus: bool,
    ) -> Result<GraphValue, OnnxError> {
        let sign = |value: &GraphValue, steps: &_| {
            if minus {
                value.scaled(&Per::One(-1.0), &Per::ZERO, steps)
            } else {
                value.clone()
            }
        };
        if a.pads.is_some() || b.pads.is_some() {
            return Err(refused(node, PADDED));
        }
        self.folder.spend(a.size().saturating_add(b.size()))?;
        if a.is_alike(b) {
            let b = sign(b, &self.steps);
            return Ok(a.plus(&b, &self.steps));
        }
        if a.dims != b.dims {
            return Err(refused(
                node,
                format!(
                    "adds tensors of shapes {:?} and {:?}; they must be the same",
                    a.dims, b.dims
                ),
            ));
        }
        let (a, b) = (self.fixed(node, a)?, self.fixed(node, b)?);
        let b = self.fixed(node, &sign(&b, &self.steps))?;
        if a.order != b.order || self.steps.shape(a.base) != self.steps.shape(b.base) {
            return Err(refused(
                node,
                "adds tensors whose values stand in different orders; transpose both or none",
            ));
        }
        if a.base == b.base {
            return Ok(a.plus(&b, &self.steps));
        }
        let shape = self.steps.shape(a.base);
        let base = self.steps.push(
            chain::GraphStep::Sum,
            &[a.base, b.base],
            shape,
            &shown(node),
        );
        Ok(GraphValue { base, ..a })
    }

    /// Multiplies two tensors, which must be polynomials in the same one.
    fn multiplied(
        &mut self,
        node: &NodeMessage,
        a: &GraphValue,
        b: &GraphValue,
    ) -> Result<GraphValue, OnnxError> {
        if a.pads.is_some() || b.pads.is_some() {
            return Err(refused(node, PADDED));
        }
        check_real(node, a)?;
        if !a.is_alike(b) {
            return Err(refused(
                node,
                "multiplies two different tensors (a gate, or attention); only squares and polynomials a*x*x + b*x + c of one \
                 tensor are supported",
            ));
        }
        self.folder.spend(a.size().saturating_add(b.size()))?;
        if let Some(product) = a.times(b, &self.steps) {
            return Ok(product);
        }
        if a.terms != b.terms {
            return Err(refused(
                node,
                "makes a polynomial of degree 3 or more; use squares, or a*x*x + b*x + c",
            ));
        }
        let fixed = self.fixed(node, a)?;
        let squared = fixed.times(&fixed, &self.steps);
        squared.ok_or_else(|| refused(node, advice("Mul")))
    }

    pub(super) fn power(&mut self, node: &NodeMessage) -> Recognition<Meaning> {
        let value = self.value(node, 0)?;
        let exponent = self
            .constant(node, 1)?
            .and_then(|exponent| exponent.single());
        let times = match exponent {
            Some(1.0) => 0,
            Some(2.0) => 1,
            Some(4.0) => 2,
            Some(8.0) => 3,
            other => {
                let shown = other.map_or_else(
                    || "several exponents".to_owned(),
                    |x| format!("the exponent {x}"),
                );
                return Err(refused(
                    node,
                    format!("has {shown}; 2 is supported (and 4, two squares)"),
                )
                .into());
            }
        };
        let mut result = value;
        for _ in 0..times {
            result = self.multiplied(node, &result, &result)?;
        }
        Ok(Meaning::Value(result))
    }

    pub(super) fn batch_norm(
        &mut self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Recognition<Meaning> {
        let value = self.value(node, 0)?;
        let epsilon = attributes.float("epsilon").unwrap_or(EPSILON);
        attributes.float("momentum");
        if attributes.integer_or("training_mode", 0) != 0
            || attributes.integer_or("spatial", 1) == 0
        {
            return Err(refused(
                node,
                "is in training mode; export the model with `model.eval()`",
            )
            .into());
        }
        let mut parts = Vec::new();
        for index in 1..5 {
            let part = self
                .constant(node, index)?
                .ok_or_else(|| refused(node, "lacks a parameter"))?;
            if value.dims.len() < 2 || part.len() != value.dims[1] || part.not_finite().is_some() {
                return Err(refused(
                    node,
                    "has parameters that do not fit its channels, or are not finite",
                )
                .into());
            }
            parts.push(part);
        }
        let channels = parts[0].len();
        let (mut factor, mut shift) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let [gamma, beta, mean, variance] =
                [0, 1, 2, 3].map(|part| parts[part].double(channel));
            let below = variance + f64::from(epsilon);
            if below <= 0.0 {
                return Err(refused(
                    node,
                    format!("has the variance {variance:e} in channel {channel}"),
                )
                .into());
            }
            let scale = gamma / below.sqrt();
            factor.push(scale);
            shift.push(beta - mean * scale);
        }
        let mut dims = vec![1; value.dims.len()];
        dims[1] = channels;
        let tensor = |values: Vec<f64>| Constant {
            dims: dims.clone(),
            kind: super::tensor::ElementKind::Double,
            values: super::tensor::ElementList::Double(values),
        };
        let Meaning::Value(scaled) =
            self.affine(node, &value, Some(&tensor(factor)), "Mul", false)?
        else {
            return Err(refused(node, advice("BatchNormalization")).into());
        };
        self.affine(node, &scaled, Some(&tensor(shift)), "Add", false)
    }
}

/// Refuses arithmetic with the integers of an integer input, which would wrap around.
fn check_real(node: &NodeMessage, value: &GraphValue) -> Result<(), OnnxError> {
    if value.is_integer {
        return Err(refused(
            node,
            "computes with the input's integers, which wrap around; cast the input to floats first",
        ));
    }
    Ok(())
}
