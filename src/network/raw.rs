//! The fields of a network file, as they are written there.

use std::fmt::{self, Write};

use num_bigint::BigInt;
use serde::{Deserialize, Deserializer, de::Visitor};

use super::{
    error::NetworkError,
    format_error::{ENCODED_VERSION, FORMAT, VERSION},
    input::RawInput,
    layer::{Layer, MAX_BIAS_BITS, MAX_WEIGHTS, NamedLayer},
    model::{MAX_LAYERS, Network, NetworkLiteral},
    raw_value::{AtMost, at_most, double},
    shape::Shape,
};

/// Largest number of digits of a bias: enough for [`MAX_BIAS_BITS`] (2048 bits are 617 digits).
const MAX_BIAS_DIGITS: usize = MAX_BIAS_BITS as usize / 3;

/// Largest number of biases that is read for one layer: the limits on cost allow no layer with more outputs.
const MAX_BIASES: usize = 1 << 22;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNetwork {
    #[serde(rename = "format")]
    _format: String,
    version: u64,
    name: String,
    input: RawInput,
    classes: usize,
    #[serde(deserialize_with = "at_most::<MAX_LAYERS, _, _>")]
    layers: Vec<RawLayer>,
}

/// A layer of any kind; its kind decides which fields are required.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLayer {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    in_channels: Option<usize>,
    out_channels: Option<usize>,
    in_features: Option<usize>,
    out_features: Option<usize>,
    kernel: Option<[usize; 2]>,
    stride: Option<[usize; 2]>,
    padding: Option<[usize; 2]>,
    weight: Option<AtMost<i64, MAX_WEIGHTS>>,
    bias: Option<AtMost<Bias, MAX_BIASES>>,
    weight_scale: Option<String>,
}

impl RawNetwork {
    pub(super) fn into_literal(self) -> Result<NetworkLiteral, NetworkError> {
        let input = self.input.into_spec(self.version)?;
        let layers = self.layers.into_iter().enumerate();
        let layers = layers.map(|(index, raw)| raw.into_layer(index));
        Ok(NetworkLiteral {
            name: self.name,
            input,
            classes: self.classes,
            layers: layers.collect::<Result<_, _>>()?,
        })
    }
}

impl RawLayer {
    fn into_layer(mut self, index: usize) -> Result<NamedLayer, NetworkError> {
        let at = |field: &str| format!("layers[{index}].{field}");
        // Takes a field that this kind of layer needs.
        macro_rules! take {
            ($field:ident) => {
                self.$field.take().ok_or_else(|| {
                    let problem = format!("is missing, a {} needs it", self.kind);
                    NetworkError::new(at(stringify!($field)), problem)
                })?
            };
        }
        let layer = match self.kind.as_str() {
            "conv2d" => Layer::Conv2d {
                in_channels: take!(in_channels),
                out_channels: take!(out_channels),
                kernel: take!(kernel),
                stride: take!(stride),
                padding: take!(padding),
                weight: take!(weight).0,
                bias: biases(take!(bias).0, index)?,
                weight_scale: double(&take!(weight_scale), &at("weight_scale"))?,
            },
            "linear" => Layer::Linear {
                in_features: take!(in_features),
                out_features: take!(out_features),
                weight: take!(weight).0,
                bias: biases(take!(bias).0, index)?,
                weight_scale: double(&take!(weight_scale), &at("weight_scale"))?,
            },
            "square" => Layer::Square,
            "sum_pool" => Layer::SumPool {
                kernel: take!(kernel),
                stride: take!(stride),
            },
            "flatten" => Layer::Flatten,
            other => {
                let other: String = other.chars().take(64).collect();
                let problem = format!(
                    "{other:?} is unknown, expected conv2d, linear, square, sum_pool or flatten"
                );
                return Err(NetworkError::new(at("type"), problem));
            }
        };
        // Any field that is left over does not belong to this kind.
        let left_over = [
            ("in_channels", self.in_channels.is_some()),
            ("out_channels", self.out_channels.is_some()),
            ("in_features", self.in_features.is_some()),
            ("out_features", self.out_features.is_some()),
            ("kernel", self.kernel.is_some()),
            ("stride", self.stride.is_some()),
            ("padding", self.padding.is_some()),
            ("weight", self.weight.is_some()),
            ("bias", self.bias.is_some()),
            ("weight_scale", self.weight_scale.is_some()),
        ];
        if let Some((field, _)) = left_over.iter().find(|(_, present)| *present) {
            let problem = format!("a {} has no such field", self.kind);
            return Err(NetworkError::new(at(field), problem));
        }
        Ok(NamedLayer {
            name: self.name,
            layer,
        })
    }
}

