//! Computes the nodes whose inputs are all known: exporters write shapes, paddings and transposed weights as chains of
//! them.

use std::{cell::Cell, rc::Rc};

use super::{
    OnnxError,
    attributes::Attributes,
    external::External,
    graph::refused,
    message::NodeMessage,
    tensor::{Constant, ElementKind, ElementList, MAX_RANK, count},
    walk::{Walk, broadcast_shape, row_major},
};

/// Largest number of values that all folded nodes together may give.
const MAX_FOLDED_VALUES: usize = 1 << 22;

/// Folds nodes, within a bound on the work.
pub(super) struct ConstantFolder<'a> {
    pub external: &'a External,
    left: Cell<usize>,
}

type Inputs<'a> = [Option<&'a Rc<Constant>>];

impl<'a> ConstantFolder<'a> {
    pub fn new(external: &'a External) -> Self {
        Self {
            external,
            left: Cell::new(MAX_FOLDED_VALUES),
        }
    }

    /// Takes the work of making so many values from what is left.
    ///
    /// # Errors
    /// [`OnnxError::TooLarge`].
    pub fn spend(&self, values: usize) -> Result<(), OnnxError> {
        match self.left.get().checked_sub(values) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(OnnxError::TooLarge {
                what: "the values that constant nodes and permutations give",
                limit: MAX_FOLDED_VALUES as u64,
            }),
        }
    }

    /// Computes a node; `None` for an operator that is not folded.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if the node makes no sense.
    pub fn fold(
        &self,
        node: &NodeMessage,
        inputs: &Inputs<'_>,
    ) -> Result<Option<Rc<Constant>>, OnnxError> {
        let attributes = Attributes::new(node);
        let input = |index: usize| {
            let found = inputs.get(index).copied().flatten();
            found.ok_or_else(|| refused(node, format!("its input {index} is missing")))
        };
        let made = match node.op_type.as_str() {
            "Constant" => self.constant(node, &attributes)?,
            "ConstantOfShape" => {
                let dims = shape_of(node, input(0)?)?;
                let values = self.sized(node, &dims)?;
                let value = match attributes.tensor("value") {
                    Some(tensor) => Constant::read(tensor, self.external)?,
                    None => Rc::new(Constant::floats(vec![1], vec![0.0])),
                };
                if value.len() != 1 {
                    return Err(refused(node, "its value is not one number"));
                }
                Rc::new(Constant {
                    dims,
                    kind: value.kind,
                    values: value.values.select(std::iter::repeat_n(0, values)),
                })
            }
            "Identity" | "Dropout" => input(0)?.clone(),
            "Cast" => {
                let kind = attributes.integer("to").and_then(ElementKind::of);
                attributes.integer("saturate");
                let kind =
                    kind.ok_or_else(|| refused(node, "casts to a type that is not known"))?;
                self.cast(input(0)?, kind)?
            }
            "CastLike" => self.cast(input(0)?, input(1)?.kind)?,
            "Shape" => {
                let dims = &input(0)?.dims;
                let range = shape_range(&attributes, dims.len());
                let dims: Vec<i64> = dims[range]
                    .iter()
                    .map(|&dim| dim.cast_signed() as i64)
                    .collect();
                Rc::new(Constant::wide(vec![dims.len()], dims))
            }
            "Size" => Rc::new(Constant::wide(
                vec![],
                vec![input(0)?.len().cast_signed() as i64],
            )),
            "Gather" => {
                self.gather(node, input(0)?, input(1)?, attributes.integer_or("axis", 0))?
            }
            "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => {
                let data = input(0)?;
                let shape = inputs.get(1).copied().flatten();
                let dims = reshaped(node, &attributes, &data.dims, shape.map(|shape| &**shape))?;
                self.spend(data.len())?;
                Rc::new(data.reshaped(dims))
            }
            "Concat" => self.concat(node, inputs, attributes.integer_or("axis", 0))?,
            "Slice" => self.slice(node, &attributes, inputs)?,
            "Transpose" => {
                let data = input(0)?;
                let axes = permutation(node, &attributes, data.dims.len())?;
                self.spend(data.len())?;
                Rc::new(Constant {
                    dims: axes.iter().map(|&axis| data.dims[axis]).collect(),
                    kind: data.kind,
                    values: data.values.select(Walk::transposed(&data.dims, &axes)),
                })
            }
            "Expand" => {
                let (data, target) = (input(0)?, shape_of(node, input(1)?)?);
                let dims = broadcast_shape(&data.dims, &target)
                    .ok_or_else(|| refused(node, "its shapes do not fit"))?;
                self.sized(node, &dims)?;
                let walk = Walk::broadcast(&data.dims, &dims)
                    .ok_or_else(|| refused(node, "its shapes do not fit"))?;
                Rc::new(Constant {
                    kind: data.kind,
                    values: data.values.select(walk),
                    dims,
                })
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" => self.binary(node, input(0)?, input(1)?)?,
            "Neg" | "Sqrt" | "Reciprocal" | "Floor" | "Ceil" | "Abs" => {
                self.unary(node, input(0)?)?
            }
            _ => return Ok(None),
        };
        attributes.finish()?;
        Ok(Some(made))
    }

    /// Checks a shape and takes the work of filling it.
    fn sized(&self, node: &NodeMessage, dims: &[usize]) -> Result<usize, OnnxError> {
        let values = count(dims).ok_or_else(|| {
            let start = &dims[..dims.len().min(8)];
            refused(
                node,
                format!(
                    "would give a tensor of {} dimensions, which begin with {start:?}: that is too large",
                    dims.len()
                ),
            )
        })?;
        self.spend(values)?;
        Ok(values)
    }

    fn constant(
        &self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
    ) -> Result<Rc<Constant>, OnnxError> {
        if let Some(tensor) = attributes.tensor("value") {
            let made = Constant::read(tensor, self.external)?;
            self.spend(made.len())?;
            return Ok(made);
        }
        let made = if let Some(value) = attributes.float("value_float") {
            Constant::floats(vec![], vec![value])
        } else if let Some(value) = attributes.integer("value_int") {
            Constant::wide(vec![], vec![value])
        } else if let Some(values) = attributes.floats("value_floats") {
            Constant::floats(vec![values.len()], values.to_vec())
        } else if let Some(values) = attributes.integers("value_ints") {
            Constant::wide(vec![values.len()], values.to_vec())
        } else {
            return Err(refused(node, "has no value that is known"));
        };
        self.spend(made.len())?;
        Ok(Rc::new(made))
    }

    fn cast(&self, data: &Rc<Constant>, kind: ElementKind) -> Result<Rc<Constant>, OnnxError> {
        if data.kind == kind {
            return Ok(data.clone());
        }
        self.spend(data.len())?;
        let all = 0..data.len();
        let values = match kind {
            ElementKind::Float => ElementList::Float(all.map(|at| data.float(at)).collect()),
            ElementKind::Double => ElementList::Double(all.map(|at| data.double(at)).collect()),
            ElementKind::Bool => {
                ElementList::Narrow(all.map(|at| i32::from(data.double(at) != 0.0)).collect())
            }
            ElementKind::Integer { .. } => {
                let (low, high) = kind.range().unwrap_or_default();
                let count = i128::from(high) - i128::from(low) + 1;
                let from_integers = data.kind.range().is_some();
                let values = all.map(|at| {
                    let value = data.integer(at);
                    if from_integers {
                        // The high bits are dropped.
                        let above = (i128::from(value) - i128::from(low)).rem_euclid(count);
                        (i128::from(low) + above) as i64
                    } else {
                        value.clamp(low, high)
                    }
                });
                ElementList::integers(kind, values.collect())
            }
        };
        Ok(Rc::new(Constant {
            dims: data.dims.clone(),
            kind,
            values,
        }))
    }

    fn gather(
        &self,
        node: &NodeMessage,
        data: &Constant,
        indices: &Constant,
        axis: i64,
    ) -> Result<Rc<Constant>, OnnxError> {
        let axis = axis_of(node, axis, data.dims.len())?;
        let length = data.dims[axis];
        let mut dims = data.dims[..axis].to_vec();
        dims.extend(&indices.dims);
        dims.extend(&data.dims[axis + 1..]);
        self.sized(node, &dims)?;
        let picked: Option<Vec<usize>> = indices
            .all_integers()
            .iter()
            .map(|&index| wrapped(index, length))
            .collect();
        let picked = picked.ok_or_else(|| refused(node, "has an index outside its data"))?;
        let (before, after): (usize, usize) = (
            data.dims[..axis].iter().product(),
            data.dims[axis + 1..].iter().product(),
        );
        let positions = (0..before).flat_map(|outer| {
            picked.iter().flat_map(move |&index| {
                (0..after).map(move |inner| (outer * length + index) * after + inner)
            })
        });
        Ok(Rc::new(Constant {
            dims,
            kind: data.kind,
            values: data.values.select(positions),
        }))
    }

    fn concat(
        &self,
        node: &NodeMessage,
        inputs: &Inputs<'_>,
        axis: i64,
    ) -> Result<Rc<Constant>, OnnxError> {
        let parts: Option<Vec<&Rc<Constant>>> = inputs.iter().copied().collect();
        let parts = parts.filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| refused(node, "has no inputs"))?;
        let first = parts[0];
        let axis = axis_of(node, axis, first.dims.len())?;
        let mut dims = first.dims.clone();
        dims[axis] = 0;
        for part in &parts {
            let mut others = part.dims.clone();
            if others.len() != dims.len() || part.kind != first.kind {
                return Err(refused(node, "its inputs do not fit each other"));
            }
            dims[axis] = dims[axis].saturating_add(part.dims[axis]);
            others[axis] = dims[axis];
            if others != dims {
                return Err(refused(node, "its inputs do not fit each other"));
            }
        }
        self.sized(node, &dims)?;
        let before: usize = dims[..axis].iter().product();
        let after: usize = dims[axis + 1..].iter().product();
        // All kinds of values but 64-bit integers pass through doubles unchanged.
        let order = (0..before).flat_map(|outer| {
            parts.iter().flat_map(move |part| {
                let run = part.dims[axis] * after;
                (outer * run..(outer + 1) * run).map(move |at| (*part, at))
            })
        });
        let values = match first.values {
            ElementList::Float(_) => {
                ElementList::Float(order.map(|(part, at)| part.float(at)).collect())
            }
            ElementList::Double(_) => {
                ElementList::Double(order.map(|(part, at)| part.double(at)).collect())
            }
            ElementList::Narrow(_) => {
                ElementList::Narrow(order.map(|(part, at)| part.integer(at) as i32).collect())
            }
            ElementList::Wide(_) => {
                ElementList::Wide(order.map(|(part, at)| part.integer(at)).collect())
            }
        };
        Ok(Rc::new(Constant {
            dims,
            kind: first.kind,
            values,
        }))
    }

    fn slice(
        &self,
        node: &NodeMessage,
        attributes: &Attributes<'_>,
        inputs: &Inputs<'_>,
    ) -> Result<Rc<Constant>, OnnxError> {
        let data = inputs
            .first()
            .copied()
            .flatten()
            .ok_or_else(|| refused(node, "has no data"))?;
        let list = |index: usize, name: &'static str| {
            let given = inputs.get(index).copied().flatten();
            let attribute = attributes.integers(name).map(<[i64]>::to_vec);
            given.map(|given| given.all_integers()).or(attribute)
        };
        let (starts, ends) = (list(1, "starts"), list(2, "ends"));
        let (Some(starts), Some(ends)) = (starts, ends) else {
            return Err(refused(node, "does not say where it starts and ends"));
        };
        let axes =
            list(3, "axes").unwrap_or_else(|| (0..starts.len().cast_signed() as i64).collect());
        let steps = inputs.get(4).copied().flatten();
        let steps = steps.map_or_else(|| vec![1; starts.len()], |steps| steps.all_integers());
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(refused(node, "its lists have different lengths"));
        }
        let mut dims = data.dims.clone();
        let mut strides = row_major(&data.dims);
        let mut start = 0usize;
        let mut seen = Vec::new();
        for (((&from, &to), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = axis_of(node, axis, data.dims.len())?;
            let length = data.dims[axis].cast_signed() as i64;
            if seen.contains(&axis) {
                return Err(refused(node, "names an axis twice"));
            }
            seen.push(axis);
            if step == 0 || step == i64::MIN {
                return Err(refused(node, "has a step of 0"));
            }
            let place = |at: i64| {
                if at < 0 {
                    at.saturating_add(length)
                } else {
                    at
                }
            };
            let (first, count) = if step > 0 {
                let (from, to) = (place(from).clamp(0, length), place(to).clamp(0, length));
                (
                    from,
                    (to - from)
                        .max(0)
                        .cast_unsigned()
                        .div_ceil(step.cast_unsigned()),
                )
            } else {
                let (from, to) = (
                    place(from).clamp(-1, length - 1),
                    place(to).clamp(-1, length - 1),
                );
                (
                    from,
                    (from - to)
                        .max(0)
                        .cast_unsigned()
                        .div_ceil(step.unsigned_abs()),
                )
            };
            if count > 0 {
                start += first.cast_unsigned() as usize * strides[axis].cast_unsigned();
            }
            dims[axis] = count as usize;
            // A single value has no step, however large it is.
            let stride = strides[axis].saturating_mul(step as isize);
            strides[axis] = if count > 1 { stride } else { 0 };
        }
        self.sized(node, &dims)?;
        Ok(Rc::new(Constant {
            kind: data.kind,
            values: data.values.select(Walk::new(dims.clone(), strides, start)),
            dims,
        }))
    }

    fn binary(
        &self,
        node: &NodeMessage,
        a: &Rc<Constant>,
        b: &Rc<Constant>,
    ) -> Result<Rc<Constant>, OnnxError> {
        let misfit = || refused(node, "its shapes do not fit");
        let dims = broadcast_shape(&a.dims, &b.dims).ok_or_else(misfit)?;
        self.sized(node, &dims)?;
        let walks = Walk::broadcast(&a.dims, &dims).zip(Walk::broadcast(&b.dims, &dims));
        let (walk_a, walk_b) = walks.ok_or_else(misfit)?;
        let pairs = walk_a.zip(walk_b);
        let operator = node.op_type.as_str();
        let values = match (&a.values, a.kind) {
            (ElementList::Float(_), _) => ElementList::Float(
                pairs
                    .map(|(x, y)| float_result(operator, a.float(x), b.float(y)))
                    .collect(),
            ),
            (ElementList::Double(_), _) => ElementList::Double(
                pairs
                    .map(|(x, y)| double_result(operator, a.double(x), b.double(y)))
                    .collect(),
            ),
            (_, kind) => {
                let values: Option<Vec<i64>> = pairs
                    .map(|(x, y)| integer_result(operator, a.integer(x), b.integer(y)))
                    .collect();
                let values = values
                    .ok_or_else(|| refused(node, "has a result that is no integer of 64 bits"))?;
                ElementList::integers(kind, values)
            }
        };
        Ok(Rc::new(Constant {
            dims,
            kind: a.kind,
            values,
        }))
    }

    fn unary(&self, node: &NodeMessage, a: &Rc<Constant>) -> Result<Rc<Constant>, OnnxError> {
        self.spend(a.len())?;
        let float = |x: f32| match node.op_type.as_str() {
            "Neg" => -x,
            "Sqrt" => x.sqrt(),
            "Reciprocal" => 1.0 / x,
            "Floor" => x.floor(),
            "Ceil" => x.ceil(),
            _ => x.abs(),
        };
        let values = match (&a.values, node.op_type.as_str()) {
            (ElementList::Float(values), _) => {
                ElementList::Float(values.iter().map(|&x| float(x)).collect())
            }
            (ElementList::Wide(values), "Neg") => {
                ElementList::Wide(values.iter().map(|x| x.wrapping_neg()).collect())
            }
            (ElementList::Narrow(values), "Neg") => {
                ElementList::Narrow(values.iter().map(|x| x.wrapping_neg()).collect())
            }
            _ => return Err(refused(node, "is not computed for values of this type")),
        };
        Ok(Rc::new(Constant {
            dims: a.dims.clone(),
            kind: a.kind,
            values,
        }))
    }
}

