//! Constant tensors: their values, read from a message or from a file beside the model.

use std::rc::Rc;

use super::{OnnxError, external::External, message::TensorMessage};
use crate::network::MAX_WEIGHTS;

/// Largest number of dimensions.
pub(super) const MAX_RANK: usize = 8;
/// Largest number of values of a tensor.
pub(super) const MAX_VALUES: usize = MAX_WEIGHTS;

/// The type of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementKind {
    Float,
    Double,
    /// Integers of this many bits, from 2 to 64.
    Integer {
        bits: u32,
        signed: bool,
    },
    Bool,
}

impl ElementKind {
    /// Returns the type that ONNX gives this number; 16-bit floats are read as 32-bit ones.
    pub fn of(number: i64) -> Option<Self> {
        let integer = |bits, signed| Self::Integer { bits, signed };
        Some(match number {
            1 | 10 | 16 => Self::Float,
            2 => integer(8, false),
            3 => integer(8, true),
            4 => integer(16, false),
            5 => integer(16, true),
            6 => integer(32, true),
            7 => integer(64, true),
            9 => Self::Bool,
            11 => Self::Double,
            12 => integer(32, false),
            13 => integer(64, false),
            21 => integer(4, false),
            22 => integer(4, true),
            25 => integer(2, false),
            26 => integer(2, true),
            _ => return None,
        })
    }

    /// Returns the smallest and the largest integer; `None` for floats.
    pub fn range(self) -> Option<(i64, i64)> {
        match self {
            Self::Float | Self::Double => None,
            Self::Bool => Some((0, 1)),
            Self::Integer { bits, signed: true } => Some((
                -1 << (bits - 1),
                (1u64 << (bits - 1)).wrapping_sub(1).cast_signed(),
            )),
            Self::Integer { bits: 64, .. } => Some((0, i64::MAX)),
            Self::Integer { bits, .. } => Some((0, (1 << bits) - 1)),
        }
    }
}

/// The values of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ElementList {
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Integers of at most 32 bits.
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl ElementList {
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Narrow(values) => values.len(),
            Self::Wide(values) => values.len(),
        }
    }

    /// Takes the values at these positions.
    pub fn select(&self, positions: impl Iterator<Item = usize>) -> Self {
        fn pick<T: Copy>(from: &[T], positions: impl Iterator<Item = usize>) -> Vec<T> {
            positions.map(|at| from[at]).collect()
        }
        match self {
            Self::Float(values) => Self::Float(pick(values, positions)),
            Self::Double(values) => Self::Double(pick(values, positions)),
            Self::Narrow(values) => Self::Narrow(pick(values, positions)),
            Self::Wide(values) => Self::Wide(pick(values, positions)),
        }
    }

    /// Makes values of a type from integers.
    pub fn integers(kind: ElementKind, values: Vec<i64>) -> Self {
        match kind {
            ElementKind::Float => Self::Float(values.into_iter().map(|v| v as f32).collect()),
            ElementKind::Double => Self::Double(values.into_iter().map(|v| v as f64).collect()),
            ElementKind::Integer { bits: 33.., .. }
            | ElementKind::Integer {
                bits: 32,
                signed: false,
            } => Self::Wide(values),
            _ => Self::Narrow(values.into_iter().map(|v| v as i32).collect()),
        }
    }
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub dims: Vec<usize>,
    pub kind: ElementKind,
    pub values: ElementList,
}

/// Multiplies dimensions; `None` if there are more than [`MAX_VALUES`] values or [`MAX_RANK`] dimensions.
pub(super) fn count(dims: &[usize]) -> Option<usize> {
    if dims.len() > MAX_RANK {
        return None;
    }
    // An empty tensor must not have huge dimensions either: parts of them are multiplied, too.
    let bound = dims
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim.max(1)))?;
    (bound <= MAX_VALUES).then(|| dims.iter().product())
}

impl Constant {
    /// Makes a vector or, with empty `dims`, a single 64-bit integer.
    pub fn wide(dims: Vec<usize>, values: Vec<i64>) -> Self {
        Self {
            dims,
            kind: ElementKind::Integer {
                bits: 64,
                signed: true,
            },
            values: ElementList::Wide(values),
        }
    }

