//! Tests of the file format.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is wrong"
)]

use std::{error::Error as _, process::Command};

use num_bigint::BigInt;
use proptest::prelude::*;

use super::{tests::limits, *};

const DOCUMENT: &str = include_str!("../../docs/NETWORK_FORMAT.md");

/// The fenced blocks of the document in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = DOCUMENT.split(fence.as_str()).skip(1);
    after
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

fn example() -> Network {
    Network::from_slice(blocks("json")[0].as_bytes()).unwrap()
}

/// What reading the documented example says after a replacement in its text.
fn complaint(from: &str, to: &str) -> String {
    let text = blocks("json")[0];
    assert!(text.contains(from), "{from}");
    Network::from_slice(text.replacen(from, to, 1).as_bytes())
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
        // What is still a network must be one through and through.
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

/// What to replace in the example, by what, and what the reader then says.
const COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "sealquant-network",
        "qonnx",
        "format: \"qonnx\", expected \"sealquant-network\"; this is not a network file",
    ),
    (
        "\"version\": 1",
        "\"version\": 3",
        "version: 3, expected 1 or 2; a newer release may read it",
    ),
    ("\"name\": \"example\"", "\"name\": \"\"", "name: is empty"),
    (
        "[85, 170, 255]",
        "[85, 85]",
        "input.quantizer.thresholds[1]: is 85, which is not above 85 before it",
    ),
    (
        "[85, 170, 255]",
        "[]",
        "input.quantizer.thresholds[0]: the list is empty, give at least one",
    ),
    (
        "\"0.3333333333333333\"",
        "\"x\"",
        "input.quantizer.scale: \"x\" is not a decimal number",
    ),
    (
        "\"0.3333333333333333\"",
        "\"inf\"",
        "input.quantizer.scale: inf is not a positive finite number",
    ),
    (
        "\"channels\": 1",
        "\"channels\": 0",
        "input.shape: 0x4x4 has 0 values, expected 1 to 16777216",
    ),
    (
        "\"classes\": 2",
        "\"classes\": 3",
        "classes: 3, but the last layer gives 2 values (shape 2x1x1)",
    ),
    (
        "[1, 0, -1, 1, 0, 1, 1, 0]",
        "[1, 0]",
        "layers[0].weight: 2 values, expected 8 (2x1x2x2)",
    ),
    (
        "[1, 0, -1, 1,",
        "[1, 0, -2305843009213693952, 1,",
        "layers[0].weight[2]: -2305843009213693952 is outside 62 signed bits (|w| < 2^61)",
    ),
    (
        "[\"1\", \"-2\"]",
        "[\"1\"]",
        "layers[0].bias: 1 values, expected 2 (one per output channel)",
    ),
    (
        "\"-2\"",
        "\"+2\"",
        "layers[0].bias[1]: \"+2\" is not a decimal integer",
    ),
    (
        "\"-2\"",
        "\"1_0\"",
        "layers[0].bias[1]: \"1_0\" is not a decimal integer",
    ),
    (
        "\"0.125\"",
        "\"0\"",
        "layers[0].weight_scale: 0 is not a positive finite number",
    ),
    (
        "\"in_channels\": 1",
        "\"in_channels\": 3",
        "layers[0].in_channels: 3, but its input of shape 1x4x4 has 1",
    ),
    (
        "\"in_features\": 4",
        "\"in_features\": 5",
        "layers[4].in_features: 5, but its input of shape 4x1x1 has 4",
    ),
    (
        "\"kernel\": [2, 2]",
        "\"kernel\": [2, 5]",
        "layers[0].kernel: 2x5 does not fit its input of shape 1x4x4 padded by 0x0",
    ),
    (
        "\"kernel\": [2, 2]",
        "\"kernel\": [0, 2]",
        "layers[0].kernel: 0x2, every dimension must be at least 1",
    ),
    (
        "\"padding\": [0, 0]",
        "\"padding\": [0, 2]",
        "layers[0].padding: 0x2 must be smaller than the kernel 2x2",
    ),
    (
        "\"stride\": [2, 2], ",
        "",
        "layers[0].stride: is missing, a conv2d needs it",
    ),
    (
        "\"type\": \"square\"",
        "\"type\": \"square\", \"stride\": [1, 1]",
        "layers[1].stride: a square has no such field",
    ),
    (
        "\"type\": \"square\"",
        "\"type\": \"relu\"",
        "layers[1].type: \"relu\" is unknown, expected conv2d, linear, square, sum_pool or flatten",
    ),
    (
        "\"square1\"",
        "\"conv1\"",
        "layers[1].name: `conv1` is taken, by another layer or by the input; every name must be unique",
    ),
    (
        "\"out_features\": 2",
        "\"out_features\": 99999999",
        "layers[4].type: an output of 99999999x1x1 values, at most 16777216 are supported",
    ),
];

