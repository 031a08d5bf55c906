//! The work of a graph on single pixels before its first layer, which the client does before it encrypts: a table of 256.

use super::{OnnxError, graph::refused, message::NodeMessage, per::Per, quantize::Quantizer};

/// Channels of the input that are followed pixel by pixel at most, with a table of 256 numbers each.
const MAX_TABLES: usize = 256;

/// The numbers of pixels 0 to 255 in the graph's own 32-bit arithmetic.
type PixelTable = Vec<f32>;

/// The input as a function of each pixel.
#[derive(Clone, Debug)]
pub(super) struct Pixels {
    /// A table for all channels, or one for each.
    pub tables: Vec<PixelTable>,
}

/// The integer input that a quantiser gives: the number `n` of thresholds that a pixel reaches.
pub(super) struct PixelQuantizer {
    pub thresholds: Vec<u8>,
    /// The real value is `factor * n + shift`.
    pub factor: Per,
    pub shift: Per,
    pub pixels: Pixels,
}

impl Pixels {
    /// Makes the table of pixels as they are, or divided by 255, as torchvision's `ToTensor` does.
    pub fn new(divided: bool) -> Self {
        let number = |pixel: u8| f32::from(pixel);
        let table = (0..=255).map(|pixel| {
            if divided {
                number(pixel) / 255.0
            } else {
                number(pixel)
            }
        });
        Self {
            tables: vec![table.collect()],
        }
    }

    /// Applies an operation with one number for all values or one for each channel; `None` for anything else.
    pub fn applied(&self, numbers: &[f32], f: impl Fn(f32, f32) -> f32) -> Option<Self> {
        let count = numbers.len().max(self.tables.len());
        let fits = |length: usize| length == count || length == 1;
        if !fits(numbers.len()) || !fits(self.tables.len()) || count > MAX_TABLES {
            return None;
        }
        let tables = (0..count).map(|channel| {
            let number = numbers[channel.min(numbers.len() - 1)];
            let table = &self.tables[channel.min(self.tables.len() - 1)];
            table.iter().map(|&x| f(x, number)).collect()
        });
        Some(Self {
            tables: tables.collect(),
        })
    }
}

/// The integers to which a quantiser takes each pixel.
#[derive(Clone, Debug)]
pub(super) struct PixelCodes {
    pub codes: Vec<i64>,
}

impl PixelCodes {
    /// Quantises a table.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if channels or scales differ.
    pub fn new(
        node: &NodeMessage,
        pixels: &Pixels,
        quantizer: &Quantizer,
    ) -> Result<Self, OnnxError> {
        let (Some(_), Some(_)) = (quantizer.scale.single(), quantizer.zero.single()) else {
            return Err(refused(
                node,
                "quantises the input with several scales; the pixels of all channels have the same thresholds: use one scale",
            ));
        };
        let (scale, zero) = (quantizer.scale.float(0), quantizer.zero.float(0));
        let quantised = |table: &PixelTable| -> Vec<i64> {
            table
                .iter()
                .map(|&x| quantizer.code(x, scale, zero) as i64)
                .collect()
        };
        let mut all = pixels.tables.iter().map(quantised);
        let codes = all.next().unwrap_or_default();
        if all.any(|other| other != codes) {
            return Err(refused(
                node,
                "quantises the channels of the input differently; all channels have the same thresholds: normalise them alike \
                 before the quantiser",
            ));
        }
        Ok(Self { codes })
    }

    /// Limits the integers.
    pub fn clipped(&self, low: i64, high: i64) -> Self {
        Self {
            codes: self
                .codes
                .iter()
                .map(|&code| code.clamp(low, high.max(low)))
                .collect(),
        }
    }

    /// Finds the thresholds, for real values `(code - zero) * scale`.
    ///
    /// # Errors
    /// [`OnnxError::Node`] if the integers are all the same, or their steps are not.
    pub fn thresholds(
        &self,
        node: &NodeMessage,
        scale: f32,
        zero: i64,
    ) -> Result<PixelQuantizer, OnnxError> {
        let mut thresholds = Vec::new();
        let mut step = None;
        for (pixel, pair) in (1..=255u8).zip(self.codes.windows(2)) {
            let change = pair[1] - pair[0];
            if change == 0 {
                continue;
            }
            if *step.get_or_insert(change) != change {
                return Err(refused(
                    node,
                    "quantises the 256 pixels to integers with gaps of different widths, which is finer than pixels are; use a \
                     scale of at least the difference of two pixels (1/255), or no quantiser on the input",
                ));
            }
            thresholds.push(pixel);
        }
        let (Some(step), Some(&first)) = (step, self.codes.first()) else {
            return Err(refused(
                node,
                "quantises all pixels to the same integer; check its scale, and whether the input is divided by 255",
            ));
        };
        let table = self.codes.iter().map(|&code| (code - zero) as f32 * scale);
        let pixels = Pixels {
            tables: vec![table.collect()],
        };
        let scale = f64::from(scale);
        Ok(PixelQuantizer {
            thresholds,
            factor: Per::One(step as f64 * scale),
            shift: Per::One((first - zero) as f64 * scale),
            pixels,
        })
    }
}