fn float_result(operator: &str, x: f32, y: f32) -> f32 {
    match operator {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "Div" => x / y,
        _ => x.powf(y),
    }
}

fn double_result(operator: &str, x: f64, y: f64) -> f64 {
    match operator {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "Div" => x / y,
        _ => x.powf(y),
    }
}

fn integer_result(operator: &str, x: i64, y: i64) -> Option<i64> {
    match operator {
        "Add" => x.checked_add(y),
        "Sub" => x.checked_sub(y),
        "Mul" => x.checked_mul(y),
        "Div" => x.checked_div(y),
        _ => x.checked_pow(u32::try_from(y).ok()?),
    }
}

/// Resolves an axis, which counts from the end if it is negative.
pub(super) fn axis_of(node: &NodeMessage, axis: i64, rank: usize) -> Result<usize, OnnxError> {
    wrapped(axis, rank).ok_or_else(|| {
        refused(
            node,
            format!("axis {axis} of a tensor with {rank} dimensions"),
        )
    })
}

fn wrapped(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add_unsigned(length as u64)?
    } else {
        index
    };
    usize::try_from(index).ok().filter(|&index| index < length)
}

/// Returns which dimensions `Shape` gives.
pub(super) fn shape_range(attributes: &Attributes<'_>, rank: usize) -> std::ops::Range<usize> {
    let place = |at: i64| {
        let at = if at < 0 {
            at.saturating_add(rank.cast_signed() as i64)
        } else {
            at
        };
        at.clamp(0, rank.cast_signed() as i64) as usize
    };
    let start = place(attributes.integer_or("start", 0));
    start..place(attributes.integer_or("end", rank.cast_signed() as i64)).max(start)
}

