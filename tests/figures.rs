//! Checks the figures in the documents against the records that they come from. It needs no data.
//!
//! `docs/figures.json` has an entry for each figure in README.md and docs/RESULTS.md:
//!
//! - `document` and `text`: a piece of the document that occurs there once; a run of white space counts as one space.
//! - `figure`: the number in `text`, with its sign, as written there. May be left out if `text` has only one number.
//! - `is`: the source of the number, `FILE.json#/key/0/key`. A step `[key=value,key=value]` picks the only element of
//!   an array with these values.
//! - `per`: the divisor of `is`; `#/key` refers to the same file. With `change`, 1 is subtracted from the quotient.
//! - `scale`: the factor that converts the result to the figure's unit: 1000 for milliseconds from seconds, 100 for
//!   percent from a share, -100 for a saved share that is written as a change.
//! - `nearest`: the multiple that the figure is rounded to, if not its last decimal: 1000 for "about 37,000".
//! - `because`, in place of `is`: the reason why the figure has no record, such as being a claim of the paper.
//!
//! Every number with a unit of time, size, speed or share ([`UNITS`]) needs an entry; in "3, 4 and 5 %" each of the
//! three does. Other numbers may have one. Code blocks are exempt, except those marked `text`, which show what a
//! program printed. No record may come from a tree that differs from its commit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at a surprise"
)]

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;

/// Documents whose figures are checked, if they exist.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/RESULTS.md"];

/// Path of the entries.
const ENTRIES: &str = "docs/figures.json";

/// Units of measured quantities. Bits, images and epochs are mostly settings.
const UNITS: [&str; 27] = [
    "ns",
    "µs",
    "us",
    "ms",
    "s",
    "min",
    "h",
    "nanoseconds",
    "microseconds",
    "milliseconds",
    "second",
    "seconds",
    "minute",
    "minutes",
    "hours",
    "images/s",
    "images per second",
    "B",
    "kB",
    "KB",
    "KiB",
    "MB",
    "MiB",
    "GB",
    "GiB",
    "%",
    "points",
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    document: String,
    text: String,
    figure: Option<String>,
    is: Option<String>,
    per: Option<String>,
    #[serde(default)]
    change: bool,
    #[serde(default = "one")]
    scale: f64,
    nearest: Option<f64>,
    because: Option<String>,
}

const fn one() -> f64 {
    1.0
}

/// A number in a text, including its sign.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    at: Range<usize>,
    has_unit: bool,
}

/// Returns the text without code blocks (except those marked `text`), with each run of white space as one space.
fn visible(markdown: &str) -> String {
    let mut out = String::new();
    let mut hidden: Option<bool> = None;
    for line in markdown.lines() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            hidden = match hidden {
                None => Some(info.trim() != "text"),
                Some(_) => None,
            };
            continue;
        }
        if hidden != Some(true) {
            out.push_str(line);
            out.push('\n');
        }
    }
    spaced(&out)
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the numbers in a text. Digits that belong to a name (`w2`, `2-bit`, `v1.2.3`) do not count.
fn numbers(text: &str) -> Vec<Number> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut found: Vec<Number> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        while digit(at) || (matches!(bytes.get(at), Some(b'.' | b',')) && digit(at + 1)) {
            at += 1;
        }
        let before = text[..start].chars().next_back();
        let signed = before.filter(|c| ['-', '+', '−'].contains(c));
        let start = start - signed.map_or(0, char::len_utf8);
        let before = text[..start].chars().next_back();
        let after = text[at..].chars().next();
        let of_a_name =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_./".contains(c));
        if of_a_name(before) || text[start..at].matches('.').count() > 1 {
            continue;
        }
        let rest = text[at..].trim_start_matches(' ');
        let has_unit = UNITS.iter().any(|unit| {
            rest.strip_prefix(unit).is_some_and(|behind| {
                let next = behind.chars().next();
                !next.is_some_and(|c| c.is_alphanumeric() || c == '/' || c == '_')
            })
        });
        let close = after.is_some_and(|c| c.is_alphanumeric() || c == '_');
        if has_unit || !close {
            found.push(Number {
                at: start..at,
                has_unit,
            });
        }
    }
    // In a list only the last number has the unit.
    for index in (1..found.len()).rev() {
        let between = &text[found[index - 1].at.end..found[index].at.start];
        let joined = [",", "and", "or", "to", "–", "/", "..", "and of"].contains(&between.trim());
        if found[index].has_unit && joined {
            found[index - 1].has_unit = true;
        }
    }
    found
}

