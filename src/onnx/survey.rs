//! Counts what a file's messages will take in memory, before any of them is decoded.
//!
//! A message of two bytes becomes a structure of some hundred, so the size of a file alone does not bound the memory of
//! its decoded form.

use super::OnnxError;

/// Largest memory of the decoded messages beside the file itself, in bytes.
const MAX_DECODED_BYTES: u64 = 64 << 20;
/// Memory of a message or a list's entry, in bytes: more than the largest structure takes while its list grows.
const MESSAGE_BYTES: u64 = 1000;
/// Memory of an entry in a list of names or numbers, in bytes.
const ENTRY_BYTES: u64 = 96;

/// The messages that have others within.
#[derive(Clone, Copy)]
enum MessagePart {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Leaf,
}

/// The way in which a field's content is kept.
enum FieldContent {
    /// A message.
    Nested(MessagePart),
    /// Numbers, each of them one byte or more.
    Numbers,
    /// Text, which is copied.
    Text,
    /// Bytes, which are shared with the file, or a field that is skipped.
    Shared,
}

const fn content(part: MessagePart, field: u64) -> FieldContent {
    match (part, field) {
        (MessagePart::Model, 7) => FieldContent::Nested(MessagePart::Graph),
        (MessagePart::Graph, 1) => FieldContent::Nested(MessagePart::Node),
        (MessagePart::Graph | MessagePart::Attribute, 5) => {
            FieldContent::Nested(MessagePart::Tensor)
        }
        (MessagePart::Graph, 11 | 12) => FieldContent::Nested(MessagePart::Value),
        (MessagePart::Node, 5) => FieldContent::Nested(MessagePart::Attribute),
        (MessagePart::Model, 8 | 14) | (MessagePart::Tensor, 13) => {
            FieldContent::Nested(MessagePart::Leaf)
        }
        // A type is a message in a message in a message; all of it is counted as numbers.
        (MessagePart::Value, 2)
        | (MessagePart::Tensor, 1 | 5 | 7 | 11)
        | (MessagePart::Attribute, 8) => FieldContent::Numbers,
        (MessagePart::Model, 2 | 3)
        | (MessagePart::Graph, 2)
        | (MessagePart::Node, 1..=4 | 7)
        | (MessagePart::Attribute, 1 | 7)
        | (MessagePart::Tensor, 4 | 8 | 10)
        | (MessagePart::Value, 1)
        | (MessagePart::Leaf, 1 | 2) => FieldContent::Text,
        _ => FieldContent::Shared,
    }
}

/// Checks that decoding the file takes little memory.
///
/// # Errors
/// [`OnnxError::Damaged`], [`OnnxError::TooLarge`].
pub(super) fn survey(bytes: &[u8]) -> Result<(), OnnxError> {
    let mut memory = 0u64;
    let mut open: Vec<(MessagePart, &[u8])> = vec![(MessagePart::Model, bytes)];
    while let Some((part, mut rest)) = open.pop() {
        while !rest.is_empty() {
            let key = varint(&mut rest)?;
            memory = memory.saturating_add(ENTRY_BYTES);
            match key & 7 {
                0 => {
                    varint(&mut rest)?;
                }
                1 => drop(taken(&mut rest, 8)?),
                5 => drop(taken(&mut rest, 4)?),
                2 => {
                    let length = varint(&mut rest)?;
                    let inner = taken(&mut rest, length)?;
                    match content(part, key >> 3) {
                        FieldContent::Nested(inside) => {
                            memory = memory.saturating_add(MESSAGE_BYTES);
                            open.push((inside, inner));
                        }
                        // A number takes eight bytes, and up to as much again while its list grows. A dimension of a
                        // type takes two bytes and becomes a structure of 48.
                        FieldContent::Numbers => {
                            let each = if matches!(part, MessagePart::Value) {
                                96
                            } else {
                                16
                            };
                            memory = memory.saturating_add(length.saturating_mul(each));
                        }
                        FieldContent::Text => memory = memory.saturating_add(length),
                        FieldContent::Shared => {}
                    }
                }
                _ => {
                    return Err(OnnxError::damaged(
                        "a field has a type that ONNX does not use",
                    ));
                }
            }
            if memory > MAX_DECODED_BYTES {
                return Err(OnnxError::TooLarge {
                    what: "the nodes and lists of the file",
                    limit: MAX_DECODED_BYTES,
                });
            }
        }
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Result<u64, OnnxError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let Some((&byte, after)) = rest.split_first() else {
            break;
        };
        *rest = after;
        if shift < 64 {
            value |= u64::from(byte & 0x7f) << shift;
        }
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(OnnxError::damaged("it ends in the middle of a number"))
}

fn taken<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], OnnxError> {
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length <= rest.len());
    let Some(length) = length else {
        return Err(OnnxError::damaged("it ends too early; copy it again"));
    };
    let (inner, after) = rest.split_at(length);
    *rest = after;
    Ok(inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn many_small_messages_are_refused_before_they_are_decoded() {
        // A graph with empty nodes: two bytes each.
        let graph = [0x0a, 0].repeat(100_000);
        let mut file = vec![0x3a];
        let mut length = graph.len();
        while length >= 0x80 {
            file.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        file.push(length as u8);
        file.extend(graph);
        assert!(matches!(survey(&file), Err(OnnxError::TooLarge { .. })));
        file.truncate(1000);
        assert!(matches!(survey(&file), Err(OnnxError::Damaged { .. })));
        survey(&[]).unwrap();
    }
}
