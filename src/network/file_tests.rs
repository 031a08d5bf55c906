//! Tests of network files: saving, compressing, and reading them again, here and in Python.

use std::{error::Error as _, process::Command};

use num_bigint::BigInt;

use super::{
    format_tests::{blocks, encoded_network, example},
    *,
};
use crate::file::gzip;

#[test]
fn a_saved_network_is_loaded_again_and_no_other_file_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("network.json");
    std::fs::write(&path, "what was there before").unwrap();
    let network = example();
    network.save(&path).unwrap();
    assert_eq!(Network::load(&path).unwrap(), network);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    // A new file has the same permissions as any other that this user makes.
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
    // The same bytes under another name, and plain text under this name.
    let other = directory.path().join("b.json");
    std::fs::write(&other, &bytes).unwrap();
    assert_eq!(Network::load(&other).unwrap(), network);
    network.save(&packed).unwrap();
    assert_eq!(std::fs::read(&packed).unwrap(), bytes);
    std::fs::write(&packed, network.to_json()).unwrap();
    assert_eq!(Network::load(&packed).unwrap(), network);
    // A file that is cut off.
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
    // The compressed file takes precedence.
    let other = random_network(1, &NetworkLimits::default()).unwrap();
    other.save(directory.path().join(NETWORK_FILE)).unwrap();
    assert_eq!(Network::load(&directory).unwrap(), other);
}

/// The committed networks are in their directories, compressed, in the form that `save` writes.
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
        let text = gzip::unpack(&bytes, MAX_FILE_BYTES).unwrap();
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

/// Builds the whole message, as the command line prints it.
fn message(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn what_is_missing_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let complaint = |path: &str| message(&Network::load(directory.path().join(path)).unwrap_err());
    let none = complaint("none/network.json");
    assert!(
        none.contains("there is no directory") && none.ends_with("/none"),
        "{none}"
    );
    let other = complaint("other.json");
    assert!(other.contains("No such file in the directory"), "{other}");
    assert!(!other.contains("network.json"), "{other}");
    let empty = complaint("");
    assert!(
        empty.contains("holds neither network.json.gz nor network.json"),
        "{empty}"
    );
    std::fs::write(directory.path().join("weights.safetensors"), "").unwrap();
    let float = complaint("");
    assert!(float.contains("floating point"), "{float}");
    let beneath = complaint("weights.safetensors/network.json");
    assert!(beneath.contains("is a file, not a directory"), "{beneath}");
}

/// Each kind of file gets one line that says what it is.
#[test]
fn a_file_of_another_kind_is_named() {
    let gzip_of = |bytes: &[u8]| gzip::pack(bytes).unwrap();
    let utf16: Vec<u8> = example()
        .to_json()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let with_mark = [&b"\xff\xfe"[..], &utf16].concat();
    // `file_kind` has tests of all kinds; these are the ones on which the reader could stumble.
    let cases: [(&[u8], &str); 7] = [
        (b"", "an empty file"),
        (
            b"{\"metadata\": {\"total_size\": 1}, \"weight_map\": {\"fc.weight\": \"a\"}}",
            "an index of shards",
        ),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{}", "a safetensors file"),
        (&utf16, "text in UTF-16"),
        (&with_mark, "text in UTF-16"),
        (&gzip_of(b"<html></html>"), "an HTML page"),
        (&gzip_of(&gzip_of(b"{}")), "a gzip file"),
    ];
    for (bytes, expected) in cases {
        let text = message(&Network::from_slice(bytes).unwrap_err());
        let expected = format!("this is no network file but {expected}");
        assert!(
            text.starts_with(&expected) && !text.contains('\n'),
            "{text}"
        );
    }
    // A file that says that it is a network file gets an error about its content.
    let text = example().to_json();
    let cut = message(&Network::from_slice(&text.as_bytes()[..200]).unwrap_err());
    assert!(cut.contains("EOF while parsing"), "{cut}");
}

#[test]
fn a_byte_order_mark_before_utf_8_does_no_harm() {
    let text = format!("\u{feff}{}", example().to_json());
    assert_eq!(Network::from_slice(text.as_bytes()).unwrap(), example());
    let packed = gzip::pack(text.as_bytes()).unwrap();
    assert_eq!(Network::from_slice(&packed).unwrap(), example());
}

#[test]
fn a_file_of_several_gzip_members_is_read_whole() {
    let text = example().to_json();
    let (head, tail) = text.as_bytes().split_at(text.len() / 2);
    let packed = [gzip::pack(head).unwrap(), gzip::pack(tail).unwrap()].concat();
    assert_eq!(Network::from_slice(&packed).unwrap(), example());
    let error = Network::from_slice(&[&packed[..], b"rest"].concat()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 bytes follow the compressed data and are none themselves; cut them off, or compress the network again"
    );
}

#[test]
fn a_file_larger_than_the_limit_is_refused_without_reading_it_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.json");
    // A sparse file takes no room on the disk.
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

/// The document's reader and evaluator in Python give the twin's logits. The test passes without Python.
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
