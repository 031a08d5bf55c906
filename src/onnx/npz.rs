//! Arrays in NumPy's files: `.npz`, a ZIP archive of `.npy` files, stored or deflated.

use std::{collections::BTreeMap, io::Read as _};

use flate2::read::DeflateDecoder;

/// Largest number of arrays in a file.
const MAX_ARRAYS: usize = 1000;
/// Largest size of all arrays together, unpacked, in bytes: 128 MiB.
const MAX_ARRAY_BYTES: usize = 128 << 20;

/// An array of numbers, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NpzArray {
    pub dims: Vec<usize>,
    pub values: Vec<f64>,
    /// True if its numbers are integers.
    pub whole: bool,
}

/// Reads all arrays of a file by their names.
///
/// # Errors
/// A sentence about the first thing that is wrong.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, NpzArray>, String> {
    if bytes.starts_with(b"\x93NUMPY") {
        return Err(
            "is a single array (.npy); save the inputs and outputs with numpy.savez".into(),
        );
    }
    let number = |at: usize, size: usize| -> Option<usize> {
        let end = at.checked_add(size)?;
        let field = bytes.get(at..end)?;
        Some(
            field
                .iter()
                .rev()
                .fold(0usize, |n, &byte| n << 8 | usize::from(byte)),
        )
    };
    // The directory lies at the end, behind it a record that says where, and a comment that is empty.
    let damaged = || "is no archive of arrays (.npz), or a damaged one".to_owned();
    let end = bytes
        .len()
        .checked_sub(22)
        .filter(|&end| bytes[end..].starts_with(b"PK\x05\x06"));
    let end = end.ok_or_else(damaged)?;
    let (count, start) = number(end + 10, 2)
        .zip(number(end + 16, 4))
        .ok_or_else(damaged)?;
    if count > MAX_ARRAYS {
        return Err(format!("has {count} arrays; at most {MAX_ARRAYS} are read"));
    }
    let mut arrays = BTreeMap::new();
    let mut left = MAX_ARRAY_BYTES;
    let mut at = start;
    for _ in 0..count {
        let entry = || {
            let is_entry = bytes.get(at..at + 4)? == b"PK\x01\x02";
            let method = number(at + 10, 2)?;
            let (packed, size) = number(at + 20, 4).zip(number(at + 24, 4))?;
            let (name, extra) = number(at + 28, 2).zip(number(at + 30, 2))?;
            let (comment, local) = number(at + 32, 2).zip(number(at + 42, 4))?;
            let name_bytes = bytes.get(at + 46..at + 46 + name)?;
            is_entry.then_some((
                method,
                packed,
                size,
                name_bytes,
                name + extra + comment,
                local,
            ))
        };
        let (method, packed, size, name, rest, local) = entry().ok_or_else(damaged)?;
        at += 46 + rest;
        let name = String::from_utf8_lossy(name).into_owned();
        // numpy.savez writes sizes of at most 4 GiB into the directory.
        let data = || {
            let (name, extra) = number(local + 26, 2).zip(number(local + 28, 2))?;
            let start = local.checked_add(30 + name + extra)?;
            bytes.get(start..start.checked_add(packed)?)
        };
        let data = data().ok_or_else(damaged)?;
        left = left
            .checked_sub(size)
            .ok_or("has more than 128 MiB of arrays")?;
        let mut unpacked = Vec::new();
        let plain = match method {
            0 => data,
            8 => {
                let mut decoder = DeflateDecoder::new(data).take(size as u64);
                decoder.read_to_end(&mut unpacked).map_err(|_| damaged())?;
                unpacked.as_slice()
            }
            _ => return Err("is packed by an unknown method; use numpy.savez".into()),
        };
        let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
        let array = array(plain).map_err(|problem| format!("array `{name}` {problem}"))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// Reads a `.npy` file.
fn array(bytes: &[u8]) -> Result<NpzArray, String> {
    let damaged = || "is no NumPy array, or a damaged one".to_owned();
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(damaged)?;
    let (header, data) = match rest {
        [1, _, low, high, rest @ ..] => {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            rest.split_at_checked(length).ok_or_else(damaged)?
        }
        [2 | 3, _, a, b, c, d, rest @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
            rest.split_at_checked(length).ok_or_else(damaged)?
        }
        _ => return Err(damaged()),
    };
    let header = std::str::from_utf8(header).map_err(|_| damaged())?;
    let field = |key: &str| {
        let at = header.find(&format!("'{key}':"))?;
        Some(header[at + key.len() + 3..].trim_start())
    };
    let (Some(kind), Some(order), Some(shape)) =
        (field("descr"), field("fortran_order"), field("shape"))
    else {
        return Err(damaged());
    };
    if order.starts_with("True") {
        return Err("is in Fortran order; save numpy.ascontiguousarray of it".into());
    }
    let kind: String = kind
        .trim_start_matches('\'')
        .chars()
        .take_while(|&c| c != '\'')
        .collect();
    let inside = shape
        .strip_prefix('(')
        .and_then(|shape| shape.split_once(')'));
    let (inside, _) = inside.ok_or_else(damaged)?;
    let dims: Result<Vec<usize>, _> = inside
        .split(',')
        .map(str::trim)
        .filter(|dim| !dim.is_empty())
        .map(str::parse)
        .collect();
    let dims = dims.map_err(|_| damaged())?;
    macro_rules! numbers {
        ($kind:ty, $wide:expr) => {{
            let (numbers, rest) = data.as_chunks::<{ size_of::<$kind>() }>();
            if !rest.is_empty() {
                return Err(damaged());
            }
            numbers
                .iter()
                .map(|bytes| $wide(<$kind>::from_le_bytes(*bytes)))
                .collect()
        }};
    }
    let values: Vec<f64> = match kind.as_str() {
        "|u1" | "|b1" => numbers!(u8, f64::from),
        "|i1" => numbers!(i8, f64::from),
        "<u2" => numbers!(u16, f64::from),
        "<i2" => numbers!(i16, f64::from),
        "<i4" => numbers!(i32, f64::from),
        "<u4" => numbers!(u32, f64::from),
        "<i8" => numbers!(i64, |value| value as f64),
        "<f4" => numbers!(f32, f64::from),
        "<f8" => numbers!(f64, f64::from),
        other => return Err(format!("is of type `{other}`; save it as float32 or uint8")),
    };
    let count = dims
        .iter()
        .try_fold(1usize, |product, &dim| product.checked_mul(dim));
    if count != Some(values.len()) {
        return Err(damaged());
    }
    Ok(NpzArray {
        dims,
        values,
        whole: !kind.contains('f'),
    })
}
