//! The graph of a file: its one input, its constants, and the nodes that its one output needs, each after those it reads.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use super::{
    OnnxError,
    error::short,
    external::External,
    message::{GraphMessage, ModelMessage, NodeMessage, ValueMessage},
    tensor::{Constant, ElementKind, MAX_RANK, MAX_VALUES, count},
};

/// Largest number of nodes that are read.
const MAX_NODES: usize = 10_000;
/// Largest number of values in all constants together.
const MAX_CONSTANT_VALUES: usize = MAX_VALUES / 2;
/// The versions of ONNX's operators that are read.
const OPSETS: std::ops::RangeInclusive<i64> = 9..=23;
/// The domains in which Brevitas and qonnx put their quantisers.
const QUANTIZER_DOMAINS: [&str; 3] = [
    "qonnx.custom_op.general",
    "onnx.brevitas",
    "finn.custom_op.general",
];
/// The operators of these domains.
const QUANTIZERS: [&str; 5] = ["Quant", "IntQuant", "BipolarQuant", "Trunc", "FloatQuant"];

/// The input of a graph.
pub(super) struct GraphInput {
    pub name: String,
    /// The type of its values.
    pub kind: ElementKind,
    /// Its dimensions; `None` for one that may be anything.
    pub dims: Vec<Option<usize>>,
}

/// A graph in which every name is defined.
pub(super) struct Graph {
    pub input: GraphInput,
    pub output: String,
    pub nodes: Vec<NodeMessage>,
    pub constants: HashMap<String, Rc<Constant>>,
    pub metadata: BTreeMap<String, String>,
    /// The program that wrote the file.
    pub producer: String,
}

/// Returns the node's name as errors show it: its first output's if it has none.
pub(super) fn shown(node: &NodeMessage) -> String {
    let first = node.output.first().map_or("", String::as_str);
    short(if node.name.is_empty() {
        first
    } else {
        &node.name
    })
}

/// Builds the error about a node.
pub(super) fn refused(node: &NodeMessage, problem: impl Into<String>) -> OnnxError {
    OnnxError::Node {
        node: shown(node),
        operator: short(&node.op_type),
        problem: problem.into(),
    }
}

impl Graph {
    /// Checks a file's graph and reads its constants.
    ///
    /// # Errors
    /// [`OnnxError`] naming the first thing that is wrong.
    pub fn new(model: ModelMessage, external: &External) -> Result<Self, OnnxError> {
        let mut graph = model
            .graph
            .ok_or_else(|| OnnxError::damaged("it has no graph"))?;
        check_opset(&model.opset_import)?;
        if !graph.sparse_initializer.is_empty() {
            return Err(OnnxError::model(
                "the graph has sparse tensors; save it with dense ones",
            ));
        }
        let [output] = graph.output.as_slice() else {
            let names: Vec<String> = graph
                .output
                .iter()
                .take(8)
                .map(|output| format!("`{}`", short(&output.name)))
                .collect();
            return Err(OnnxError::model(format!(
                "the graph has {} outputs ({}), where one vector of logits is expected; export the model with one",
                graph.output.len(),
                names.join(", ")
            )));
        };
        let output = output.name.clone();
        let order = in_order(&graph, &output)?;
        let nodes: Vec<NodeMessage> = order
            .into_iter()
            .map(|index| std::mem::take(&mut graph.node[index]))
            .collect();
        for node in &nodes {
            check_domain(node)?;
            if node
                .attribute
                .iter()
                .any(|a| a.g.is_some() || !a.graphs.is_empty())
            {
                return Err(refused(
                    node,
                    "has a graph within: control flow depends on values, which are encrypted; export the model without it",
                ));
            }
        }
        let input = find_input(&graph, &nodes)?;
        let constants = read_constants(&graph, &nodes, &output, external)?;
        let metadata = model
            .metadata_props
            .into_iter()
            .map(|entry| (entry.key, entry.value));
        Ok(Self {
            input,
            output,
            nodes,
            constants,
            metadata: metadata.collect(),
            producer: format!(
                "{} {}",
                short(&model.producer_name),
                short(&model.producer_version)
            )
            .trim()
            .to_owned(),
        })
    }
}

fn check_opset(imports: &[super::message::OpsetMessage]) -> Result<(), OnnxError> {
    let own = imports.iter().find(|import| is_standard(&import.domain));
    let Some(own) = own else {
        return Err(OnnxError::damaged(
            "it does not say which version of ONNX's operators it uses",
        ));
    };
    if !OPSETS.contains(&own.version) {
        return Err(OnnxError::model(format!(
            "the model uses version {} of ONNX's operators; {} to {} are read: export it with `opset_version=20`",
            own.version,
            OPSETS.start(),
            OPSETS.end()
        )));
    }
    Ok(())
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn check_domain(node: &NodeMessage) -> Result<(), OnnxError> {
    let quantizer = QUANTIZER_DOMAINS.contains(&node.domain.as_str())
        && QUANTIZERS.contains(&node.op_type.as_str());
    if is_standard(&node.domain) && !QUANTIZERS.contains(&node.op_type.as_str()) || quantizer {
        return Ok(());
    }
    Err(refused(
        node,
        format!(
            "is an operator of the domain `{}`, which is not known; export the model with ONNX's own operators, or with \
             Brevitas's quantisers",
            short(&node.domain)
        ),
    ))
}

/// Progress of the search for a node's inputs.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Unseen,
    Open,
    Done,
}

