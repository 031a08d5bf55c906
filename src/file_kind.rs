//! Recognises the true contents of a file, for the message that they do not fit its name.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// Describes well-known content in a phrase that follows "this is", like "an HTML page, ...", and says what to do about
/// it.
///
/// It looks only at the beginning (a few kilobytes are enough), and never at the file's name. Call it once the bytes
/// have turned out not to be what was expected: the guess affects the wording of an error, not whether there is one.
pub(crate) fn describe(bytes: &[u8]) -> Option<&'static str> {
    known(bytes).or_else(|| Own::of(bytes).map(Own::words))
}

/// Like [`describe`], for a reader that expects a file of this kind: it is not described as itself.
pub(crate) fn describe_other(bytes: &[u8], expected: Own) -> Option<&'static str> {
    let own = || Own::of(bytes).filter(|&own| own != expected);
    known(bytes).or_else(|| own().map(Own::words))
}

/// The kinds of JSON files that this project writes or reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own {
    /// An integer network.
    Network,
    /// A description of layers for an import.
    Layers,
    /// A training configuration.
    Config,
    /// The record of a training run.
    TrainRecord,
    /// The record of a rounding.
    PtqRecord,
    /// The record of an import.
    ImportRecord,
    /// The measurements of a reproduced network.
    Row,
    /// The record of a run under encryption.
    RunRecord,
    /// The record of the authors' schedule.
    TimingRecord,
    /// The record of curves of time and memory.
    ScalingRecord,
    /// The record of a benchmark.
    BenchRecord,
    /// A server's part of a deployment.
    Deployment,
    /// A client's part of a deployment.
    Client,
    /// The description of a folder of requests or responses.
    Requests,
}

impl Own {
    /// Each kind with fields by which it is recognised.
    const FIELDS: [(Self, &'static [&'static str]); 14] = [
        (Self::Network, &["format", "layers"]),
        (Self::Layers, &["network", "tensors"]),
        (Self::Config, &["network", "epochs"]),
        (Self::TrainRecord, &["config", "test_accuracy"]),
        (Self::PtqRecord, &["parent", "options", "test_accuracy"]),
        (Self::ImportRecord, &["quantized", "source_sha256"]),
        (Self::Row, &["dataset", "method", "recipe", "test_accuracy"]),
        (
            Self::RunRecord,
            &["command", "git_commit", "twin_mismatches"],
        ),
        (
            Self::TimingRecord,
            &["command", "dataset", "git_commit", "rows"],
        ),
        (Self::ScalingRecord, &["command", "git_commit", "points"]),
        (Self::BenchRecord, &["arguments", "git_commit", "rows"]),
        (Self::Deployment, &["deployment_version"]),
        (Self::Client, &["client_version"]),
        (Self::Requests, &["requests_version"]),
    ];

    /// Recognises a file that is complete.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if contains(&bytes[..bytes.len().min(256)], b"\"sealquant-network\"") {
            return Some(Self::Network);
        }
        #[expect(
            clippy::zero_sized_map_values,
            reason = "serde reads an object as a map"
        )]
        let value: BTreeMap<String, IgnoredAny> = serde_json::from_slice(bytes).ok()?;
        let found = Self::FIELDS
            .iter()
            .find(|(_, fields)| fields.iter().all(|&field| value.contains_key(field)));
        found.map(|&(own, _)| own)
    }

    /// Describes the kind in a phrase.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Network => "an integer network of sealquant (network.json)",
            Self::Layers => "a description of layers, from which `sealquant import` makes a model",
            Self::Config => "a training configuration, from which `sealquant train` makes a model",
            Self::TrainRecord => "the record of a training run; the network is the file beside it",
            Self::PtqRecord => "the record of a rounding; the network is the file beside it",
            Self::ImportRecord => "the record of an import; the network is the file beside it",
            Self::Row => "the measurements of a reproduced network",
            Self::RunRecord => "the record of a run under encryption",
            Self::TimingRecord => "a record of the authors' schedule",
            Self::ScalingRecord => "a record of time and memory against sizes",
            Self::BenchRecord => "the record of a benchmark",
            Self::Deployment => "the server's part of a deployment (deployment.json)",
            Self::Client => "the client's part of a deployment (client.json)",
            Self::Requests => "the description of a folder of requests or responses",
        }
    }
}