/// Lists the problems with the figures of the documents under `root`, one per line.
fn problems(root: &Path, entries: &[Entry], documents: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    for entry in entries {
        if !documents.contains(&entry.document.as_str()) {
            out.push(format!("{}: is not among {documents:?}", entry.document));
        }
    }
    for document in documents {
        let Ok(text) = fs::read_to_string(root.join(document)) else {
            continue;
        };
        let text = visible(&text);
        let all = numbers(&text);
        let mut cited = vec![false; all.len()];
        for entry in entries.iter().filter(|entry| entry.document == *document) {
            match place(entry, &text, &all) {
                Err(problem) => out.push(format!("{document}: {:?}: {problem}", entry.text)),
                Ok(index) => {
                    cited[index] = true;
                    let figure = &text[all[index].at.clone()];
                    if let Err(problem) = check(root, entry, figure) {
                        out.push(format!("{document}: {:?}: {problem}", entry.text));
                    }
                }
            }
        }
        for (number, cited) in all.iter().zip(cited) {
            if number.has_unit && !cited {
                let from = text[..number.at.start].char_indices().rev().nth(40);
                let to = text[number.at.end..].char_indices().nth(20);
                let from = from.map_or(0, |(at, _)| at);
                let to = to.map_or(text.len(), |(at, _)| number.at.end + at);
                let figure = &text[number.at.clone()];
                let around = &text[from..to];
                out.push(format!(
                    "{document}: {figure} has no entry in {ENTRIES}: {around:?}"
                ));
            }
        }
    }
    out
}

/// Finds the number in `text` that an entry is about.
fn place(entry: &Entry, text: &str, all: &[Number]) -> Result<usize, String> {
    let piece = spaced(&entry.text);
    let places: Vec<usize> = text.match_indices(&piece).map(|(at, _)| at).collect();
    let [start] = places.as_slice() else {
        return Err(format!("occurs {} times, not once", places.len()));
    };
    let inside = *start..start + piece.len();
    let of_piece = || {
        all.iter()
            .enumerate()
            .filter(|(_, number)| inside.start <= number.at.start && number.at.end <= inside.end)
    };
    let wanted: Vec<usize> = of_piece()
        .filter(|(_, number)| {
            let figure = entry.figure.as_deref();
            figure.is_none_or(|figure| text[number.at.clone()] == *figure)
        })
        .map(|(index, _)| index)
        .collect();
    match wanted.as_slice() {
        [index] => Ok(*index),
        several => Err(format!(
            "has {} such whole numbers; name one as `figure`, among {:?}",
            several.len(),
            of_piece()
                .map(|(_, number)| &text[number.at.clone()])
                .collect::<Vec<_>>()
        )),
    }
}

/// Compares a figure, as written, with its record.
fn check(root: &Path, entry: &Entry, figure: &str) -> Result<(), String> {
    let source = match (&entry.is, &entry.because) {
        (Some(source), None) => source,
        (None, Some(reason)) if !reason.trim().is_empty() => return Ok(()),
        _ => return Err("needs either `is` or a reason in `because`".to_owned()),
    };
    let mut value = number_at(root, source, "")?;
    if let Some(per) = &entry.per {
        let file = source.split('#').next().unwrap_or_default();
        value /= number_at(root, per, file)?;
    }
    value = (value - f64::from(u8::from(entry.change))) * entry.scale;
    let plain = figure.replace(',', "").replace('−', "-");
    let written: f64 = plain
        .parse()
        .map_err(|_| format!("{figure} is no number"))?;
    let decimals = plain.split_once('.').map_or(0, |(_, d)| d.len());
    let unit = entry
        .nearest
        .unwrap_or_else(|| 10_f64.powi(-i32::try_from(decimals).unwrap()));
    let difference = (value - written).abs();
    if difference <= unit / 2.0 * (1.0 + 1e-9) {
        Ok(())
    } else {
        let digits = decimals + 3;
        Err(format!(
            "{source} gives {value:.digits$}, not {written} to {unit}"
        ))
    }
}

