//! Tests of the file format.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::{tests::limits, *};

const DOCUMENT: &str = include_str!("../../docs/NETWORK_FORMAT.md");

/// Returns the document's fenced code blocks in a language.
pub(super) fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = DOCUMENT.split(fence.as_str()).skip(1);
    after
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

pub(super) fn example() -> Network {
    Network::from_slice(blocks("json")[0].as_bytes()).unwrap()
}

/// Returns the error of reading the documented example after a replacement in its text.
fn complaint(from: &str, to: &str) -> String {
    let text = blocks("json")[0];
    assert!(text.contains(from), "{from}");
    refusal(&text.replacen(from, to, 1))
}

/// Returns the error of reading a text.
fn refusal(text: &str) -> String {
    Network::from_slice(text.as_bytes())
        .unwrap_err()
        .to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_file_gives_back_the_same_network(seed: u64, limits in limits()) {
        let network = random_network(seed, &limits).unwrap();
        let text = network.to_json();
        let read = Network::from_slice(text.as_bytes()).unwrap();
        prop_assert_eq!(&read, &network);
        prop_assert_eq!(read.to_json(), text);
    }

    #[test]
    fn a_cut_file_is_refused(seed: u64, at: prop::sample::Index) {
        let text = random_network(seed, &NetworkLimits::default()).unwrap().to_json();
        let text = text.trim_end();
        prop_assert!(Network::from_slice(&text.as_bytes()[..at.index(text.len())]).is_err());
    }

    #[test]
    fn damaged_bytes_never_panic(
        seed: u64,
        limits in limits(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(b'9'), Just(b'-'), Just(b'"')]), 1..5),
    ) {
        let mut bytes = random_network(seed, &limits).unwrap().to_json().into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Damaged bytes that are still a network must be a valid one.
        if let Ok(network) = Network::from_slice(&bytes) {
            let image = random_images(seed, &network, 3).pop().unwrap();
            prop_assert_eq!(Twin::new(&network).logits(&image).unwrap().len(), network.classes());
            prop_assert_eq!(Network::from_slice(network.to_json().as_bytes()).unwrap(), network);
        }
    }

    #[test]
    fn any_number_in_any_place_never_panics(
        seed: u64,
        place: prop::sample::Index,
        number in prop_oneof![any::<u64>().prop_map(|n| n.to_string()), Just("0".into()), Just("1e400".into()), Just("-1".into()), Just("[]".into()), Just("null".into())],
    ) {
        let text = random_network(seed, &NetworkLimits::default()).unwrap().to_json();
        let is_digit = |c: char| c.is_ascii_digit();
        let starts: Vec<_> = text
            .char_indices()
            .filter(|&(at, c)| is_digit(c) && !text[..at].ends_with(is_digit))
            .map(|(at, _)| at)
            .collect();
        let start = starts[place.index(starts.len())];
        let end = text[start..].find(|c| !is_digit(c)).unwrap() + start;
        let damaged = format!("{}{number}{}", &text[..start], &text[end..]);
        if let Ok(network) = Network::from_slice(damaged.as_bytes()) {
            prop_assert_eq!(network.shapes().len(), network.layers().len() + 1);
        }
    }
}

#[test]
fn the_documented_example_is_read() {
    let network = example();
    assert_eq!(network.name(), "example");
    assert_eq!(
        network.input().quantizer,
        InputQuantizer::uniform(2).unwrap()
    );
    assert_eq!(network.shapes()[1], Shape::new(2, 2, 2));
    assert_eq!(network.shapes()[3], Shape::new(2, 1, 2));
    let wide: BigInt = "123456789012345678901234567890".parse().unwrap();
    assert_eq!(network.layers()[4].layer.bias().unwrap()[1], wide);
    let scale = (1.0 / 3.0 * 0.125_f64).powi(2) * 0.25;
    assert!((network.output_scale() / scale - 1.0).abs() < 1e-15);
}

/// Replacements in the example, text => new text, each followed by the error that the reader then returns.
const COMPLAINTS: &str = r#"
sealquant-network => qonnx
    format: "qonnx", expected "sealquant-network"; this is not a network file
"version": 1 => "version": 3
    version: 3, expected 1 or 2; a newer release may read it
"name": "example" => "name": ""
    name: is empty
