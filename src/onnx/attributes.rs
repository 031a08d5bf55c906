//! The attributes of a node. What is not asked for is refused: an attribute that is ignored could change the result.

use std::cell::RefCell;

use super::{
    OnnxError,
    graph::refused,
    message::{AttributeMessage, NodeMessage, TensorMessage},
};

/// Kinds of attributes, whose value some writers leave out when it is zero.
const FLOAT: i32 = 1;
const INTEGER: i32 = 2;

/// Reads a node's attributes and remembers which were asked for.
pub(super) struct Attributes<'a> {
    node: &'a NodeMessage,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Attributes<'a> {
    pub fn new(node: &'a NodeMessage) -> Self {
        Self {
            node,
            asked: RefCell::default(),
        }
    }

    fn find(&self, name: &'static str) -> Option<&'a AttributeMessage> {
        self.asked.borrow_mut().push(name);
        self.node
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    pub fn integer(&self, name: &'static str) -> Option<i64> {
        let found = self.find(name)?;
        found.i.or((found.kind == INTEGER).then_some(0))
    }

    pub fn integer_or(&self, name: &'static str, default: i64) -> i64 {
        self.integer(name).unwrap_or(default)
    }

    pub fn float(&self, name: &'static str) -> Option<f32> {
        let found = self.find(name)?;
        found.f.or((found.kind == FLOAT).then_some(0.0))
    }

    pub fn integers(&self, name: &'static str) -> Option<&'a [i64]> {
        self.find(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn floats(&self, name: &'static str) -> Option<&'a [f32]> {
        self.find(name).map(|attribute| attribute.floats.as_slice())
    }

    pub fn text(&self, name: &'static str) -> Option<&'a str> {
        let bytes = self.find(name)?.s.as_ref()?;
        std::str::from_utf8(bytes).ok()
    }

    pub fn tensor(&self, name: &'static str) -> Option<&'a TensorMessage> {
        self.find(name).and_then(|attribute| attribute.t.as_ref())
    }

    /// Refuses the attributes that were not asked for.
    ///
    /// # Errors
    /// [`OnnxError::Node`].
    pub fn finish(&self) -> Result<(), OnnxError> {
        let asked = self.asked.borrow();
        let other = self
            .node
            .attribute
            .iter()
            .find(|attribute| !asked.contains(&attribute.name.as_str()));
        match other {
            None => Ok(()),
            Some(attribute) => Err(refused(
                self.node,
                format!(
                    "has the attribute `{}`, which is not known for this operator",
                    super::error::short(&attribute.name)
                ),
            )),
        }
    }
}