/// Returns the positions of the nodes that `output` needs, each after those whose outputs it reads.
fn in_order(graph: &GraphMessage, output: &str) -> Result<Vec<usize>, OnnxError> {
    if graph.node.len() > MAX_NODES {
        return Err(OnnxError::TooLarge {
            what: "the nodes of the graph",
            limit: MAX_NODES as u64,
        });
    }
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if makers.insert(name, index).is_some() {
                return Err(refused(node, format!("`{}` is defined twice", short(name))));
            }
        }
    }
    for tensor in &graph.initializer {
        if makers.contains_key(tensor.name.as_str()) {
            return Err(OnnxError::tensor(
                &tensor.name,
                "is a constant and also a node's output",
            ));
        }
    }
    let mut states = vec![Visit::Unseen; graph.node.len()];
    let mut order = Vec::new();
    // A node with the number of its inputs that have been looked at.
    let mut stack: Vec<(usize, usize)> = Vec::new();
    if let Some(&last) = makers.get(output) {
        states[last] = Visit::Open;
        stack.push((last, 0));
    }
    while let Some(top) = stack.last_mut() {
        let (index, next) = *top;
        let Some(name) = graph.node[index].input.get(next) else {
            states[index] = Visit::Done;
            order.push(index);
            stack.pop();
            continue;
        };
        top.1 += 1;
        let Some(&maker) = makers.get(name.as_str()) else {
            continue;
        };
        match states[maker] {
            Visit::Done => {}
            Visit::Open => {
                return Err(refused(
                    &graph.node[maker],
                    "needs its own output: the graph has a cycle",
                ));
            }
            Visit::Unseen => {
                states[maker] = Visit::Open;
                stack.push((maker, 0));
            }
        }
    }
    Ok(order)
}

/// Finds the one input that the nodes read.
fn find_input(graph: &GraphMessage, nodes: &[NodeMessage]) -> Result<GraphInput, OnnxError> {
    // Older exporters list the weights as inputs, too.
    let names: std::collections::HashSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    let read: std::collections::HashSet<&str> = nodes
        .iter()
        .flat_map(|node| &node.input)
        .map(String::as_str)
        .collect();
    let free: Vec<&ValueMessage> = graph
        .input
        .iter()
        .filter(|value| !names.contains(value.name.as_str()) && read.contains(value.name.as_str()))
        .collect();
    let [value] = free.as_slice() else {
        let shown: Vec<String> = free
            .iter()
            .take(8)
            .map(|value| format!("`{}`", short(&value.name)))
            .collect();
        return Err(OnnxError::model(if free.is_empty() {
            "the output depends on no input".to_owned()
        } else {
            format!(
                "the graph reads {} inputs ({}), where one image is expected; if one of them is a weight, export the model \
                 with its weights",
                free.len(),
                shown.join(", ")
            )
        }));
    };
    let tensor = value
        .r#type
        .as_ref()
        .and_then(|r#type| r#type.tensor_type.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let (Some(tensor), Some(shape)) = (tensor, shape) else {
        return Err(OnnxError::tensor(
            &value.name,
            "is the input, and its shape is not given",
        ));
    };
    let kind = ElementKind::of(i64::from(tensor.elem_type)).ok_or_else(|| {
        OnnxError::tensor(&value.name, "is the input, and is no tensor of numbers")
    })?;
    if shape.dim.len() > MAX_RANK {
        return Err(OnnxError::tensor(
            &value.name,
            "is the input, and has too many dimensions",
        ));
    }
    let mut dims = Vec::new();
    for dim in &shape.dim {
        dims.push(match dim.dim_value {
            // Some exporters write a free dimension as 0 or -1.
            None | Some(..=0) => None,
            Some(value) => usize::try_from(value).ok(),
        });
    }
    let known: Vec<usize> = dims.iter().flatten().copied().collect();
    if count(&known).is_none() {
        return Err(OnnxError::tensor(
            &value.name,
            format!("is the input, and has more than {MAX_VALUES} values"),
        ));
    }
    Ok(GraphInput {
        name: value.name.clone(),
        kind,
        dims,
    })
}

/// Reads the constants that the nodes use, and checks that every name is defined.
fn read_constants(
    graph: &GraphMessage,
    nodes: &[NodeMessage],
    output: &str,
    external: &External,
) -> Result<HashMap<String, Rc<Constant>>, OnnxError> {
    let mut tensors = HashMap::new();
    for tensor in &graph.initializer {
        if tensors.insert(tensor.name.as_str(), tensor).is_some() {
            return Err(OnnxError::tensor(&tensor.name, "is defined twice"));
        }
    }
    let inputs: std::collections::HashSet<&str> = graph
        .input
        .iter()
        .map(|value| value.name.as_str())
        .collect();
    let made: std::collections::HashSet<&str> = nodes
        .iter()
        .flat_map(|node| &node.output)
        .map(String::as_str)
        .collect();
    let mut constants = HashMap::new();
    let mut values = 0usize;
    for node in nodes {
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            if constants.contains_key(name) || made.contains(name.as_str()) {
                continue;
            }
            let Some(tensor) = tensors.get(name.as_str()) else {
                if inputs.contains(name.as_str()) {
                    continue;
                }
                return Err(refused(
                    node,
                    format!("reads `{}`, which nothing defines", short(name)),
                ));
            };
            // Before anything is allocated for it.
            let claimed = tensor
                .dims
                .iter()
                .map(|&dim| usize::try_from(dim).unwrap_or(usize::MAX));
            values = values.saturating_add(claimed.fold(1, usize::saturating_mul));
            if values > MAX_CONSTANT_VALUES {
                return Err(OnnxError::TooLarge {
                    what: "the values of the graph's constants",
                    limit: MAX_CONSTANT_VALUES as u64,
                });
            }
            constants.insert(name.clone(), Constant::read(tensor, external)?);
        }
    }
    if !made.contains(output) {
        return Err(OnnxError::model(format!(
            "the output `{}` is made by no node",
            short(output)
        )));
    }
    Ok(constants)
}