    pub fn floats(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            dims,
            kind: ElementKind::Float,
            values: ElementList::Float(values),
        }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns the value at this position as a double; integers beyond 53 bits are rounded.
    pub fn double(&self, at: usize) -> f64 {
        match &self.values {
            ElementList::Float(values) => f64::from(values[at]),
            ElementList::Double(values) => values[at],
            ElementList::Narrow(values) => f64::from(values[at]),
            ElementList::Wide(values) => values[at] as f64,
        }
    }

    /// Returns the value at this position as ONNX's 32-bit arithmetic sees it.
    pub fn float(&self, at: usize) -> f32 {
        match &self.values {
            ElementList::Float(values) => values[at],
            _ => self.double(at) as f32,
        }
    }

    /// Returns the value at this position as an integer; floats are cut to one, as `Cast` does.
    pub fn integer(&self, at: usize) -> i64 {
        match &self.values {
            ElementList::Float(values) => values[at] as i64,
            ElementList::Double(values) => values[at] as i64,
            ElementList::Narrow(values) => i64::from(values[at]),
            ElementList::Wide(values) => values[at],
        }
    }

    /// Returns all values as integers.
    pub fn all_integers(&self) -> Vec<i64> {
        (0..self.len()).map(|at| self.integer(at)).collect()
    }

    /// Returns the value of a tensor that has only one.
    pub fn single(&self) -> Option<f64> {
        (self.len() == 1).then(|| self.double(0))
    }

    /// Returns the same values with other dimensions, which have as many of them.
    pub fn reshaped(&self, dims: Vec<usize>) -> Self {
        Self {
            dims,
            kind: self.kind,
            values: self.values.clone(),
        }
    }

    /// Finds the first value that is no finite number.
    pub fn not_finite(&self) -> Option<usize> {
        match &self.values {
            ElementList::Float(values) => values.iter().position(|value| !value.is_finite()),
            ElementList::Double(values) => values.iter().position(|value| !value.is_finite()),
            ElementList::Narrow(_) | ElementList::Wide(_) => None,
        }
    }

    /// Reads a tensor.
    ///
    /// # Errors
    /// [`OnnxError::Tensor`], [`OnnxError::Io`].
    pub fn read(message: &TensorMessage, external: &External) -> Result<Rc<Self>, OnnxError> {
        let wrong = |problem: String| OnnxError::tensor(&message.name, problem);
        let dims: Option<Vec<usize>> = message
            .dims
            .iter()
            .map(|&dim| usize::try_from(dim).ok())
            .collect();
        let dims = dims.ok_or_else(|| wrong(format!("has the shape {:?}", message.dims)))?;
        let count = count(&dims).ok_or_else(|| {
            wrong(format!(
                "has the shape {dims:?}; at most {MAX_RANK} dimensions and {MAX_VALUES} values are read"
            ))
        })?;
        let number = i64::from(message.data_type);
        let kind = ElementKind::of(number).ok_or_else(|| {
            wrong(format!(
                "is of type {number} of ONNX; floats and integers of 2 to 64 bits are read"
            ))
        })?;
        let stored;
        let raw = if message.data_location == 1 {
            stored = external.read(
                &message.name,
                &message.external_data,
                bytes_of(number, count),
            )?;
            Some(stored.as_slice())
        } else {
            message.raw_data.as_deref()
        };
        let values = match raw {
            Some(raw) if !raw.is_empty() || count == 0 => {
                let expected = bytes_of(number, count);
                if raw.len() != expected {
                    return Err(wrong(format!(
                        "has {} bytes, expected {expected}",
                        raw.len()
                    )));
                }
                from_bytes(raw, number, kind, count)
            }
            _ => {
                let (values, found) = from_lists(message, number, kind, count);
                if found != count {
                    return Err(wrong(format!("has {found} values, expected {count}")));
                }
                values
            }
        };
        Ok(Rc::new(Self { dims, kind, values }))
    }
}

/// Returns the number of bytes that hold `count` values of ONNX's type `number`.
fn bytes_of(number: i64, count: usize) -> usize {
    match number {
        2 | 3 | 9 => count,
        4 | 5 | 10 | 16 => 2 * count,
        1 | 6 | 12 => 4 * count,
        21 | 22 => count.div_ceil(2),
        25 | 26 => count.div_ceil(4),
        _ => 8 * count,
    }
}

/// Converts a half-precision number (five bits of exponent) exactly.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

