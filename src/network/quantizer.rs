//! From pixels to the small integers that a network reads.

use super::error::NetworkError;

/// Turns a pixel (0 to 255) into a small integer by counting thresholds: the integer of pixel `p` is the number of
/// thresholds `<= p`, so it runs from 0 to [`max`](Self::max).
///
/// One unit of that integer stands for the real value [`scale`](Self::scale).
#[derive(Clone, Debug, PartialEq)]
pub struct InputQuantizer {
    thresholds: Vec<u8>,
    scale: f64,
}

impl InputQuantizer {
    /// `n_bits` bits, evenly spread: `floor((2^n_bits - 1) * p / 255)`, exactly. One unit is worth `1 / (2^n_bits - 1)`.
    ///
    /// Two bits give the thresholds 85, 170 and 255, the setting of the paper (Section IV).
    ///
    /// # Errors
    /// [`NetworkError::QuantizerBits`] unless `n_bits` is 1 to 8.
    pub fn uniform(n_bits: u32) -> Result<Self, NetworkError> {
        if !(1..=8).contains(&n_bits) {
            return Err(NetworkError::QuantizerBits { n_bits });
        }
        let max = (1u32 << n_bits) - 1;
        // The smallest pixel with floor(max * p / 255) >= k is ceil(255 * k / max), at most 255.
        Self::from_thresholds((1..=max).map(|k| (255 * k).div_ceil(max) as u8).collect())
    }

    /// Any strictly increasing list of thresholds from 1 to 255. One unit is worth `1 / thresholds.len()`;
    /// [`with_scale`](Self::with_scale) changes that.
    ///
    /// # Errors
    /// [`NetworkError::Thresholds`] for an empty list, for a threshold of 0 (every pixel reaches it) or one that is not
    /// above the one before.
    pub fn from_thresholds(thresholds: Vec<u8>) -> Result<Self, NetworkError> {
        let Some(&first) = thresholds.first() else {
            return Err(NetworkError::Thresholds {
                index: 0,
                problem: "the list is empty, give at least one".into(),
            });
        };
        if first == 0 {
            return Err(NetworkError::Thresholds {
                index: 0,
                problem: "is 0, which every pixel reaches; use 1 to 255".into(),
            });
        }
        if let Some(i) = thresholds.windows(2).position(|pair| pair[1] <= pair[0]) {
            return Err(NetworkError::Thresholds {
                index: i + 1,
                problem: format!(
                    "is {}, which is not above {} before it",
                    thresholds[i + 1],
                    thresholds[i]
                ),
            });
        }
        let scale = 1.0 / thresholds.len() as f64;
        Ok(Self { thresholds, scale })
    }

    /// The same thresholds, with one unit worth the real value `scale`.
    ///
    /// # Errors
    /// [`NetworkError::InputScale`] unless `scale` is positive and finite.
    pub fn with_scale(self, scale: f64) -> Result<Self, NetworkError> {
        if scale.is_finite() && scale > 0.0 {
            Ok(Self { scale, ..self })
        } else {
            Err(NetworkError::InputScale { value: scale })
        }
    }

    /// The integer of one pixel.
    pub fn quantize(&self, pixel: u8) -> i64 {
        self.thresholds
            .partition_point(|&threshold| threshold <= pixel)
            .cast_signed() as i64
    }

    /// The integer of every pixel value.
    pub fn table(&self) -> [i64; 256] {
        std::array::from_fn(|pixel| self.quantize(pixel as u8))
    }

    /// The largest integer it gives; the smallest is 0.
    pub fn max(&self) -> i64 {
        self.thresholds.len().cast_signed() as i64
    }

    /// The thresholds, strictly increasing.
    pub fn thresholds(&self) -> &[u8] {
        &self.thresholds
    }

    /// The real value of one unit.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        reason = "a test stops at the first thing that is wrong"
    )]

    use super::*;

    #[test]
    fn uniform_is_the_exact_floor_for_every_pixel_and_width() {
        for n_bits in 1..=8 {
            let quantizer = InputQuantizer::uniform(n_bits).unwrap();
            let max = (1i64 << n_bits) - 1;
            assert_eq!(quantizer.max(), max);
            assert_eq!(quantizer.scale().to_bits(), (1.0 / max as f64).to_bits());
            for pixel in 0..=255u8 {
                let expected = max * i64::from(pixel) / 255;
                assert_eq!(
                    quantizer.quantize(pixel),
                    expected,
                    "{n_bits} bits, pixel {pixel}"
                );
                assert_eq!(quantizer.table()[usize::from(pixel)], expected);
            }
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
        assert_eq!(
            [101, 102, 255].map(|pixel| quantizer.quantize(pixel)),
            [0, 1, 1]
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let message = |result: Result<_, NetworkError>| result.unwrap_err().to_string();
        assert_eq!(
            message(InputQuantizer::uniform(0)),
            "input.quantizer: 0 bits, expected 1 to 8"
        );
        assert_eq!(
            message(InputQuantizer::uniform(9)),
            "input.quantizer: 9 bits, expected 1 to 8"
        );
        assert_eq!(
            message(InputQuantizer::from_thresholds(vec![0, 1])),
            "input.quantizer.thresholds[0]: is 0, which every pixel reaches; use 1 to 255"
        );
        assert_eq!(
            message(InputQuantizer::from_thresholds(vec![1, 9, 8])),
            "input.quantizer.thresholds[2]: is 8, which is not above 9 before it"
        );
        let one_bit = InputQuantizer::uniform(1).unwrap();
        assert_eq!(
            message(one_bit.with_scale(f64::NAN)),
            "input.quantizer.scale: NaN is not a positive finite number"
        );
    }
}
