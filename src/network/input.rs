//! The input that a network reads, and how network files write it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    encoding::InputEncoding,
    error::{InputError, NetworkError},
    format_error::ENCODED_VERSION,
    layer::MAX_ELEMENTS,
    quantizer::InputQuantizer,
    raw_value::{AtMost, double},
    shape::Shape,
};

/// The input that a network reads.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Shape of the network's input.
    pub shape: Shape,
    /// Conversion from pixels to integers.
    pub quantizer: InputQuantizer,
}

impl InputSpec {
    /// Checks that the shape is one that a network can have, and that the quantiser can give it.
    pub(super) fn check(&self) -> Result<(), NetworkError> {
        let shape = self.shape;
        if shape.is_empty() || shape.len() > MAX_ELEMENTS {
            let problem = format!(
                "{shape} has {} values, expected 1 to {MAX_ELEMENTS}",
                shape.len()
            );
            return Err(NetworkError::new("input.shape", problem));
        }
        self.quantizer.check_shape(shape)
    }

    /// Converts an image of pixels to the integers that the network reads. Both are in the flat, channel-major order of
    /// [`Shape`].
    ///
    /// # Errors
    /// [`InputError::Length`] unless there is one pixel per value of the image's shape. That is the input's shape,
    /// except that an [`InputEncoding`](super::InputEncoding) has its own number of channels.
    pub fn quantize_image(&self, pixels: &[u8]) -> Result<Vec<i64>, InputError> {
        let Self { shape, quantizer } = self;
        let image = quantizer.image_shape(*shape);
        if pixels.len() != image.len() {
            return Err(InputError::Length {
                actual: pixels.len(),
                expected: image.len(),
                shape: image,
            });
        }
        Ok(quantizer.quantize_image(pixels, *shape))
    }
}

/// Written as in a network file.
impl Serialize for InputSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawInput::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for InputSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = RawInput::deserialize(deserializer)?.into_spec(ENCODED_VERSION);
        let spec = read.map_err(D::Error::custom)?;
        spec.check().map_err(D::Error::custom)?;
        Ok(spec)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawInput {
    shape: Shape,
    quantizer: RawQuantizer,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawQuantizer {
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<AtMost<u8, 255>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<InputEncoding>,
    scale: String,
}

impl RawInput {
    /// Writes an input as a network file does.
    pub(super) fn of(input: &InputSpec) -> Self {
        let quantizer = &input.quantizer;
        let encoding = quantizer.encoding().cloned();
        let thresholds = || AtMost(quantizer.thresholds().to_vec());
        Self {
            shape: input.shape,
            quantizer: RawQuantizer {
                thresholds: encoding.is_none().then(thresholds),
                encoding,
                scale: format!("{:?}", quantizer.scale()),
            },
        }
    }

    /// Checks an input that is written as in a network file of this version.
    pub(super) fn into_spec(self, version: u64) -> Result<InputSpec, NetworkError> {
        let Self { shape, quantizer } = self;
        let scale = double(&quantizer.scale, "input.quantizer.scale")?;
        let refused = |field: &str, problem: &str| {
            NetworkError::new(format!("input.quantizer.{field}"), problem)
        };
        let rule = match (quantizer.thresholds, quantizer.encoding) {
            (Some(AtMost(thresholds)), None) => InputQuantizer::from_thresholds(thresholds)?,
            (None, Some(encoding)) if version == ENCODED_VERSION => {
                InputQuantizer::from_encoding(encoding)?
            }
            (None, Some(_)) => return Err(refused("encoding", "needs version 2")),
            (None, None) => return Err(refused("thresholds", "is missing")),
            (Some(_), Some(_)) => {
                return Err(refused("encoding", "does not belong beside thresholds"));
            }
        };
        let quantizer = rule.with_scale(scale)?;
        Ok(InputSpec { shape, quantizer })
    }
}
