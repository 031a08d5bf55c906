//! `sealquant demo`.

use std::fs;

use serde_json::Value;

use crate::kit::{sealquant, write_data, write_model};

/// Returns the cells of the row whose first cell begins with `first`.
fn row<'a>(stdout: &'a str, first: &str) -> Vec<&'a str> {
    let rows = stdout.lines().filter_map(|line| line.strip_prefix('│'));
    let mut rows = rows.map(|row| {
        row.trim_end_matches('│')
            .split('┆')
            .map(str::trim)
            .collect::<Vec<_>>()
    });
    rows.find(|cells| cells[0].starts_with(first))
        .unwrap_or_else(|| panic!("no row {first} in:\n{stdout}"))
}

/// Parses a printed duration; returns it in seconds, and the value of its last digit.
fn seconds(cell: &str) -> (f64, f64) {
    let (number, unit) = cell.split_once(' ').unwrap();
    let unit = match unit {
        "s" => 1.0,
        "ms" => 1e-3,
        "µs" => 1e-6,
        other => panic!("{other}"),
    };
    let decimals = number
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    (
        number.parse::<f64>().unwrap() * unit,
        unit * 0.1_f64.powi(i32::try_from(decimals).unwrap()),
    )
}

fn assert_seconds(cell: &str, expected: f64) {
    let (shown, digit) = seconds(cell);
    assert!(
        (shown - expected).abs() <= 0.51 * digit,
        "{cell}: {expected}"
    );
}

#[test]
fn demo_shows_what_its_records_say() {
    let top = tempfile::tempdir().unwrap();
    let path = |name: &str| top.path().join(name);
    write_model(&path("m"));
    write_data(&path("data"), 40);
    let output = sealquant()
        .args(["demo", "--images", "5..35", "--model"])
        .arg(path("m"))
        .arg("--data-dir")
        .arg(path("data"))
        .arg("--record")
        .arg(path("run.json"))
        .assert()
        .success();
    let stdout = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for shown in ["read ", "run-one.json"] {
        assert!(stdout.contains(shown), "{shown} is missing in:\n{stdout}");
    }
    let record =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap() };
    let (batch, one) = (record("run.json"), record("run-one.json"));
    assert_eq!((&batch["images"], &one["images"]), (&30.into(), &1.into()));
    for (record, name) in [(&batch, "here, a batch"), (&one, "here, one image")] {
        assert_eq!(record["first_image"], 5);
        assert_eq!(record["twin_mismatches"], 0);
        let cells = row(&stdout, name);
        for (field, words) in [("poly_modulus_degree", "N = {}"), ("layout", "{} layout")] {
            let value = record[field].to_string();
            let words = words.replace("{}", value.trim_matches('"'));
            assert!(cells[0].contains(&words), "{words}: {}", cells[0]);
        }
        assert!(cells[0].ends_with("proven bound"), "{}", cells[0]);
        let images = record["images"].as_f64().unwrap();
        let evaluate = record["seconds"]["evaluate"].as_f64().unwrap();
        assert_eq!(cells[1], record["images"].to_string());
        assert_seconds(cells[2], evaluate);
        assert_seconds(cells[3], evaluate / images);
        let rate: f64 = cells[4].parse().unwrap();
        assert!((rate - images / evaluate).abs() <= 0.51, "{rate}");
    }
    // The table of the batch.
    assert_seconds(
        row(&stdout, "evaluation (server)")[1],
        batch["seconds"]["evaluate"].as_f64().unwrap(),
    );
    let right = format!("({} right)", batch["correct"]);
    assert!(row(&stdout, "accuracy")[1].ends_with(&right), "{right}");
    assert!(row(&stdout, "bound on the logits")[1].starts_with("proven for every input"));
    // The paper's rates follow from its seconds, to the digits shown.
    for (name, paper) in [
        ("the paper, one image: N = 16384", 311.13),
        ("the paper, one image: N = 8192", 58.04),
    ] {
        let cells = row(&stdout, name);
        let (shown, _) = seconds(cells[2]);
        assert!((shown - paper).abs() < 1e-9, "{cells:?}");
        let rate: f64 = cells[4].parse().unwrap();
        assert!((rate * paper - 1.0).abs() < 0.2, "{cells:?}");
    }
}

/// The demo works outside a checkout, with the built-in model.
#[test]
fn demo_works_from_any_folder() {
    let top = tempfile::tempdir().unwrap();
    write_data(&top.path().join("data"), 10);
    for arguments in [
        &["demo", "--images", "0..2"][..],
        &["infer", "mnist-t17", "--images", "0..1"],
        &["infer", "--model", "models/mnist-t17", "--images", "0..1"],
    ] {
        let output = sealquant()
            .current_dir(top.path())
            .args(arguments)
            .args(["--data-dir", "data"])
            .assert()
            .success();
        let stdout = String::from_utf8(output.get_output().stdout.clone()).unwrap();
        let model = if arguments[0] == "demo" {
            "mnist-w2"
        } else {
            "mnist-t17"
        };
        assert!(row(&stdout, "model")[1].ends_with(model), "{stdout}");
    }
}