/// Returns the number that `FILE.json#/pointer` names.
fn number_at(root: &Path, source: &str, same: &str) -> Result<f64, String> {
    let (file, pointer) = source
        .split_once('#')
        .ok_or_else(|| format!("{source}: write FILE.json#/pointer"))?;
    let path: PathBuf = root.join(if file.is_empty() { same } else { file });
    let bytes = fs::read(&path).map_err(|error| format!("{source}: {error}"))?;
    let record: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("{source}: {error}"))?;
    clean(&record).map_err(|commit| format!("{source}: measured at commit {commit}"))?;
    let value = step_by_step(&record, pointer).ok_or_else(|| format!("{source}: not there"))?;
    value
        .as_f64()
        .ok_or_else(|| format!("{source}: {value} is no number"))
}

/// Checks that every commit in a record is a whole hash.
fn clean(record: &Value) -> Result<(), String> {
    match record {
        Value::Array(items) => items.iter().try_for_each(clean),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match value {
            Value::String(commit) if key == "git_commit" => {
                let whole = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
                if whole { Ok(()) } else { Err(commit.clone()) }
            }
            other => clean(other),
        }),
        _ => Ok(()),
    }
}

fn step_by_step<'a>(record: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(record, |value, step| {
        let Some(conditions) = step.strip_prefix('[').and_then(|s| s.strip_suffix(']')) else {
            return match value {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                other => other.get(step),
            };
        };
        let holds = |item: &&Value| {
            conditions.split(',').all(|condition| {
                let (key, wanted) = condition.split_once('=').unwrap_or((condition, ""));
                item.get(key).is_some_and(|found| match found {
                    Value::String(found) => found == wanted,
                    other => serde_json::to_string(other).is_ok_and(|text| text == wanted),
                })
            })
        };
        let mut found = value.as_array()?.iter().filter(holds);
        let first = found.next();
        // Only the one element, not one of several.
        if found.next().is_none() { first } else { None }
    })
}

#[test]
fn figures_equal_their_records() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read(root.join(ENTRIES)).unwrap();
    let entries: Vec<Entry> = serde_json::from_slice(&entries).unwrap();
    assert!(entries.iter().any(|entry| entry.is.is_some()));
    let found = problems(root, &entries, &DOCUMENTS);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Returns the problems of a document and a record with these entries.
fn try_out(document: &str, record: &str, entries: &str) -> Vec<String> {
    let top = tempfile::tempdir().unwrap();
    fs::write(top.path().join("README.md"), document).unwrap();
    fs::write(top.path().join("r.json"), record).unwrap();
    let entries: Vec<Entry> = serde_json::from_str(entries).unwrap();
    problems(top.path(), &entries, &DOCUMENTS)
}

const RECORD: &str = r#"{
    "seconds": 0.00823, "old": 0.1, "right": 9807, "images": 10000, "text": "x",
    "rows": [{"name": "a", "seed": 1, "bits": 36.57}, {"name": "a", "seed": 2, "bits": 41.0}],
    "git_commit": "0123456789012345678901234567890123456789"
}"#;

#[test]
fn a_figure_that_equals_its_record_passes() {
    let document = "It takes 8.2 ms,\nwhich is -92 %\nof 16.6 bits; 98.07 % right, in\n\n```sh\nsleep 5 s\n```\n";
    let entries = r##"[
        {"document": "README.md", "text": "takes 8.2 ms, which", "is": "r.json#/seconds", "scale": 1000},
        {"document": "README.md", "text": "-92 %", "is": "r.json#/seconds", "per": "#/old", "change": true, "scale": 100},
        {"document": "README.md", "text": "98.07 % right", "is": "r.json#/right", "per": "#/images", "scale": 100}
    ]"##;
    assert_eq!(try_out(document, RECORD, entries), [""; 0]);
    // A part of a larger number is not that number.
    for wrong in ["18.2 ms", "8.24 ms", "-8.2 ms", "8.2 s"] {
        let found = try_out(&document.replace("8.2 ms", wrong), RECORD, entries);
        assert!(!found.is_empty(), "{wrong}");
    }
}

