//! Arrays of numbers, and how they become images.

use std::{ops::Range, path::Path};

use super::{
    ImagesError, Inversion, Read, Reading,
    layout::{Layout, Order, tuple},
    places,
};
use crate::data::idx;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// Unsigned integers of this many bytes.
    Unsigned(usize),
    /// Signed integers of this many bytes.
    Signed(usize),
    /// Floating-point numbers of 4 or 8 bytes.
    Float(usize),
    /// Text of this many characters of 4 bytes.
    Text(usize),
}

impl Element {
    /// Number of bytes of an element.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Unsigned(bytes) | Self::Signed(bytes) | Self::Float(bytes) => bytes,
            Self::Text(characters) => characters.saturating_mul(4),
        }
    }
}

/// The header of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArrayHeader {
    pub element: Element,
    pub big_endian: bool,
    /// True if the first axis runs fastest, not the last.
    pub fortran: bool,
    pub dims: Vec<usize>,
}

impl ArrayHeader {
    /// Number of bytes of all elements, if that is a number at all.
    pub(super) fn data_bytes(&self) -> Option<u64> {
        let elements = self
            .dims
            .iter()
            .try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
        elements.checked_mul(self.element.bytes())?.try_into().ok()
    }
}

/// An array in memory. Its data have the length that its header states.
#[derive(Debug)]
pub(super) struct Array<'a> {
    pub header: ArrayHeader,
    pub data: &'a [u8],
}

/// A number in an array.
#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

impl Array<'_> {
    /// Returns the bytes of an element, most significant first. `index` counts with the last axis fastest.
    fn element(&self, index: usize) -> Option<[u8; 8]> {
        let size = self.header.element.bytes();
        let at = self.position(index).checked_mul(size)?;
        let bytes = self.data.get(at..at.checked_add(size)?)?;
        let mut out = [0; 8];
        let end = out.get_mut(8_usize.checked_sub(size)?..)?;
        end.copy_from_slice(bytes);
        if !self.header.big_endian {
            end.reverse();
        }
        Some(out)
    }

    /// Returns where an element is stored.
    fn position(&self, index: usize) -> usize {
        if !self.header.fortran {
            return index;
        }
        let (mut at, mut stride) = (0, 1);
        for (&coordinate, &dim) in self.coordinates(index).iter().zip(&self.header.dims) {
            at += coordinate * stride;
            stride *= dim;
        }
        at
    }

    /// Returns the place of an element on each axis.
    fn coordinates(&self, mut index: usize) -> Vec<usize> {
        let mut coordinates: Vec<usize> = self
            .header
            .dims
            .iter()
            .rev()
            .map(|&dim| {
                let dim = dim.max(1);
                let at = index % dim;
                index /= dim;
                at
            })
            .collect();
        coordinates.reverse();
        coordinates
    }

    fn number(&self, index: usize) -> Option<Number> {
        let bytes = self.element(index)?;
        Some(match self.header.element {
            Element::Unsigned(_) => Number::Integer(u64::from_be_bytes(bytes).into()),
            Element::Signed(size) => {
                // Moves the sign to the front and back.
                let unused = 64 - 8 * size as u32;
                let value = u64::from_be_bytes(bytes).checked_shl(unused)?.cast_signed();
                Number::Integer(value.checked_shr(unused)?.into())
            }
            Element::Float(4) => {
                let [.., a, b, c, d] = bytes;
                Number::Float(f32::from_be_bytes([a, b, c, d]).into())
            }
            Element::Float(_) => Number::Float(f64::from_be_bytes(bytes)),
            Element::Text(_) => return None,
        })
    }

    /// Reads the pixels of some images in a network's order.
    fn pixels(
        &self,
        layout: Layout,
        channels: usize,
        size: usize,
        range: Range<usize>,
    ) -> Result<Vec<u8>, String> {
        let mut pixels = Vec::with_capacity(range.len() * size);
        let plane = size / channels;
        let unsigned_bytes = self.header.element == Element::Unsigned(1);
        if unsigned_bytes && !self.header.fortran && layout.order == Order::Planar {
            let part = self.data.get(range.start * size..range.end * size);
            pixels.extend_from_slice(part.unwrap_or_default());
            return Ok(pixels);
        }
        for image in range {
            for k in 0..size {
                let inner = match layout.order {
                    Order::Planar => k,
                    Order::Interleaved => k % plane * channels + k / plane,
                };
                let index = image * size + inner;
                pixels.push(self.pixel(index)?);
            }
        }
        // Whole numbers by chance: pictures of 0 and 1 only, or all black.
        if matches!(self.header.element, Element::Float(_)) && pixels.iter().max() == Some(&1) {
            return Err(format!(
                "all numbers are 0 or 1, where pixels from 0 to 255 are expected; {SCALE_UP}"
            ));
        }
        Ok(pixels)
    }

    fn pixel(&self, index: usize) -> Result<u8, String> {
        let number = self.number(index);
        let (value, shown, fraction) = match number {
            Some(Number::Integer(value)) => (u8::try_from(value).ok(), value.to_string(), false),
            Some(Number::Float(value)) => {
                let whole = value.fract() == 0.0 && (0.0..=255.0).contains(&value);
                (
                    whole.then_some(value as u8),
                    value.to_string(),
                    value > 0.0 && value < 1.0,
                )
            }
            None => (None, "no number".to_owned(), false),
        };
        value.ok_or_else(|| {
            let advice = if fraction {
                SCALE_UP
            } else {
                "undo any normalisation, and save the pixels as uint8"
            };
            let at = tuple(&self.coordinates(index));
            format!("the element at {at} is {shown}, no whole number from 0 to 255; {advice}")
        })
    }

    /// Reads a list of labels: whole numbers or text, of shape (n,) or (n, 1).
    pub(super) fn labels(&self) -> Result<Vec<String>, String> {
        let (&[count] | &[count, 1]) = self.header.dims.as_slice() else {
            return Err(format!(
                "labels of shape {}, expected (n,), a class for each image (of scores, numpy.argmax takes the class)",
                tuple(&self.header.dims)
            ));
        };
        let label = |index| match self.header.element {
            Element::Text(characters) => self.text(index, characters),
            _ => match self.number(index) {
                Some(Number::Integer(value)) => Some(value.to_string()),
                Some(Number::Float(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                    Some(format!("{value:.0}"))
                }
                _ => None,
            },
        };
        (0..count)
            .map(|index| {
                label(index)
                    .ok_or_else(|| format!("label {index} is neither a whole number nor text"))
            })
            .collect()
    }

    fn text(&self, index: usize, characters: usize) -> Option<String> {
        let size = characters * 4;
        let bytes = self.data.get(index * size..(index + 1) * size)?;
        let code = |b: &[u8]| {
            let b = [b[0], b[1], b[2], b[3]];
            if self.header.big_endian {
                u32::from_be_bytes(b)
            } else {
                u32::from_le_bytes(b)
            }
        };
        let text: Option<String> = bytes
            .chunks_exact(4)
            .map(|b| char::from_u32(code(b)))
            .collect();
        Some(text?.trim_end_matches('\0').to_owned())
    }
}

