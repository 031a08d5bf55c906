//! Conversion of pixels to the small integers that a network reads.

use super::{encoding::InputEncoding, error::NetworkError, shape::Shape};

/// Turns pixels (0 to 255) into small integers from 0 to [`max`](Self::max): the number of thresholds that a value
/// reaches. The value is the pixel itself, or its contrast according to an [`InputEncoding`].
///
/// One unit of that integer stands for the real value [`scale`](Self::scale).
#[derive(Clone, Debug, PartialEq)]
pub struct InputQuantizer {
    rule: Rule,
    scale: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// Strictly increasing thresholds from 1 to 255.
    Thresholds(Vec<u8>),
    Encoding(InputEncoding),
}

impl InputQuantizer {
    /// Makes a quantiser to `n_bits` bits with evenly spread thresholds: `floor((2^n_bits - 1) * p / 255)`, exactly.
    /// One unit is worth `1 / (2^n_bits - 1)`.
    ///
    /// Two bits give the thresholds 85, 170 and 255, which the paper uses (Section IV).
    ///
    /// # Errors
    /// [`NetworkError`] unless `n_bits` is 1 to 8.
    pub fn uniform(n_bits: u32) -> Result<Self, NetworkError> {
        if !(1..=8).contains(&n_bits) {
            let problem = format!("{n_bits} bits, expected 1 to 8");
            return Err(NetworkError::new("input.quantizer", problem));
        }
        let max = (1u32 << n_bits) - 1;
        // The smallest pixel with floor(max * p / 255) >= k is ceil(255 * k / max), at most 255.
        Self::from_thresholds((1..=max).map(|k| (255 * k).div_ceil(max) as u8).collect())
    }

    /// Makes a quantiser from a strictly increasing list of thresholds from 1 to 255. One unit is worth
    /// `1 / thresholds.len()`; [`with_scale`](Self::with_scale) changes that.
    ///
    /// # Errors
    /// [`NetworkError`] for an empty list, a threshold of 0 (every pixel reaches it), or a threshold that
    /// is not above the previous one.
    pub fn from_thresholds(thresholds: Vec<u8>) -> Result<Self, NetworkError> {
        let refused = |index: usize, problem: &str| {
            let field = format!("input.quantizer.thresholds[{index}]");
            Err(NetworkError::new(field, problem))
        };
        match thresholds.first() {
            None => return refused(0, "the list is empty, give at least one"),
            Some(0) => return refused(0, "is 0, which every pixel reaches; use 1 to 255"),
            Some(_) => {}
        }
        if let Some(i) = thresholds.windows(2).position(|pair| pair[1] <= pair[0]) {
            let (before, at) = (thresholds[i], thresholds[i + 1]);
            let problem = format!("is {at}, which is not above {before} before it");
            return refused(i + 1, &problem);
        }
        let scale = 1.0 / thresholds.len() as f64;
        Ok(Self {
            rule: Rule::Thresholds(thresholds),
            scale,
        })
    }

    /// Makes a quantiser from an encoding by contrast. One unit is worth `1 / thresholds.len()`.
    ///
    /// # Errors
    /// [`NetworkError`] naming the invalid field.
    pub fn from_encoding(encoding: InputEncoding) -> Result<Self, NetworkError> {
        encoding.check()?;
        let scale = 1.0 / encoding.thresholds.len() as f64;
        Ok(Self {
            rule: Rule::Encoding(encoding),
            scale,
        })
    }

    /// Keeps the thresholds and sets the real value of one unit to `scale`.
    ///
    /// # Errors
    /// [`NetworkError`] unless `scale` is positive and finite.
    pub fn with_scale(self, scale: f64) -> Result<Self, NetworkError> {
        NetworkError::check_scale("input.quantizer.scale", scale)?;
        Ok(Self { scale, ..self })
    }

    /// Returns the shape of the images that give inputs of `shape`; an encoding changes the number of channels.
    pub fn image_shape(&self, shape: Shape) -> Shape {
        match &self.rule {
            Rule::Thresholds(_) => shape,
            Rule::Encoding(encoding) => {
                Shape::new(encoding.source_channels(), shape.height, shape.width)
            }
        }
    }