#[test]
fn a_wrong_figure_is_found() {
    let one = |text: &str, entry: &str| {
        let entries = format!(r#"[{{"document": "README.md", {entry}}}]"#);
        let found = try_out(text, RECORD, &entries);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found[0].clone()
    };
    let is = r#""text": "8.3 ms", "is": "r.json#/seconds", "scale": 1000"#;
    assert!(one("8.3 ms", is).contains("gives 8.2300, not 8.3"));
    assert!(one("no figure", is).contains("occurs 0 times"));
    let entry = r#""text": "8.2", "is": "r.json#/seconds", "scale": 1000"#;
    assert!(one("8.2 and 8.2", entry).contains("occurs 2 times"));
    let entry = r#""text": "36.6 of 41", "is": "r.json#/rows/0/bits""#;
    assert!(one("36.6 of 41", entry).contains("has 2 such whole numbers"));
    let entry = r#""text": "8", "is": "r.json#/none""#;
    assert!(one("8", entry).contains("not there"));
    let entry = r#""text": "8", "is": "r.json#/text""#;
    assert!(one("8", entry).contains("is no number"));
    let entry = r#""text": "8", "is": "none.json#/none""#;
    assert!(one("8", entry).contains("none.json"));
    assert!(one("8", r#""text": "8""#).contains("needs either"));
    assert!(one("8", r#""text": "8", "because": " ""#).contains("needs either"));
    // Two elements have this name.
    let entry = r#""text": "36.57", "is": "r.json#/rows/[name=a]/bits""#;
    assert!(one("36.57", entry).contains("not there"));
    let elsewhere = try_out(
        "8",
        RECORD,
        r#"[{"document": "X.md", "text": "8", "because": "so"}]"#,
    );
    assert!(elsewhere[0].contains("X.md: is not among"));
}

#[test]
fn a_record_of_a_changed_tree_is_refused() {
    let entries = r#"[{"document": "README.md", "text": "36.57", "is": "r.json#/rows/[name=a,seed=1]/bits"}]"#;
    assert_eq!(try_out("36.57", RECORD, entries), [""; 0]);
    for commit in ["0123456789012345678901234567890123456789-dirty", "unknown"] {
        let record = RECORD.replace("0123456789012345678901234567890123456789", commit);
        let found = try_out("36.57", &record, entries);
        assert!(
            found[0].contains(&format!("measured at commit {commit}")),
            "{found:?}"
        );
    }
}

#[test]
fn figures_without_an_entry_are_found() {
    let without = |text: &str| {
        let found = try_out(text, RECORD, "[]");
        let figure = |line: &String| {
            let words = line.strip_prefix("README.md: ").unwrap_or_default();
            words.split(' ').next().unwrap_or_default().to_owned()
        };
        found.iter().map(figure).collect::<Vec<_>>()
    };
    assert_eq!(
        without("3, 4.5 and -5 % of 1,024 images"),
        ["3", "4.5", "-5"]
    );
    assert_eq!(
        without("89 and 76 minutes, 37,109 images/s; 5ms"),
        ["89", "76", "37,109", "5"]
    );
    assert_eq!(
        without("```text\ntook 5 s\n```\n\n```json\n{\"x\": \"5 s\"}\n```"),
        ["5"]
    );
    assert_eq!(without("2 GB (−47 %), 1.5 µs"), ["2", "−47", "1.5"]);
    let none = "SEAL 4.0.0 s, mnist-w2 %, 2-bit, 128 bits, N = 8192, Rust 1.95, x86_64, w4 s, 8 second-hand, 5 shares";
    assert_eq!(without(none), ["8"; 1], "a unit is a word");
}