/// The same where the JSON itself is at fault: the beginning of the message, line and column follow.
const JSON_COMPLAINTS: &[(&str, &str, &str)] = &[
    (
        "[1, 0, -1, 1,",
        "[1, 0, 1.5, 1,",
        "layers[0].weight[2]: invalid type: floating point `1.5`, expected i64 at line ",
    ),
    (
        "[85, 170, 255]",
        "[85, 256]",
        "input.quantizer.thresholds[1]: invalid value: integer `256`, expected u8 at line ",
    ),
    (
        "\"bias\": [\"1\"",
        "\"bias\": [1",
        "layers[0].bias[0]: invalid type: integer `1`, expected a string at line ",
    ),
    (
        "\"type\": \"flatten\"",
        "\"typ\": \"flatten\"",
        "layers[3].typ: unknown field `typ`",
    ),
    (
        "\"classes\": 2,",
        "",
        "file: missing field `classes` at line ",
    ),
    (
        "\"classes\": 2,",
        "\"classes\": 2",
        "file: expected `,` or `}` at line ",
    ),
];

#[test]
fn every_complaint_names_the_field() {
    for &(from, to, expected) in COMPLAINTS {
        assert_eq!(complaint(from, to), expected);
    }
    for &(from, to, expected) in JSON_COMPLAINTS {
        let text = complaint(from, to);
        assert!(text.starts_with(expected), "{text}");
    }
    let long = format!("\"{}\"", "9".repeat(2000));
    assert_eq!(
        complaint("\"-2\"", &long),
        "layers[0].bias[1]: 2000 characters, at most 682 digits"
    );
    let trailing = format!("{}x", blocks("json")[0]);
    let error = Network::from_slice(trailing.as_bytes())
        .unwrap_err()
        .to_string();
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
    let error = Network::from_slice(text.as_bytes())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
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

#[test]
fn a_saved_network_is_loaded_again_and_no_other_file_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("network.json");
    std::fs::write(&path, "what was there before").unwrap();
    let network = example();
    network.save(&path).unwrap();
    assert_eq!(Network::load(&path).unwrap(), network);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    // A new file is as readable as any other that this user makes.
    let (new, ordinary) = (
        directory.path().join("new.json"),
        directory.path().join("ordinary"),
    );
    network.save(&new).unwrap();
    std::fs::write(&ordinary, "").unwrap();
    let permissions = |path| std::fs::metadata(path).unwrap().permissions();
    assert_eq!(permissions(&new), permissions(&ordinary));
}

#[test]
fn a_compressed_file_is_the_same_network_whatever_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let network = random_network(3, &NetworkLimits::wide()).unwrap();
    let packed = directory.path().join("a.json.gz");
    network.save(&packed).unwrap();
    let bytes = std::fs::read(&packed).unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() < network.to_json().len());
    assert_eq!(Network::load(&packed).unwrap(), network);
    assert_eq!(Network::from_slice(&bytes).unwrap(), network);
    // The same bytes under another name, and plain text under this one.
    let other = directory.path().join("b.json");
    std::fs::write(&other, &bytes).unwrap();
    assert_eq!(Network::load(&other).unwrap(), network);
    network.save(&packed).unwrap();
    assert_eq!(std::fs::read(&packed).unwrap(), bytes);
    std::fs::write(&packed, network.to_json()).unwrap();
    assert_eq!(Network::load(&packed).unwrap(), network);
    // Cut off.
    std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
    let error = Network::load(&packed).unwrap_err();
    assert!(matches!(error.problem, FormatError::Gzip(_)), "{error:?}");
    assert_eq!(error.path, packed);
}

#[test]
fn a_model_directory_stands_for_its_network_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = Network::load(&directory).unwrap_err();
    assert_eq!(error.path, directory.path().join(NETWORK_FILE));
    let plain = directory.path().join(PLAIN_NETWORK_FILE);
    example().save(&plain).unwrap();
    assert_eq!(network_file(&directory), plain);
    assert_eq!(Network::load(&directory).unwrap(), example());
    // The compressed one comes first.
    let other = random_network(1, &NetworkLimits::default()).unwrap();
    other.save(directory.path().join(NETWORK_FILE)).unwrap();
    assert_eq!(Network::load(&directory).unwrap(), other);
}