/// Reads a tensor as dimensions.
fn shape_of(node: &NodeMessage, shape: &Constant) -> Result<Vec<usize>, OnnxError> {
    let dims: Option<Vec<usize>> = shape
        .all_integers()
        .iter()
        .map(|&dim| usize::try_from(dim).ok())
        .collect();
    dims.ok_or_else(|| refused(node, "has a negative dimension"))
}

/// Returns the order of axes of a `Transpose`.
pub(super) fn permutation(
    node: &NodeMessage,
    attributes: &Attributes<'_>,
    rank: usize,
) -> Result<Vec<usize>, OnnxError> {
    let Some(axes) = attributes.integers("perm") else {
        return Ok((0..rank).rev().collect());
    };
    let axes: Option<Vec<usize>> = axes
        .iter()
        .map(|&axis| usize::try_from(axis).ok())
        .collect();
    let axes = axes.unwrap_or_default();
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank) {
        return Err(refused(node, "its `perm` does not name each axis once"));
    }
    Ok(axes)
}

/// Returns the new dimensions of a `Reshape`, `Flatten`, `Squeeze` or `Unsqueeze`, of as many values as before.
pub(super) fn reshaped(
    node: &NodeMessage,
    attributes: &Attributes<'_>,
    dims: &[usize],
    second: Option<&Constant>,
) -> Result<Vec<usize>, OnnxError> {
    let rank = dims.len();
    let axes = || {
        let given = second.map(Constant::all_integers);
        given.or(attributes.integers("axes").map(<[i64]>::to_vec))
    };
    let new = match node.op_type.as_str() {
        "Flatten" => {
            let axis = attributes.integer_or("axis", 1);
            let axis = if axis == rank.cast_signed() as i64 {
                rank
            } else {
                axis_of(node, axis, rank)?
            };
            vec![dims[..axis].iter().product(), dims[axis..].iter().product()]
        }
        "Unsqueeze" => {
            let axes = axes().ok_or_else(|| refused(node, "has no axes"))?;
            let rank = rank.saturating_add(axes.len());
            if rank > MAX_RANK {
                return Err(refused(node, "gives too many dimensions"));
            }
            let mut new = vec![None; rank];
            for axis in axes {
                new[axis_of(node, axis, rank)?] = Some(1);
            }
            let mut rest = dims.iter().copied();
            let new: Option<Vec<usize>> = new
                .into_iter()
                .map(|dim| dim.or_else(|| rest.next()))
                .collect();
            new.filter(|_| rest.next().is_none())
                .ok_or_else(|| refused(node, "names an axis twice"))?
        }
        "Squeeze" => {
            let squeezed: Vec<usize> = match axes() {
                Some(axes) => axes
                    .iter()
                    .map(|&axis| axis_of(node, axis, rank))
                    .collect::<Result<_, _>>()?,
                None => (0..rank).filter(|&axis| dims[axis] == 1).collect(),
            };
            if let Some(&axis) = squeezed.iter().find(|&&axis| dims[axis] != 1) {
                return Err(refused(
                    node,
                    format!("removes axis {axis}, which has {} values", dims[axis]),
                ));
            }
            let kept = (0..rank).filter(|axis| !squeezed.contains(axis));
            kept.map(|axis| dims[axis]).collect()
        }
        _ => {
            let shape = second.ok_or_else(|| refused(node, "its shape is not a constant"))?;
            let allow_zero = attributes.integer_or("allowzero", 0) != 0;
            target_shape(node, dims, &shape.all_integers(), allow_zero)?
        }
    };
    if count(&new).is_none() || count(&new) != count(dims) {
        return Err(refused(
            node,
            format!("does not fit: from shape {dims:?} to {new:?}"),
        ));
    }
    Ok(new)
}

