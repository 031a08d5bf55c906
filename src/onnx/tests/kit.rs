//! Builds ONNX files for tests.

use prost::Message as _;

use super::super::message::*;
use crate::network::SplitMix64;

/// A file in the making, with one input and one output.
#[derive(Clone)]
pub(super) struct File {
    pub model: ModelMessage,
}

/// An attribute's value.
pub(super) enum Attr<'a> {
    I(i64),
    F(f32),
    Is(&'a [i64]),
    S(&'a str),
    T(Box<TensorMessage>),
}

pub(super) fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorMessage {
    TensorMessage {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: Some(
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
                .into(),
        ),
        ..TensorMessage::default()
    }
}

pub(super) fn integers(name: &str, dims: &[i64], data_type: i32, values: &[i64]) -> TensorMessage {
    let mut made = TensorMessage {
        name: name.into(),
        dims: dims.to_vec(),
        data_type,
        ..TensorMessage::default()
    };
    if data_type == 7 {
        made.int64_data = values.to_vec();
    } else {
        made.int32_data = values.iter().map(|&v| v as i32).collect();
    }
    made
}

impl File {
    /// Begins a file that reads `input`; negative dimensions are open.
    pub fn new(dims: &[i64]) -> Self {
        let dim = dims.iter().map(|&dim| DimensionMessage {
            dim_value: (dim >= 0).then_some(dim),
            dim_param: (dim < 0).then(|| "batch".into()),
        });
        let value = ValueMessage {
            name: "input".into(),
            r#type: Some(TypeMessage {
                tensor_type: Some(TensorTypeMessage {
                    elem_type: 1,
                    shape: Some(ShapeMessage { dim: dim.collect() }),
                }),
            }),
        };
        let graph = GraphMessage {
            input: vec![value],
            output: vec![ValueMessage {
                name: "output".into(),
                r#type: None,
            }],
            ..GraphMessage::default()
        };
        let opset = OpsetMessage {
            domain: String::new(),
            version: 20,
        };
        Self {
            model: ModelMessage {
                ir_version: 10,
                graph: Some(graph),
                opset_import: vec![opset],
                ..ModelMessage::default()
            },
        }
    }

    pub fn graph(&mut self) -> &mut GraphMessage {
        self.model.graph.as_mut().unwrap()
    }

    pub fn opset(mut self, version: i64) -> Self {
        self.model.opset_import[0].version = version;
        self
    }

    /// Adds a constant of floats.
    pub fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.graph().initializer.push(tensor(name, dims, values));
        self
    }

    /// Adds a constant of 64-bit integers.
    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        let made = integers(name, &[values.len() as i64], 7, values);
        self.graph().initializer.push(made);
        self
    }

    /// Adds a constant of another type of integers.
    pub fn typed(mut self, name: &str, dims: &[i64], data_type: i32, values: &[i64]) -> Self {
        self.graph()
            .initializer
            .push(integers(name, dims, data_type, values));
        self
    }

    /// Adds a node.
    pub fn node(self, op: &str, inputs: &[&str], output: &str) -> Self {
        self.with(op, inputs, output, &[])
    }

    /// Adds a node with attributes.
    pub fn with(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attr<'_>)],
    ) -> Self {
        let attribute = attributes.iter().map(|(name, value)| {
            let mut made = AttributeMessage {
                name: (*name).into(),
                ..AttributeMessage::default()
            };
            match value {
                Attr::I(i) => made.i = Some(*i),
                Attr::F(f) => made.f = Some(*f),
                Attr::Is(ints) => made.ints = ints.to_vec(),
                Attr::S(text) => made.s = Some(text.as_bytes().to_vec().into()),
                Attr::T(tensor) => made.t = Some(TensorMessage::clone(tensor)),
            }
            made
        });
        let (op_type, domain) = op.split_once('@').unwrap_or((op, ""));
        let node = NodeMessage {
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            name: format!("/{output}"),
            op_type: op_type.into(),
            attribute: attribute.collect(),
            domain: domain.into(),
        };
        self.graph().node.push(node);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.model.encode_to_vec()
    }
}

/// Draws floats between -1 and 1, none of them 0.
pub(super) fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count)
        .map(|_| random.between(1, 2000) as f32 / 1000.5 - 1.0)
        .collect()
}

/// Draws integers between `-limit` and `limit`, as floats.
pub(super) fn whole(seed: u64, count: usize, limit: i64) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    let all = 2 * limit.unsigned_abs() as usize;
    (0..count)
        .map(|_| random.between(0, all) as f32 - limit as f32)
        .collect()
}