fn known(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("an empty file; copy or download it again");
    }
    if is_safetensors(bytes) {
        return Some("a safetensors file, which holds tensors of weights");
    }
    by_signature(bytes)
        .or_else(|| zip(bytes))
        .or_else(|| text(bytes))
        .or_else(|| (bytes.len() >= 16 && bytes.iter().all(|&byte| byte == 0)).then_some(ZEROS))
}

const ZEROS: &str =
    "a file of zero bytes only, as an interrupted copy leaves behind; copy or download it again";

/// Signatures at the beginning of a file. If one starts with another, the longer one comes first.
const SIGNATURES: &[(&[u8], &str)] = &[
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the file itself; `git lfs pull` fetches the file",
    ),
    (
        b"/annex/objects/",
        "a git-annex pointer, not the file itself; `git annex get` fetches the file",
    ),
    (
        b"<<<<<<< ",
        "a file with an unresolved merge conflict of git; resolve it first",
    ),
    (b"\xff\xfe\x00\x00", UTF32),
    (b"\x00\x00\xfe\xff", UTF32),
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"{\x00", UTF16),
    (b"\x00{", UTF16),
    (
        b"\xef\xbb\xbf",
        "text that begins with a byte-order mark; save it as UTF-8 without one",
    ),
    (
        b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19",
        "a checkpoint of an old PyTorch, which is a Python pickle; load it in Python and save its tensors as safetensors",
    ),
    (
        b"\x1f\x8b",
        "a gzip file; unpack it, or copy it again if it ends too early",
    ),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz file; unpack it first"),
    (b"BZh", "a bzip2 file; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (
        b"\x93NUMPY",
        "a NumPy array (.npy); load it in Python and save the tensors as safetensors",
    ),
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Keras writes; load it in Python and save its tensors as safetensors",
    ),
    (
        b"GGUF",
        "a GGUF model; its tensors are needed as safetensors",
    ),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ\x90\x00", "a program (for Windows)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
];

const UTF16: &str = "text in UTF-16; save it as UTF-8";
const UTF32: &str = "text in UTF-32; save it as UTF-8";

fn by_signature(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = SIGNATURES.iter().find(|(sign, _)| bytes.starts_with(sign)) {
        return Some(kind);
    }
    let start = &bytes[..bytes.len().min(512)];
    if start.get(257..262) == Some(b"ustar") {
        return Some("a tar archive; unpack it first");
    }
    // The first field of an ONNX model is a small version number, the next the producer's name.
    if start[0] == 8 && (contains(start, b"onnx") || contains(start, b"pytorch")) {
        return Some("an ONNX model, from which `sealquant import MODEL.onnx` makes a network");
    }
    // Protocols 2 to 5, followed by an instruction that opens a frame or a container, or names a class.
    if let [0x80, 2..=5, opens, ..] = start
        && b"\x95}](cX\x8c\x8a".contains(opens)
    {
        return Some(
            "a Python pickle, which only Python can read; load it there and save its tensors as safetensors",
        );
    }
    None
}

/// Tells whether the bytes state the length of a header and then start the header with a brace.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return false;
    };
    // The format allows headers of up to 100 MB.
    (2..=100_000_000).contains(&u64::from_le_bytes(*length)) && rest.first() == Some(&b'{')
}

fn zip(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x05\x06") {
        return Some("an empty ZIP archive");
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        return None;
    }
    // The first entry's name starts at byte 30; two of the bytes before it state its length.
    let name = bytes.get(26..28).and_then(|length| {
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        bytes.get(30..30 + length)
    });
    let ends = |end: &[u8]| name.is_some_and(|name| name.ends_with(end));
    Some(if ends(b"/data.pkl") {
        "a PyTorch checkpoint (torch.save), which only Python can read; load it there and save its tensors as safetensors"
    } else if ends(b".npy") {
        "an archive of NumPy arrays (.npz); load it in Python and save the tensors as safetensors"
    } else {
        "a ZIP archive; unpack it first"
    })
}

