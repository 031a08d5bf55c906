//! Reasons why an ONNX file is not imported.

use std::{io, path::PathBuf};

use crate::network::{InputError, NetworkError};

/// An ONNX file cannot be imported. A message about a node names it, its operator, and what to use instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A file cannot be read.
    #[error("{}: cannot read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The bytes are something else.
    #[error("not an ONNX model: this is {kind}")]
    OtherKind {
        /// The kind of file it is.
        kind: &'static str,
    },
    /// The bytes are no ONNX model, or a damaged one.
    #[error("not an ONNX model, or a damaged one: {problem}")]
    Damaged {
        /// The first thing that is wrong.
        problem: String,
    },
    /// The file, or what it describes, is larger than what is read.
    #[error("{what}: at most {limit} are read")]
    TooLarge {
        /// The thing that is too large, and its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The model as a whole is not supported.
    #[error("{0}")]
    Model(String),
    /// A tensor cannot be used.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// The problem with it.
        problem: String,
    },
    /// A node cannot be part of an encrypted network.
    #[error("node `{node}` ({operator}): {problem}")]
    Node {
        /// Name of the node, or of its first output if it has none.
        node: String,
        /// Its operator.
        operator: String,
        /// The problem, and what to use instead.
        problem: String,
    },
    /// The integer network was refused.
    #[error("the integer network is not possible{}", made_of(.node.as_deref()))]
    Network {
        /// Name of the node of which the layer at fault was made, if a layer is at fault.
        node: Option<String>,
        /// The fault.
        #[source]
        source: NetworkError,
    },
    /// The network refuses its own inputs.
    #[error("the imported network cannot be evaluated")]
    Input(#[from] InputError),
    /// The inputs of a check are not what the network reads.
    #[error("{}: {problem}", path.display())]
    Check {
        /// The file of inputs.
        path: PathBuf,
        /// The problem with it.
        problem: String,
    },
}

impl OnnxError {
    /// Reports the fault of a network whose layers were made of these nodes, if they are known.
    pub(super) fn network(source: NetworkError, nodes: &[Option<String>]) -> Self {
        let index = source.field.strip_prefix("layers[");
        let index = index.and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        Self::Network {
            node: index.and_then(|index| nodes.get(index)?.clone()),
            source,
        }
    }

    pub(super) fn damaged(problem: impl Into<String>) -> Self {
        Self::Damaged {
            problem: problem.into(),
        }
    }

    pub(super) fn tensor(name: &str, problem: impl Into<String>) -> Self {
        Self::Tensor {
            name: short(name),
            problem: problem.into(),
        }
    }

    pub(super) fn model(problem: impl Into<String>) -> Self {
        Self::Model(problem.into())
    }
}

fn made_of(node: Option<&str>) -> String {
    node.map_or_else(String::new, |node| format!(": the layer of node `{node}`"))
}

/// Returns a name from a file as it may be shown: no control characters, and not too long.
pub(super) fn short(name: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = name.escape_debug().take(SHOWN).collect();
    if shown.len() < name.len() && shown.chars().count() == SHOWN {
        shown.push('…');
    }
    shown
}