/// A bias: the value of a decimal string, or the reason why it is invalid. Keeping the text would take more memory.
struct Bias(Result<BigInt, String>);

impl<'de> Deserialize<'de> for Bias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;

        impl Visitor<'_> for Decimal {
            type Value = Bias;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string of decimal digits")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bias, E> {
                Ok(Bias(decimal(text)))
            }
        }

        deserializer.deserialize_str(Decimal)
    }
}

fn decimal(text: &str) -> Result<BigInt, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() > MAX_BIAS_DIGITS {
        return Err(format!(
            "{} characters, at most {MAX_BIAS_DIGITS} digits",
            digits.len()
        ));
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{text:?} is not a decimal integer"));
    }
    text.parse()
        .map_err(|_| format!("{text:?} is not a decimal integer"))
}

fn biases(found: Vec<Bias>, layer: usize) -> Result<Vec<BigInt>, NetworkError> {
    let bias = |(index, Bias(bias)): (usize, Bias)| {
        let field = || format!("layers[{layer}].bias[{index}]");
        bias.map_err(|problem| NetworkError::new(field(), problem))
    };
    found.into_iter().enumerate().map(bias).collect()
}

/// Writes the text of a network file.
pub(super) fn write_network(network: &Network) -> String {
    let Shape {
        channels,
        height,
        width,
    } = network.input().shape;
    let quantizer = &network.input().quantizer;
    let (version, rule) = if let Some(encoding) = quantizer.encoding() {
        // An encoding has only plain fields, so writing it cannot fail.
        let text = serde_json::to_string(encoding).unwrap_or_default();
        (ENCODED_VERSION, format!(r#""encoding": {text}"#))
    } else {
        let thresholds = list(quantizer.thresholds(), "");
        (VERSION, format!(r#""thresholds": [{thresholds}]"#))
    };
    let layers: Vec<String> = network.layers().iter().map(layer_text).collect();
    format!(
        r#"{{
 "format": "{FORMAT}",
 "version": {version},
 "name": {name},
 "input": {{
  "shape": {{"channels": {channels}, "height": {height}, "width": {width}}},
  "quantizer": {{{rule}, "scale": "{scale:?}"}}
 }},
 "classes": {classes},
 "layers": [
  {layers}
 ]
}}
"#,
        name = quoted(network.name()),
        scale = quantizer.scale(),
        classes = network.classes(),
        layers = layers.join(",\n  "),
    )
}

fn layer_text(named: &NamedLayer) -> String {
    let fields = match &named.layer {
        Layer::Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            weight,
            bias,
            weight_scale,
        } => format!(
            r#", "in_channels": {in_channels}, "out_channels": {out_channels}, "kernel": {kernel:?}, "stride": {stride:?}, "padding": {padding:?}{}"#,
            parameters(weight, bias, *weight_scale)
        ),
        Layer::Linear {
            in_features,
            out_features,
            weight,
            bias,
            weight_scale,
        } => format!(
            r#", "in_features": {in_features}, "out_features": {out_features}{}"#,
            parameters(weight, bias, *weight_scale)
        ),
        Layer::SumPool { kernel, stride } => {
            format!(r#", "kernel": {kernel:?}, "stride": {stride:?}"#)
        }
        Layer::Square | Layer::Flatten => String::new(),
    };
    format!(
        r#"{{"name": {}, "type": "{}"{fields}}}"#,
        quoted(&named.name),
        named.layer.kind()
    )
}

fn parameters(weight: &[i64], bias: &[BigInt], weight_scale: f64) -> String {
    let (weight, bias) = (list(weight, ""), list(bias, "\""));
    format!(r#", "weight_scale": "{weight_scale:?}", "bias": [{bias}], "weight": [{weight}]"#)
}

fn list<T: fmt::Display>(values: &[T], quote: &str) -> String {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{quote}{value}{quote}");
    }
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