fn bfloat(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Reads little-endian values; their number is that of the bytes.
fn from_bytes(raw: &[u8], number: i64, kind: ElementKind, count: usize) -> ElementList {
    macro_rules! numbers {
        ($kind:ty, $into:expr) => {
            raw.as_chunks::<{ size_of::<$kind>() }>()
                .0
                .iter()
                .map(|bytes| $into(<$kind>::from_le_bytes(*bytes)))
                .collect()
        };
    }
    match number {
        1 => ElementList::Float(numbers!(f32, f32::from)),
        10 => ElementList::Float(numbers!(u16, half)),
        16 => ElementList::Float(numbers!(u16, bfloat)),
        11 => ElementList::Double(numbers!(f64, f64::from)),
        2 | 9 => ElementList::Narrow(numbers!(u8, i32::from)),
        3 => ElementList::Narrow(numbers!(i8, i32::from)),
        4 => ElementList::Narrow(numbers!(u16, i32::from)),
        5 => ElementList::Narrow(numbers!(i16, i32::from)),
        6 => ElementList::Narrow(numbers!(i32, i32::from)),
        12 => ElementList::Wide(numbers!(u32, i64::from)),
        7 | 13 => ElementList::Wide(numbers!(i64, i64::from)),
        _ => {
            let ElementKind::Integer { bits, signed } = kind else {
                return ElementList::Narrow(Vec::new());
            };
            let each = 8 / bits as usize;
            let packed = (0..count).map(|at| {
                let shift = bits * (at % each) as u32;
                sign_extended(i64::from(raw[at / each] >> shift), bits, signed) as i32
            });
            ElementList::Narrow(packed.collect())
        }
    }
}

fn sign_extended(value: i64, bits: u32, signed: bool) -> i64 {
    let unused = 64 - bits;
    if signed {
        value << unused >> unused
    } else {
        (value << unused)
            .cast_unsigned()
            .wrapping_shr(unused)
            .cast_signed()
    }
}

/// Takes the values out of the message's lists; also returns how many there are.
fn from_lists(
    message: &TensorMessage,
    number: i64,
    kind: ElementKind,
    count: usize,
) -> (ElementList, usize) {
    let narrow = &message.int32_data;
    match number {
        1 => (
            ElementList::Float(message.float_data.clone()),
            message.float_data.len(),
        ),
        11 => (
            ElementList::Double(message.double_data.clone()),
            message.double_data.len(),
        ),
        10 => (
            ElementList::Float(narrow.iter().map(|&bits| half(bits as u16)).collect()),
            narrow.len(),
        ),
        16 => (
            ElementList::Float(narrow.iter().map(|&bits| bfloat(bits as u16)).collect()),
            narrow.len(),
        ),
        7 => (
            ElementList::Wide(message.int64_data.clone()),
            message.int64_data.len(),
        ),
        12 | 13 => {
            let values = message.uint64_data.iter().map(|&value| value.cast_signed());
            (
                ElementList::Wide(values.collect()),
                message.uint64_data.len(),
            )
        }
        21 | 22 | 25 | 26 => {
            // Packed in bytes, of which each list entry holds one.
            let raw: Vec<u8> = narrow.iter().map(|&value| value as u8).collect();
            if raw.len() == bytes_of(number, count) {
                (from_bytes(&raw, number, kind, count), count)
            } else {
                (ElementList::Narrow(Vec::new()), raw.len())
            }
        }
        _ => {
            let (low, high) = kind.range().unwrap_or_default();
            let values = narrow
                .iter()
                .map(|&value| i64::from(value).clamp(low, high) as i32);
            (ElementList::Narrow(values.collect()), narrow.len())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:x}");
        }
        assert!(half(0x7c01).is_nan());
        assert_eq!(bfloat(0x3f80).to_bits(), 1f32.to_bits());
    }

    #[test]
    fn packed_integers_begin_with_the_low_bits() {
        let kind = ElementKind::of(22).unwrap();
        assert_eq!(
            from_bytes(&[0x8f, 0x07], 22, kind, 3),
            ElementList::Narrow(vec![-1, -8, 7])
        );
        let kind = ElementKind::of(25).unwrap();
        assert_eq!(
            from_bytes(&[0b11_10_01_00], 25, kind, 4),
            ElementList::Narrow(vec![0, 1, 2, 3])
        );
        assert_eq!(kind.range(), Some((0, 3)));
        assert_eq!(ElementKind::of(3).unwrap().range(), Some((-128, 127)));
        assert_eq!(
            ElementKind::of(7).unwrap().range(),
            Some((i64::MIN, i64::MAX))
        );
    }
}
