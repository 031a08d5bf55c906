//! Reads the tensors of a safetensors file as checked numbers.

use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::train::{TrainError, tensors};

/// A tensor as floating-point numbers or integers.
pub(super) enum TensorValues {
    Real(Vec<f64>),
    Whole(Vec<i64>),
}

/// A file of tensors.
pub(super) struct TensorSource<'a> {
    path: &'a Path,
    file: SafeTensors<'a>,
}

impl<'a> TensorSource<'a> {
    /// Reads the file's header, which says where each tensor lies.
    pub(super) fn new(bytes: &'a [u8], path: &'a Path) -> Result<Self, TrainError> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| tensors::unreadable(path, bytes, &error))?;
        Ok(Self { path, file })
    }

    /// Builds the error that refuses a tensor or what is made from it.
    pub(super) fn refuse(&self, problem: String) -> TrainError {
        TrainError::Weights {
            path: self.path.to_owned(),
            problem,
        }
    }

    /// Tells whether a tensor of this name exists and holds integers.
    pub(super) fn is_whole(&self, name: &str) -> bool {
        let found = self.file.tensor(name);
        found.is_ok_and(|view| {
            matches!(
                view.dtype(),
                Dtype::U8
                    | Dtype::I8
                    | Dtype::U16
                    | Dtype::I16
                    | Dtype::U32
                    | Dtype::I32
                    | Dtype::U64
                    | Dtype::I64
            )
        })
    }

    /// Reads a tensor of this shape; all its numbers are finite and within the range of 32-bit floats, or fit 64-bit
    /// integers.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<TensorValues, TrainError> {
        let view = self.file.tensor(name).map_err(|_| {
            self.refuse(format!(
                "tensor `{name}` is missing; there are {}",
                self.names()
            ))
        })?;
        if view.shape() != shape {
            return Err(self.refuse(format!(
                "tensor `{name}` has shape {:?}, expected {shape:?}",
                view.shape()
            )));
        }
        let values = self.numbers(name, &view)?;
        let channel = |index: usize| index / (shape.iter().skip(1).product::<usize>()).max(1);
        if let TensorValues::Real(values) = &values
            && let Some(at) = values
                .iter()
                .position(|x| x.is_nan() || x.abs() > f64::from(f32::MAX))
        {
            return Err(self.refuse(format!(
                "tensor `{name}`, channel {}: {:e} is no finite number of 32-bit floats",
                channel(at),
                values[at]
            )));
        }
        Ok(values)
    }

    /// Reads a tensor of floating-point numbers.
    pub(super) fn real(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, TrainError> {
        match self.get(name, shape)? {
            TensorValues::Real(values) => Ok(values),
            TensorValues::Whole(_) => Err(self.refuse(format!(
                "tensor `{name}` is of integers, the others are not"
            ))),
        }
    }

    /// Lists the first names in the file.
    fn names(&self) -> String {
        const SHOWN: usize = 12;
        let mut names = self.file.names();
        names.sort_unstable();
        let more = if names.len() > SHOWN { ", …" } else { "" };
        names.truncate(SHOWN);
        if names.is_empty() {
            return "none".to_owned();
        }
        format!("`{}`{more}", names.join("`, `"))
    }

    fn numbers(&self, name: &str, view: &TensorView<'_>) -> Result<TensorValues, TrainError> {
        // Elements are little-endian; their length was checked against the shape when the file was read.
        macro_rules! elements {
            ($kind:ty, $into:expr) => {
                view.data()
                    .as_chunks::<{ size_of::<$kind>() }>()
                    .0
                    .iter()
                    .map(|bytes| $into(<$kind>::from_le_bytes(*bytes)))
                    .collect()
            };
        }
        Ok(match view.dtype() {
            Dtype::F16 => TensorValues::Real(elements!(f16, f64::from)),
            Dtype::BF16 => TensorValues::Real(elements!(bf16, f64::from)),
            Dtype::F32 => TensorValues::Real(elements!(f32, f64::from)),
            Dtype::F64 => TensorValues::Real(elements!(f64, f64::from)),
            Dtype::U8 => TensorValues::Whole(elements!(u8, i64::from)),
            Dtype::I8 => TensorValues::Whole(elements!(i8, i64::from)),
            Dtype::U16 => TensorValues::Whole(elements!(u16, i64::from)),
            Dtype::I16 => TensorValues::Whole(elements!(i16, i64::from)),
            Dtype::U32 => TensorValues::Whole(elements!(u32, i64::from)),
            Dtype::I32 => TensorValues::Whole(elements!(i32, i64::from)),
            Dtype::I64 => TensorValues::Whole(elements!(i64, i64::from)),
            Dtype::U64 => {
                let values: Vec<u64> = elements!(u64, u64::from);
                let values = values.into_iter().map(i64::try_from);
                TensorValues::Whole(values.collect::<Result<_, _>>().map_err(|_| {
                    self.refuse(format!("tensor `{name}` holds an integer beyond 63 bits"))
                })?)
            }
            other => {
                return Err(self.refuse(format!(
                    "tensor `{name}` is of type {other:?}; floats of 16, 32 or 64 bits (and bfloat16) and integers of 8 to \
                     64 bits are read: convert it first"
                )));
            }
        })
    }
}
