//! A second evaluation of graphs, which shares nothing with the importer: doubles, one node after the other.

use std::collections::HashMap;

use super::super::message::*;

/// A tensor.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    pub fn new(dims: &[usize], values: Vec<f64>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), values.len(), "{dims:?}");
        Self {
            dims: dims.to_vec(),
            values,
        }
    }

    fn read(message: &TensorMessage) -> Self {
        let dims: Vec<usize> = message.dims.iter().map(|&d| d as usize).collect();
        let values: Vec<f64> = match (&message.raw_data, message.data_type) {
            (Some(raw), 1) => raw
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()).into())
                .collect(),
            (None, 1) => message.float_data.iter().map(|&v| v.into()).collect(),
            (_, 7) => message.int64_data.iter().map(|&v| v as f64).collect(),
            _ => message.int32_data.iter().map(|&v| f64::from(v)).collect(),
        };
        Self::new(&dims, values)
    }

    /// Returns the value at an index, with dimensions of 1 and missing ones repeated.
    fn at(&self, index: &[usize]) -> f64 {
        let mut flat = 0;
        for (axis, &dim) in self.dims.iter().enumerate() {
            // Counted from the last one; a first dimension of 1 may be missing in the index.
            let at = (index.len() + axis).checked_sub(self.dims.len());
            flat = flat * dim + if dim == 1 { 0 } else { index[at.unwrap()] };
        }
        self.values[flat]
    }
}

fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &dim in dims {
        all = all
            .iter()
            .flat_map(|i: &Vec<usize>| (0..dim).map(move |at| [i.as_slice(), &[at]].concat()))
            .collect();
    }
    all
}

fn make(dims: &[usize], f: impl Fn(&[usize]) -> f64) -> Tensor {
    Tensor::new(dims, indices(dims).iter().map(|i| f(i)).collect())
}

fn broadcast(a: &Tensor, b: &Tensor, f: impl Fn(f64, f64) -> f64) -> Tensor {
    let rank = a.dims.len().max(b.dims.len());
    let dim = |t: &Tensor, axis: usize| {
        (axis + t.dims.len())
            .checked_sub(rank)
            .map_or(1, |at| t.dims[at])
    };
    let dims: Vec<usize> = (0..rank)
        .map(|axis| dim(a, axis).max(dim(b, axis)))
        .collect();
    make(&dims, |i| f(a.at(i), b.at(i)))
}

struct Node<'a>(&'a NodeMessage);