const SCALE_UP: &str = "numbers from 0 to 1 become pixels by numpy.rint(x * 255).astype(\"uint8\")";

/// Turns an array into images.
pub(super) fn read(
    reading: &Reading<'_>,
    path: &Path,
    array: &Array<'_>,
) -> Result<Read, ImagesError> {
    let refused = |reason: String| ImagesError::refused(path, reason);
    let shape = reading.shape;
    if matches!(array.header.element, Element::Text(_)) {
        return Err(refused(
            "an array of text, where one of numbers is needed".to_owned(),
        ));
    }
    let layout = Layout::find(&array.header.dims, shape).map_err(refused)?;
    let range = reading.select(path, layout.images)?;
    let pixels = array
        .pixels(layout, shape.channels, shape.len(), range.clone())
        .map_err(refused)?;
    Ok(Read {
        kind: Inversion::Plain,
        pixels,
        names: places(path, &range)?,
        labels: None,
        skipped: 0,
        total: layout.images,
        range,
    })
}

/// Reads an IDX file of unsigned bytes with 2 to 4 dimensions.
pub(super) fn read_idx(
    reading: &Reading<'_>,
    path: &Path,
    bytes: &[u8],
) -> Result<Read, ImagesError> {
    let refused = |reason: String| ImagesError::refused(path, reason);
    if bytes.get(2) != Some(&8) {
        return Err(refused(
            "an IDX file of other numbers than unsigned bytes; save the pixels as bytes from 0 to 255".to_owned(),
        ));
    }
    let rank = bytes.get(3).copied().unwrap_or_default();
    if !(2..=4).contains(&rank) {
        return Err(refused(format!(
            "an IDX file of {rank} dimensions; images have 2 to 4"
        )));
    }
    let file = idx::parse(bytes, rank).map_err(refused)?;
    let header = ArrayHeader {
        element: Element::Unsigned(1),
        big_endian: true,
        fortran: false,
        dims: file.dims,
    };
    read(
        reading,
        path,
        &Array {
            header,
            data: file.data,
        },
    )
}