fn text(bytes: &[u8]) -> Option<&'static str> {
    let bytes = bytes.trim_ascii_start();
    if bytes.is_empty() {
        return Some("a file of blanks only");
    }
    if bytes[0] == b'<' {
        let start = bytes[..bytes.len().min(1024)].to_ascii_lowercase();
        return if start.starts_with(b"<!doctype html") || contains(&start, b"<html") {
            Some("an HTML page, probably a download page or an error; download the file itself")
        } else if start.starts_with(b"<?xml") || start.starts_with(b"<error") {
            Some("an XML document, probably an error of a server; download the file again")
        } else {
            None
        };
    }
    if bytes[0] == b'{' && contains(bytes, b"\"weight_map\"") {
        return Some(
            "an index of shards (model.safetensors.index.json), which names the files that hold the tensors; merge them into one safetensors file",
        );
    }
    None
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zip_of(name: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes
    }

    #[test]
    fn well_known_files_are_recognised() {
        let mut tar = vec![b'a'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        // A safetensors header of 640 bytes starts like a pickle of protocol 2.
        let safetensors = [&640u64.to_le_bytes()[..], b"{\"__metadata__\":{}}"].concat();
        let cases: [(&[u8], &str); 33] = [
            (b"", "an empty file"),
            (b" \n\t ", "a file of blanks"),
            (&[0; 64], "a file of zero bytes"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n",
                "a Git LFS pointer",
            ),
            (b"/annex/objects/SHA256E-s1--ab.gz\n", "a git-annex pointer"),
            (b"<<<<<<< HEAD\n{}\n", "a file with an unresolved merge"),
            (b"<!DOCTYPE html>\n<html>", "an HTML page"),
            (b"\n <HTML lang=\"en\">", "an HTML page"),
            (b"<!-- saved --><html>", "an HTML page"),
            (b"<?xml version=\"1.0\"?><Error>", "an XML document"),
            (b"PK\x05\x06\x00\x00", "an empty ZIP"),
            (&zip_of("readme.txt"), "a ZIP archive"),
            (&zip_of("archive/data.pkl"), "a PyTorch checkpoint"),
            (&zip_of("weight.npy"), "an archive of NumPy arrays"),
            (
                b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}",
                "a Python pickle",
            ),
            (b"\x80\x02}q\x00", "a Python pickle"),
            (
                b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
                "a checkpoint of an old PyTorch",
            ),
            (&safetensors, "a safetensors file"),
            (
                b"{\"metadata\": {}, \"weight_map\": {\"a\": \"b\"}}",
                "an index of shards",
            ),
            (
                b"{\n  \"format\": \"sealquant-network\",",
                "an integer network",
            ),
            (b"\x1f\x8b\x08\x00", "a gzip file"),
            (b"\x28\xb5\x2f\xfd\x04", "a Zstandard file"),
            (&tar, "a tar archive"),
            (b"\x93NUMPY\x01\x00", "a NumPy array"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"\x08\x07\x12\x07pytorch\x1a", "an ONNX model"),
            (b"\xff\xfe{\x00", "text in UTF-16"),
            (b"{\x00\n\x00", "text in UTF-16"),
            (b"\xff\xfe\x00\x00{\x00\x00\x00", "text in UTF-32"),
            (b"\xef\xbb\xbf{}", "text that begins with a byte-order mark"),
            (b"\x89PNG\r\n\x1a\n", "a PNG image"),
            (b"\x7fELF\x02", "a program"),
            (b"%PDF-1.7", "a PDF document"),
        ];
        for (bytes, expected) in cases {
            let kind = describe(bytes);
            assert!(
                kind.is_some_and(|kind| kind.starts_with(expected)),
                "{expected}: {kind:?}"
            );
        }
    }

    #[test]
    fn own_files_are_recognised_but_not_as_what_was_expected() {
        for (own, fields) in Own::FIELDS {
            let fields: Vec<String> = fields.iter().map(|name| format!("\"{name}\": 1")).collect();
            let text = format!("{{\"name\": [1, {{}}], {}}}", fields.join(", "));
            assert_eq!(describe(text.as_bytes()), Some(own.words()), "{own:?}");
            assert_eq!(describe_other(text.as_bytes(), own), None, "{own:?}");
            let cut = &text.as_bytes()[..text.len() - 1];
            assert_eq!(describe(cut), None, "{own:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let cases: [&[u8]; 8] = [
            b"{}",
            b"[1, 2]",
            b"hello",
            b"\x00\x00\x08\x03",
            b"<svg>",
            b"\x80",
            b"\x80\x03",
            // A CIFAR-10 image: a label, then pixels.
            b"\x08\x05\x12\x10",
        ];
        for bytes in cases {
            assert_eq!(describe(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn every_kind_survives_being_cut() {
        let page = b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00ab";
        for end in 0..page.len() {
            describe(&page[..end]);
        }
    }
}