[85, 170, 255] => [85, 85]
    input.quantizer.thresholds[1]: is 85, which is not above 85 before it
[85, 170, 255] => []
    input.quantizer.thresholds[0]: the list is empty, give at least one
"0.3333333333333333" => "x"
    input.quantizer.scale: "x" is not a decimal number
"0.3333333333333333" => "inf"
    input.quantizer.scale: inf is not a positive finite number
"channels": 1 => "channels": 0
    input.shape: 0x4x4 has 0 values, expected 1 to 16777216
"classes": 2 => "classes": 3
    classes: 3, but the last layer gives 2 values (shape 2x1x1)
[1, 0, -1, 1, 0, 1, 1, 0] => [1, 0]
    layers[0].weight: 2 values, expected 8 (2x1x2x2)
[1, 0, -1, 1, => [1, 0, -2305843009213693952, 1,
    layers[0].weight[2]: -2305843009213693952 is outside 62 signed bits (|w| < 2^61)
["1", "-2"] => ["1"]
    layers[0].bias: 1 values, expected 2 (one per output channel)
"-2" => "+2"
    layers[0].bias[1]: "+2" is not a decimal integer
"out_features": 2 => "out_features": 1099511627776
    layers[4].type: an output of 1099511627776x1x1 values, at most 16777216 are supported
"padding": [0, 0] => "padding": [18446744073709551615, 0]
    layers[0].padding: 18446744073709551615x0 must be smaller than the kernel 2x2
"channels": 1, "height": 4, "width": 4 => "channels": 4294967296, "height": 4294967296, "width": 4
    input.shape: 4294967296x4294967296x4 has 18446744073709551615 values, expected 1 to 16777216
"-2" => "1_0"
    layers[0].bias[1]: "1_0" is not a decimal integer
"0.125" => "0"
    layers[0].weight_scale: 0 is not a positive finite number
"in_channels": 1 => "in_channels": 3
    layers[0].in_channels: 3, but its input of shape 1x4x4 has 1
"in_features": 4 => "in_features": 5
    layers[4].in_features: 5, but its input of shape 4x1x1 has 4
"kernel": [2, 2] => "kernel": [2, 5]
    layers[0].kernel: 2x5 does not fit its input of shape 1x4x4 padded by 0x0
"kernel": [2, 2] => "kernel": [0, 2]
    layers[0].kernel: 0x2, every dimension must be at least 1
"padding": [0, 0] => "padding": [0, 2]
    layers[0].padding: 0x2 must be smaller than the kernel 2x2
"stride": [2, 2], "padding" => "padding"
    layers[0].stride: is missing, a conv2d needs it
"type": "square" => "type": "square", "stride": [1, 1]
    layers[1].stride: a square has no such field
"type": "square" => "type": "relu"
    layers[1].type: "relu" is unknown, expected conv2d, linear, square, sum_pool or flatten
"square1" => "conv1"
    layers[1].name: `conv1` is taken, by another layer or by the input; every name must be unique
"out_features": 2 => "out_features": 99999999
    layers[4].type: an output of 99999999x1x1 values, at most 16777216 are supported
"#;

/// Replacements that break the JSON itself, and the beginning of the error; line and column follow it.
const JSON_COMPLAINTS: &str = r#"
[1, 0, -1, 1, => [1, 0, 1.5, 1,
    layers[0].weight[2]: invalid type: floating point `1.5`, expected an integer of 64 bits at line
[85, 170, 255] => [85, 256]
    input.quantizer.thresholds[1]: invalid value: integer `256`, expected u8 at line
"bias": ["1" => "bias": [1
    layers[0].bias[0]: invalid type: integer `1`, expected a string of decimal digits at line
"type": "flatten" => "typ": "flatten"
    layers[3].typ: unknown field `typ`
"weight_scale": "0.125" => "weight_scale": ["0.125", "0.25"]
    layers[0].weight_scale: a list, expected one number as a string (there is one for the whole layer, none for each channel) at line
"scale": "0.3333333333333333" => "scale": ["0.3"]
    input.quantizer.scale: a list, expected one number as a string (there is one for the whole layer, none for each channel) at line
"out_features": 2 => "out_features": -2
    layers[4].out_features: invalid value: integer `-2`, expected an integer that is not negative at line
"classes": 2, =>
    file: missing field `classes` at line
"classes": 2, => "classes": 2
    file: expected `,` or `}` at line
"#;

/// Returns the replacements of a table: text, new text and error.
fn table(text: &str) -> Vec<(&str, &str, &str)> {
    let lines: Vec<&str> = text.trim().lines().collect();
    let (entries, []) = lines.as_chunks::<2>() else {
        panic!("each replacement has two lines");
    };
    let split = entries.iter().map(|[replacement, error]| {
        let (from, to) = replacement.split_once(" =>").unwrap();
        (from, to.trim_start(), error.trim_start())
    });
    split.collect()
}

#[test]
fn every_complaint_names_the_field() {
    for (from, to, expected) in table(COMPLAINTS) {
        assert_eq!(complaint(from, to), expected);
    }
    for (from, to, expected) in table(JSON_COMPLAINTS) {
        let text = complaint(from, to);
        assert!(text.starts_with(expected), "{text}");
    }
    let long = format!("\"{}\"", "9".repeat(2000));
    assert_eq!(
        complaint("\"-2\"", &long),
        "layers[0].bias[1]: 2000 characters, at most 682 digits"
    );
    let error = refusal(&format!("{}x", blocks("json")[0]));
    assert!(error.starts_with("file: trailing characters"), "{error}");
}

#[test]
fn values_that_would_fill_the_memory_are_refused() {
    let square = |i| format!("{{\"name\": \"s{i}\", \"type\": \"square\"}}, ");
    let squares = (0..30).map(square).collect::<Vec<_>>().concat();
    let text = blocks("json")[0]
        .replace("\"0.3333333333333333\"", "\"1.0\"")
        .replace("\"0.125\"", "\"1.0\"")
        .replace(
            "{\"name\": \"pool1\"",
            &format!("{squares}{{\"name\": \"pool1\""),
        );
    assert_eq!(
        refusal(&text),
        "layers[10].type: values after this layer may need 7168 bits, at most 4096 are supported"
    );
    let many = vec!["{\"name\": \"s\", \"type\": \"square\"}, "; 300].concat();
    let error = complaint(
        "{\"name\": \"pool1\"",
        &format!("{many}{{\"name\": \"pool1\""),
    );
    assert!(
        error.contains("expected a list of at most 256 values"),
        "{error}"
    );
}

/// Makes a random network with an encoding by contrast.
pub(super) fn encoded_network(seed: u64) -> Network {
    let mut literal = random_network(seed, &NetworkLimits::default())
        .unwrap()
        .into_literal();
    let mut random = SplitMix64::new(seed);
    let sources = random.between(1, 3);
    let mut signed = || random.between(0, 300).cast_signed() as i32 - 150;
    let channels = (0..literal.input.shape.channels).map(|index| EncodedChannel {
        mix: (0..sources).map(|_| signed()).collect(),
        unit: 1 + signed().unsigned_abs(),
        center: if index % 2 == 0 {
            Center::Mean([index as u32 % 3, 2])
        } else {
            Center::Blur(1 + index % 3)
        },
    });
    let encoding = InputEncoding {
        channels: channels.collect(),
        floor: 4,
        thresholds: vec![-75, 0, 20, 110],
    };
    literal.input.quantizer = InputQuantizer::from_encoding(encoding).unwrap();
    Network::new(literal).unwrap()
}

#[test]
fn an_encoding_is_part_of_the_file() {
    for seed in 0..20 {
        let network = encoded_network(seed);
        let text = network.to_json();
        assert!(text.contains("\"version\": 2"));
        assert_eq!(Network::from_slice(text.as_bytes()).unwrap(), network);
        let complaint = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            refusal(&text.replacen(from, to, 1))
        };
        assert_eq!(
            complaint("\"version\": 2", "\"version\": 1"),
            "input.quantizer.encoding: needs version 2"
        );
        let both = complaint("\"encoding\":", "\"thresholds\": [1], \"encoding\":");
        assert!(both.contains("beside thresholds"), "{both}");
        let floor = complaint("\"floor\":4", "\"floor\":256");
        assert!(floor.contains("encoding.floor"), "{floor}");
        let missing = complaint("\"floor\":4,", "");
        assert!(missing.contains("floor"), "{missing}");
    }
}