impl Node<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeMessage> {
        self.0.attribute.iter().find(|a| a.name == name)
    }
    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.i).unwrap_or(default)
    }
    fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.attribute(name).map(|a| a.ints.clone())
    }
    fn float(&self, name: &str, default: f32) -> f64 {
        self.attribute(name)
            .and_then(|a| a.f)
            .unwrap_or(default)
            .into()
    }
    fn text(&self, name: &str) -> String {
        let bytes = self
            .attribute(name)
            .and_then(|a| a.s.clone())
            .unwrap_or_default();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

/// Sums up windows of an image or signal: `f(output channel, input channel, tap)` weighs a value.
fn windows(
    node: &Node<'_>,
    x: &Tensor,
    kernel: &[usize],
    outputs: usize,
    f: impl Fn(usize, usize, &[usize]) -> f64,
) -> (Tensor, Tensor) {
    let rank = kernel.len();
    let one = |name: &str, default| node.ints(name).unwrap_or(vec![default; rank]);
    let (strides, dilations) = (one("strides", 1), one("dilations", 1));
    let mut pads = node.ints("pads").unwrap_or(vec![0; 2 * rank]);
    let mode = node.text("auto_pad");
    if mode.starts_with("SAME") {
        for axis in 0..rank {
            let size = x.dims[2 + axis] as i64;
            let out = (size + strides[axis] - 1) / strides[axis];
            let total =
                ((out - 1) * strides[axis] + (kernel[axis] as i64 - 1) * dilations[axis] + 1
                    - size)
                    .max(0);
            let small = total / 2;
            (pads[axis], pads[rank + axis]) = if mode == "SAME_UPPER" {
                (small, total - small)
            } else {
                (total - small, small)
            };
        }
    }
    let mut dims = vec![1, outputs];
    for axis in 0..rank {
        let spread = (kernel[axis] as i64 - 1) * dilations[axis] + 1;
        let room = x.dims[2 + axis] as i64 + pads[axis] + pads[rank + axis] - spread;
        dims.push((room / strides[axis] + 1) as usize);
    }
    let taps = indices(kernel);
    let walk = |i: &[usize], counting: bool| {
        let mut sum = 0.0;
        for channel in 0..if counting { 1 } else { x.dims[1] } {
            for tap in &taps {
                let mut at = vec![0, channel];
                let inside = (0..rank).all(|axis| {
                    let p = i[2 + axis] as i64 * strides[axis] + tap[axis] as i64 * dilations[axis]
                        - pads[axis];
                    at.push(p.max(0) as usize);
                    p >= 0 && p < x.dims[2 + axis] as i64
                });
                if inside {
                    sum += if counting {
                        1.0
                    } else {
                        f(i[1], channel, tap) * x.at(&at)
                    };
                }
            }
        }
        sum
    };
    (
        make(&dims, |i| walk(i, false)),
        make(&dims, |i| walk(i, true)),
    )
}

fn half_even(x: f32) -> f32 {
    let floor = x.floor();
    match (x - floor).partial_cmp(&0.5).unwrap() {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal if floor % 2.0 == 0.0 => floor,
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => floor + 1.0,
    }
}

/// Spreads a vector along an axis, as the linear quantisers of ONNX do.
fn along(parameter: &Tensor, axis: i64, rank: usize) -> Tensor {
    let mut dims = vec![1; rank];
    if parameter.values.len() > 1 {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        dims[axis as usize] = parameter.values.len();
    }
    Tensor::new(&dims, parameter.values.clone())
}

/// Evaluates the output of a graph for an input.
pub(super) fn evaluate(model: &ModelMessage, input: &Tensor) -> Tensor {
    let graph = model.graph.as_ref().unwrap();
    let mut all: HashMap<String, Tensor> = HashMap::new();
    let mut types: HashMap<String, i32> = HashMap::new();
    for tensor in &graph.initializer {
        all.insert(tensor.name.clone(), Tensor::read(tensor));
        types.insert(tensor.name.clone(), tensor.data_type);
    }
    all.insert("input".into(), input.clone());
    for message in &graph.node {
        let node = Node(message);
        let x = |index: usize| all[&message.input[index]].clone();
        let has = |index: usize| {
            message
                .input
                .get(index)
                .is_some_and(|name| !name.is_empty())
        };
        let list =
            |index: usize| -> Vec<i64> { x(index).values.iter().map(|&v| v as i64).collect() };
        let made = match message.op_type.as_str() {
            "Constant" => Tensor::read(node.attribute("value").unwrap().t.as_ref().unwrap()),
            "ConstantOfShape" => {
                let value = node
                    .attribute("value")
                    .map_or(0.0, |a| Tensor::read(a.t.as_ref().unwrap()).values[0]);
                let dims: Vec<usize> = list(0).iter().map(|&d| d as usize).collect();
                make(&dims, |_| value)
            }
            "Identity" | "Cast" | "Dropout" | "Softmax" => x(0),
            "Shape" => {
                let dims = x(0).dims;
                Tensor::new(&[dims.len()], dims.iter().map(|&d| d as f64).collect())
            }
            "Gather" => {
                let (data, index) = (x(0), x(1));
                let picked = index
                    .values
                    .iter()
                    .map(|&i| data.values[i as usize])
                    .collect();
                Tensor::new(&index.dims, picked)
            }
            "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" => {
                let data = x(0);
                let dims: Vec<usize> = match message.op_type.as_str() {
                    "Flatten" => vec![data.dims[0], data.dims[1..].iter().product()],
                    "Squeeze" => {
                        let axes: Vec<i64> = if has(1) {
                            list(1)
                        } else {
                            node.ints("axes").unwrap()
                        };
                        let kept = |axis: &usize| {
                            !axes.iter().any(|&a| {
                                a == *axis as i64 || a + data.dims.len() as i64 == *axis as i64
                            })
                        };
                        (0..data.dims.len())
                            .filter(kept)
                            .map(|axis| data.dims[axis])
                            .collect()
                    }
                    "Unsqueeze" => {
                        let mut dims = data.dims.clone();
                        for axis in if has(1) {
                            list(1)
                        } else {
                            node.ints("axes").unwrap()
                        } {
                            dims.insert(axis as usize, 1);
                        }
                        dims
                    }
                    _ => {
                        let shape = list(1);
                        let mut dims: Vec<usize> = shape
                            .iter()
                            .enumerate()
                            .map(|(axis, &d)| {
                                if d == 0 {
                                    data.dims[axis]
                                } else {
                                    d.max(1) as usize
                                }
                            })
                            .collect();
                        if let Some(free) = shape.iter().position(|&d| d == -1) {
                            dims[free] = data.values.len() / dims.iter().product::<usize>();
                        }
                        dims
                    }
                };
                Tensor::new(&dims, data.values)
            }
            "Concat" => {
                let values: Vec<f64> = (0..message.input.len()).flat_map(|i| x(i).values).collect();
                Tensor::new(&[values.len()], values)
            }
            "Slice" => {
                // Of a vector or a matrix along its first axis.
                let data = x(0);
                let step = if has(4) { list(4)[0] } else { 1 };
                let rows = data.dims[0] as i64;
                let clamp = |at: i64, low: i64| {
                    (if at < 0 { (at + rows).max(low) } else { at }).min(rows - low.abs())
                };
                let (mut at, end) = if step > 0 {
                    (clamp(list(1)[0], 0), list(2)[0].min(rows))
                } else {
                    (rows - 1, -1)
                };
                let width: usize = data.dims[1..].iter().product();
                let mut values = Vec::new();
                while if step > 0 { at < end } else { at > end } {
                    values.extend(&data.values[at as usize * width..(at as usize + 1) * width]);
                    at += step;
                }
                let mut dims = data.dims.clone();
                dims[0] = values.len() / width;
                Tensor::new(&dims, values)
            }
            "Transpose" => {
                let data = x(0);
                let perm = node
                    .ints("perm")
                    .unwrap_or((0..data.dims.len() as i64).rev().collect());
                let dims: Vec<usize> = perm.iter().map(|&p| data.dims[p as usize]).collect();
                make(&dims, |i| {
                    let mut at = vec![0; i.len()];
                    perm.iter().zip(i).for_each(|(&p, &v)| at[p as usize] = v);
                    data.at(&at)
                })
            }
            "Add" => broadcast(&x(0), &x(1), |a, b| a + b),
            "Sub" => broadcast(&x(0), &x(1), |a, b| a - b),
            "Mul" => broadcast(&x(0), &x(1), |a, b| a * b),
            "Div" => broadcast(&x(0), &x(1), |a, b| a / b),
            "Pow" => broadcast(&x(0), &x(1), f64::powf),
            "Neg" => make(&x(0).dims, |i| -x(0).at(i)),
            "Conv" => {
                let (data, weight) = (x(0), x(1));
                let groups = node.int("group", 1) as usize;
                let (outputs, inputs) = (weight.dims[0], weight.dims[1]);
                let (sums, _) = windows(&node, &data, &weight.dims[2..], outputs, |o, c, tap| {
                    let first = o / (outputs / groups) * inputs;
                    match c.checked_sub(first) {
                        Some(c) if c < inputs => weight.at(&[&[o, c], tap].concat()),
                        _ => 0.0,
                    }
                });
                let bias = if has(2) {
                    x(2).values
                } else {
                    vec![0.0; outputs]
                };
                make(&sums.dims, |i| sums.at(i) + bias[i[1]])
            }
            "AveragePool" => {
                let data = x(0);
                let kernel: Vec<usize> = node
                    .ints("kernel_shape")
                    .unwrap()
                    .iter()
                    .map(|&k| k as usize)
                    .collect();
                let area: usize = kernel.iter().product();
                let (sums, counts) = windows(&node, &data, &kernel, data.dims[1], |o, c, _| {
                    f64::from(u8::from(o == c))
                });
                let include = node.int("count_include_pad", 0) != 0;
                make(&sums.dims, |i| {
                    sums.at(i) / if include { area as f64 } else { counts.at(i) }
                })
            }
            "GlobalAveragePool" | "ReduceMean" | "ReduceSum" => {
                let data = x(0);
                let rank = data.dims.len();
                let axes: Vec<i64> = if message.op_type == "GlobalAveragePool" {
                    (2..rank as i64).collect()
                } else if has(1) {
                    list(1)
                } else {
                    node.ints("axes").unwrap()
                };
                let axes: Vec<usize> = axes
                    .iter()
                    .map(|&a| if a < 0 { a + rank as i64 } else { a } as usize)
                    .collect();
                let count: usize = axes.iter().map(|&a| data.dims[a]).product();
                let mut dims = data.dims.clone();
                for &axis in &axes {
                    dims[axis] = 1;
                }
                let sums = make(&dims, |i| {
                    let inside = indices(&data.dims)
                        .into_iter()
                        .filter(|j| (0..rank).all(|a| axes.contains(&a) || i[a] == j[a]));
                    inside.map(|j| data.at(&j)).sum::<f64>()
                        / if message.op_type == "ReduceSum" {
                            1.0
                        } else {
                            count as f64
                        }
                });
                let kept: Vec<usize> = if node.int("keepdims", 1) != 0 {
                    dims
                } else {
                    (0..rank)
                        .filter(|a| !axes.contains(a))
                        .map(|a| dims[a])
                        .collect()
                };
                Tensor::new(&kept, sums.values)
            }
            "BatchNormalization" => {
                let data = x(0);
                let parts: Vec<Vec<f64>> = (1..5).map(|i| x(i).values).collect();
                let epsilon = node.float("epsilon", 1e-5);
                make(&data.dims, |i| {
                    let c = i[1];
                    (data.at(i) - parts[2][c]) / (parts[3][c] + epsilon).sqrt() * parts[0][c]
                        + parts[1][c]
                })
            }
            "MatMul" => {
                let (a, b) = (x(0), x(1));
                let mut dims = a.dims.clone();
                *dims.last_mut().unwrap() = b.dims[1];
                make(&dims, |i| {
                    let (last, before) = i.split_last().unwrap();
                    (0..b.dims[0])
                        .map(|k| a.at(&[before, &[k]].concat()) * b.at(&[k, *last]))
                        .sum()
                })
            }
            "Gemm" => {
                let (a, b) = (x(0), x(1));
                let transposed = node.int("transB", 0) != 0;
                let (k, n) = if transposed {
                    (b.dims[1], b.dims[0])
                } else {
                    (b.dims[0], b.dims[1])
                };
                let c = if has(2) {
                    x(2)
                } else {
                    Tensor::new(&[1], vec![0.0])
                };
                make(&[a.dims[0], n], |i| {
                    let sum: f64 = (0..k)
                        .map(|k| {
                            a.at(&[i[0], k])
                                * if transposed {
                                    b.at(&[i[1], k])
                                } else {
                                    b.at(&[k, i[1]])
                                }
                        })
                        .sum();
                    node.float("alpha", 1.0) * sum + node.float("beta", 1.0) * c.at(i)
                })
            }
            "Pad" => {
                let data = x(0);
                let pads = if has(1) {
                    list(1)
                } else {
                    node.ints("pads").unwrap()
                };
                let rank = data.dims.len();
                let dims: Vec<usize> = (0..rank)
                    .map(|a| data.dims[a] + pads[a] as usize + pads[rank + a] as usize)
                    .collect();
                make(&dims, |i| {
                    let at: Option<Vec<usize>> = (0..rank)
                        .map(|a| {
                            i[a].checked_sub(pads[a] as usize)
                                .filter(|&p| p < data.dims[a])
                        })
                        .collect();
                    at.map_or(0.0, |at| data.at(&at))
                })
            }
            "Quant" | "IntQuant" => {
                let (data, scale, zero, bits) = (x(0), x(1), x(2), x(3).values[0]);
                let (signed, narrow) = (node.int("signed", 1) != 0, node.int("narrow", 0) as f64);
                let (low, high) = if signed {
                    (
                        -(2f64.powf(bits - 1.0)) + narrow,
                        2f64.powf(bits - 1.0) - 1.0,
                    )
                } else {
                    (0.0, 2f64.powf(bits) - 1.0 - narrow)
                };
                let mode = node.text("rounding_mode");
                make(&data.dims, |i| {
                    let scaled = data.at(i) as f32 / scale.at(i) as f32 + zero.at(i) as f32;
                    let clipped = scaled.max(low as f32).min(high as f32);
                    let q = match mode.as_str() {
                        "FLOOR" => clipped.floor(),
                        "CEIL" => clipped.ceil(),
                        _ => half_even(clipped),
                    };
                    (f64::from(q) - zero.at(i)) * scale.at(i)
                })
            }
            "BipolarQuant" => {
                let (data, scale) = (x(0), x(1));
                make(&data.dims, |i| {
                    if data.at(i) >= 0.0 {
                        scale.at(i)
                    } else {
                        -scale.at(i)
                    }
                })
            }
            "QuantizeLinear" => {
                let data = x(0);
                let rank = data.dims.len();
                let scale = along(&x(1), node.int("axis", 1), rank);
                let zero = along(&x(2), node.int("axis", 1), rank);
                let unsigned = types.get(&message.input[2]) == Some(&2);
                let (low, high) = if unsigned {
                    (0.0, 255.0)
                } else {
                    (-128.0, 127.0)
                };
                make(&data.dims, |i| {
                    let q = half_even(data.at(i) as f32 / scale.at(i) as f32);
                    (f64::from(q) + zero.at(i)).clamp(low, high)
                })
            }
            "Clip" => {
                let (data, low, high) = (x(0), x(1).values[0], x(2).values[0]);
                make(&data.dims, |i| data.at(i).clamp(low, high))
            }
            "DequantizeLinear" => {
                let data = x(0);
                let rank = data.dims.len();
                let scale = along(&x(1), node.int("axis", 1), rank);
                let zero = if has(2) {
                    along(&x(2), node.int("axis", 1), rank)
                } else {
                    Tensor::new(&[1], vec![0.0])
                };
                make(&data.dims, |i| (data.at(i) - zero.at(i)) * scale.at(i))
            }
            other => panic!("the reference does not know {other}"),
        };
        all.insert(message.output[0].clone(), made);
    }
    all["output"].clone()
}