/// The networks that come with the project are in their directories, compressed, in the form that `save` writes.
#[test]
fn the_committed_networks_are_what_would_be_saved() {
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut networks = 0;
    for entry in std::fs::read_dir(models).unwrap() {
        let directory = entry.unwrap().path();
        assert!(
            !directory.join(PLAIN_NETWORK_FILE).exists(),
            "{directory:?}"
        );
        let Ok(bytes) = std::fs::read(directory.join(NETWORK_FILE)) else {
            continue;
        };
        let network = Network::load(&directory).unwrap();
        let text = super::gzip::unpack(&bytes, MAX_FILE_BYTES).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), network.to_json());
        networks += 1;
    }
    assert!(networks >= 8, "{networks}");
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none/network.json");
    let error = Network::load(&missing).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("network.json: cannot read this network file"),
        "{error}"
    );
    assert!(matches!(error.problem, FormatError::Io(_)));
    let occupied = directory.path().join("a file");
    std::fs::write(&occupied, "").unwrap();
    let beneath = occupied.join("network.json");
    let error = example().save(&beneath).unwrap_err();
    assert_eq!(
        (error.action, error.path.as_path()),
        ("write", beneath.as_path())
    );
    let cut = directory.path().join("cut.json");
    std::fs::write(&cut, &blocks("json")[0][..200]).unwrap();
    let error = Network::load(&cut).unwrap_err();
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .contains("EOF while parsing"),
        "{error:?}"
    );
}

#[test]
fn a_file_larger_than_the_limit_is_refused_without_reading_it_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.json");
    // A sparse file: it takes no room on the disk.
    std::fs::File::create(&path)
        .unwrap()
        .set_len(MAX_FILE_BYTES * 4)
        .unwrap();
    let error = Network::load(&path).unwrap_err();
    assert!(
        matches!(
            error.problem,
            FormatError::TooLarge {
                limit: MAX_FILE_BYTES
            }
        ),
        "{error:?}"
    );
}

/// A random network that reads contrasts.
fn encoded_network(seed: u64) -> Network {
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
            let changed = text.replacen(from, to, 1);
            Network::from_slice(changed.as_bytes())
                .unwrap_err()
                .to_string()
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

/// The reader and evaluator of the document, in Python, give the twin's logits. Passes without Python.
#[test]
fn the_documented_python_agrees() {
    let reader = blocks("python")[0].trim_end();
    assert!(
        reader.lines().filter(|line| !line.is_empty()).count() <= 10,
        "{reader}"
    );
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("read.py");
    let main = "import sys\nfor path in sys.argv[1:]:\n    print(*logits(read(path), json.load(open(path + '.image'))))\n";
    std::fs::write(&script, blocks("python").concat() + main).unwrap();

    let mut networks = vec![example()];
    networks.extend((0..20).map(|seed| {
        let limits = if seed % 2 == 0 {
            NetworkLimits::default()
        } else {
            NetworkLimits::wide()
        };
        random_network(seed, &limits).unwrap()
    }));
    networks.extend((20..28).map(encoded_network));
    let mut random = SplitMix64::new(1);
    let (mut paths, mut expected) = (Vec::new(), Vec::new());
    for (index, network) in networks.iter().enumerate() {
        let InputSpec { shape, quantizer } = network.input();
        let pixels: Vec<u8> = (0..quantizer.image_shape(*shape).len())
            .map(|_| random.between(0, 255) as u8)
            .collect();
        let name = format!("{index}.json{}", if index % 2 == 0 { "" } else { ".gz" });
        let path = directory.path().join(&name);
        network.save(&path).unwrap();
        std::fs::write(
            directory.path().join(name + ".image"),
            format!("{pixels:?}"),
        )
        .unwrap();
        paths.push(path);
        let logits = Twin::new(network)
            .logits(&network.quantize_image(&pixels).unwrap())
            .unwrap();
        let logits: Vec<_> = logits.iter().map(BigInt::to_string).collect();
        expected.push(logits.join(" ") + "\n");
    }
    match Command::new("python3").arg(&script).args(&paths).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("no python3 here: not compared");
        }
        output => {
            let output = output.unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert_eq!(String::from_utf8_lossy(&output.stdout), expected.concat());
        }
    }
}