    /// Checks that it can give inputs of `shape`.
    pub(super) fn check_shape(&self, shape: Shape) -> Result<(), NetworkError> {
        match &self.rule {
            Rule::Thresholds(_) => Ok(()),
            Rule::Encoding(encoding) => encoding.check_shape(shape),
        }
    }

    /// Converts an image to the integers of an input of `shape`, in the flat order of [`Shape`]; `pixels` has the shape
    /// [`image_shape`](Self::image_shape).
    ///
    /// Returns an empty list if the number of pixels is wrong, or if the encoding cannot give inputs of `shape`.
    pub fn quantize_image(&self, pixels: &[u8], shape: Shape) -> Vec<i64> {
        if pixels.len() != self.image_shape(shape).len() || self.check_shape(shape).is_err() {
            return Vec::new();
        }
        match &self.rule {
            Rule::Thresholds(thresholds) => {
                let table: [i64; 256] = std::array::from_fn(|p| count(thresholds, p as u8));
                pixels.iter().map(|&p| table[usize::from(p)]).collect()
            }
            Rule::Encoding(encoding) => encoding.encode(pixels, shape),
        }
    }

    /// Returns the largest integer that it gives; the smallest is 0.
    pub fn max(&self) -> i64 {
        let thresholds = match &self.rule {
            Rule::Thresholds(thresholds) => thresholds.len(),
            Rule::Encoding(encoding) => encoding.thresholds.len(),
        };
        thresholds.cast_signed() as i64
    }

    /// Returns the thresholds on pixels, strictly increasing; empty if there is an encoding.
    pub fn thresholds(&self) -> &[u8] {
        match &self.rule {
            Rule::Thresholds(thresholds) => thresholds,
            Rule::Encoding(_) => &[],
        }
    }

    /// Returns the encoding by contrast, if there is one.
    pub fn encoding(&self) -> Option<&InputEncoding> {
        match &self.rule {
            Rule::Thresholds(_) => None,
            Rule::Encoding(encoding) => Some(encoding),
        }
    }

    /// Returns the real value of one unit.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

fn count(thresholds: &[u8], pixel: u8) -> i64 {
    thresholds
        .partition_point(|&threshold| threshold <= pixel)
        .cast_signed() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_is_the_exact_floor_for_every_pixel_and_width() {
        for n_bits in 1..=8 {
            let quantizer = InputQuantizer::uniform(n_bits).unwrap();
            let max = (1i64 << n_bits) - 1;
            assert_eq!(quantizer.max(), max);
            assert_eq!(quantizer.scale().to_bits(), (1.0 / max as f64).to_bits());
            let pixels: Vec<u8> = (0..=255).collect();
            let found = quantizer.quantize_image(&pixels, Shape::new(1, 16, 16));
            let expected: Vec<i64> = (0..=255).map(|pixel| max * pixel / 255).collect();
            assert_eq!(found, expected, "{n_bits} bits");
        }
    }

    #[test]
    fn two_bits_are_the_papers_thresholds() {
        assert_eq!(
            InputQuantizer::uniform(2).unwrap().thresholds(),
            [85, 170, 255]
        );
    }

    #[test]
    fn one_threshold_is_one_bit() {
        let quantizer = InputQuantizer::from_thresholds(vec![102]).unwrap();
        let found = quantizer.quantize_image(&[101, 102, 255], Shape::new(1, 1, 3));
        assert_eq!(found, [0, 1, 1]);
        assert!(
            quantizer
                .quantize_image(&[1], Shape::new(1, 1, 3))
                .is_empty()
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let one_bit = InputQuantizer::uniform(1).unwrap();
        for (refused, says) in [
            (InputQuantizer::uniform(0), ": 0 bits, expected 1 to 8"),
            (InputQuantizer::uniform(9), ": 9 bits, expected 1 to 8"),
            (
                InputQuantizer::from_thresholds(vec![0, 1]),
                ".thresholds[0]: is 0, which every pixel reaches; use 1 to 255",
            ),
            (
                InputQuantizer::from_thresholds(vec![1, 9, 8]),
                ".thresholds[2]: is 8, which is not above 9 before it",
            ),
            (
                one_bit.with_scale(f64::NAN),
                ".scale: NaN is not a positive finite number",
            ),
        ] {
            let error = refused.unwrap_err().to_string();
            assert_eq!(error, format!("input.quantizer{says}"));
        }
    }
}