/// Resolves the shape of a `Reshape`: 0 copies a dimension, -1 stands for what is left.
fn target_shape(
    node: &NodeMessage,
    dims: &[usize],
    shape: &[i64],
    allow_zero: bool,
) -> Result<Vec<usize>, OnnxError> {
    if shape.len() > MAX_RANK {
        return Err(refused(node, "gives too many dimensions"));
    }
    let mut new = Vec::with_capacity(shape.len());
    let mut free = None;
    for (axis, &dim) in shape.iter().enumerate() {
        new.push(match dim {
            -1 if free.is_none() => {
                free = Some(axis);
                1
            }
            0 if !allow_zero => *dims
                .get(axis)
                .ok_or_else(|| refused(node, "copies a dimension that is not there"))?,
            0.. => usize::try_from(dim).unwrap_or(usize::MAX),
            _ => return Err(refused(node, format!("has the impossible shape {shape:?}"))),
        });
    }
    if let Some(axis) = free {
        let others = new
            .iter()
            .fold(1usize, |product, &dim| product.saturating_mul(dim));
        let all: usize = dims.iter().product();
        if others == 0 || !all.is_multiple_of(others) {
            return Err(refused(
                node,
                format!("does not fit: from shape {dims:?} to {shape:?}"),
            ));
        }
        new[axis] = all / others;
    }
    Ok(new)
}
