//! `sealquant reproduce`.

use std::{fs, path::Path};

use serde_json::Value;

use crate::kit::{failure, network_times, sealquant, write_data, write_model, write_network};

/// Trains and rounds on MNIST itself, which takes a few seconds; the command checks its rows.
#[cfg(feature = "train")]
#[test]
fn the_tables_are_made_again_quickly() {
    let top = tempfile::tempdir().unwrap();
    let out = top.path().join("runs");
    let document = top.path().join("doc");
    let go = || {
        let arguments = ["reproduce", "accuracy", "--quick", "--out"];
        let output = sealquant()
            .args(arguments)
            .arg(&out)
            .arg("--document")
            .arg(&document)
            .assert()
            .success()
            .get_output()
            .clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = go();
    for row in ["PTQ ptq8", "QAT w2-s1", "QAT w4-s1"] {
        assert!(first.contains(row), "{first}");
    }
    let text = fs::read_to_string(document.join("accuracy.md")).unwrap();
    assert!(
        text.contains("| QAT `w2-s1` | 2 bits | 4 levels | 1 |"),
        "{text}"
    );
    let rows: Value =
        serde_json::from_slice(&fs::read(document.join("rows.json")).unwrap()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 6);
    for plot in ["accuracy-mnist.svg", "layers-mnist.svg"] {
        assert!(
            fs::read_to_string(document.join(plot))
                .unwrap()
                .starts_with("<svg")
        );
    }
    // Finished rows are not made again: the numbers are the same.
    assert_eq!(go(), first);
}

/// Copies the committed accuracy document, without the plots.
#[cfg(feature = "train")]
fn copy_document(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/results/accuracy");
    fs::create_dir_all(to).unwrap();
    fs::copy(from.join("rows.json"), to.join("rows.json")).unwrap();
    for dataset in ["mnist", "cifar10"] {
        let records = Path::new("records").join(dataset);
        fs::create_dir_all(to.join(&records)).unwrap();
        for entry in fs::read_dir(from.join(&records)).unwrap() {
            let name = records.join(entry.unwrap().file_name());
            fs::copy(from.join(&name), to.join(&name)).unwrap();
        }
    }
}

/// Every MNIST row is taken from the document, and the CIFAR-10 rows stay in it.
#[cfg(feature = "train")]
#[test]
fn finished_rows_come_from_the_document() {
    let top = tempfile::tempdir().unwrap();
    let document = top.path().join("doc");
    copy_document(&document);
    let before = read(&document.join("rows.json"));
    let arguments = ["reproduce", "accuracy", "--only-finished", "--only"];
    sealquant()
        .args(arguments)
        .args(["mnist", "--out"])
        .arg(top.path().join("runs"))
        .arg("--document")
        .arg(&document)
        .assert()
        .success();
    let after = read(&document.join("rows.json"));
    let results = |rows: &Value| {
        let rows = rows.as_array().unwrap().iter();
        let mut results: Vec<String> = rows
            .map(|row| {
                let [dataset, name, right] =
                    ["dataset", "name", "test_correct"].map(|key| &row[key]);
                format!("{dataset} {name} {right} {}", row["widths"])
            })
            .collect();
        results.sort();
        results
    };
    let after_results = results(&after);
    for row in results(&before) {
        assert!(after_results.contains(&row), "{row}");
    }
    // The rounded networks of all widths by both rules are there, and so is every saving in the table.
    for name in ["ptq5", "ptq10", "ptq2-min-error", "ptq8-min-error"] {
        assert!(
            after_results
                .iter()
                .any(|row| row.starts_with(&format!("\"mnist\" \"{name}\"")))
        );
    }
    let claims = read(&document.join("claims.json"));
    assert_eq!(claims.as_array().unwrap().len(), 2);
    for claims in claims.as_array().unwrap() {
        assert!(claims["baselines"]["observed"]["bits"].as_f64() > Some(0.0));
        assert!(claims["networks"].as_array().unwrap().len() > 10);
    }
    let text = fs::read_to_string(document.join("accuracy.md")).unwrap();
    assert!(
        text.contains("too far below") && !text.contains("( channels)"),
        "{text}"
    );
    assert!(!text.contains("spread 0.00"), "{text}");

    // A row of different work is not taken for this row.
    let record = document.join("records/mnist/w4-s1.json");
    let other = fs::read_to_string(&record)
        .unwrap()
        .replace("\"epochs\": 12", "\"epochs\": 11");
    fs::write(&record, other).unwrap();
    let out = top.path().join("runs");
    let line = failure(&[
        "reproduce",
        "accuracy",
        "--only-finished",
        "--only",
        "mnist",
        "--out",
        out.to_str().unwrap(),
        "--document",
        document.to_str().unwrap(),
    ]);
    assert!(
        line.contains("w4-s1") && line.contains("configurations differ"),
        "{line}"
    );
}

/// Makes a directory with the models `small` and `large` (weights seven times those of `small`) and data with 20
/// images.
fn models(top: &Path) -> [String; 3] {
    let path = |name: &str| top.join(name).to_str().unwrap().to_owned();
    write_model(Path::new(&path("small")));
    write_network(Path::new(&path("large")), &network_times(7));
    write_data(Path::new(&path("data")), 20);
    [path("small"), path("large"), path("data")]
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn timing_runs_every_case_and_separates_what_each_change_contributes() {
    let top = tempfile::tempdir().unwrap();
    let [small, large, data] = models(top.path());
    let out = top.path().join("doc");
    let go = |more: &[&str]| {
        sealquant()
            .args([
                "reproduce",
                "timing",
                "--baseline",
                &large,
                "--model",
                &small,
            ])
            .args(["--data-dir", &data, "--image", "3", "--document"])
            .arg(&out)
            .args(more)
            .assert()
            .success();
        read(&out.join("timing-mnist.json"))
    };
    let whole = go(&["--masks"]);
    let rows = whole["rows"].as_array().unwrap();
    let cases: Vec<&str> = rows
        .iter()
        .map(|row| row["case"].as_str().unwrap())
        .collect();
    assert_eq!(
        cases,
        ["baseline", "small-weights", "small-q", "small-n", "masks"]
    );
    assert_eq!(whole["image"], 3);
    assert_eq!(whole["hexl"], sealquant::seal::HEXL);
    let degree = |row: &Value| row["poly_modulus_degree"].as_u64().unwrap();
    assert_eq!(
        rows.iter().map(degree).collect::<Vec<_>>(),
        [16384, 16384, 16384, 8192, 8192]
    );
    assert_eq!(rows[2]["coeff_modulus_bits"], rows[3]["coeff_modulus_bits"]);
    assert_eq!(rows[0]["plain_moduli"], rows[1]["plain_moduli"]);
    assert!(rows[0]["logit_bits"].as_u64() > rows[1]["logit_bits"].as_u64());
    for row in rows {
        // This network is small enough to bear the masks.
        assert_eq!(row["twin_mismatches"], 0, "{row}");
        assert_eq!(row["channels"], Value::Null);
        assert!(row["noise_budget_bits"].as_u64() > Some(0));
        let layers = row["layers"].as_array().unwrap();
        let sum = |name: &str| -> f64 { layers.iter().map(|l| l[name].as_f64().unwrap()).sum() };
        assert!((row["evaluate_seconds"].as_f64().unwrap() - sum("seconds")).abs() < 1e-9);
        assert!(
            layers
                .iter()
                .all(|layer| layer["work"] == layer["all_work"])
        );
    }
    let masks = |row: &Value| row["layers"][0]["ops"]["plain_multiplications"].as_u64();
    assert_eq!((masks(&rows[3]), masks(&rows[4])), (Some(0), Some(1)));
    let text = fs::read_to_string(out.join("timing.md")).unwrap();
    for words in ["## MNIST", "q and N alone", "| N, 16384 to 8192 |"] {
        assert!(text.contains(words), "{words} is missing in:\n{text}");
    }
    assert!(!text.contains("extrapolated"), "{text}");
    let bars = fs::read_to_string(out.join("timing-mnist.svg")).unwrap();
    assert!(bars.starts_with("<svg") && bars.contains("small q"));

    // Shown again from the record.
    let again = ["reproduce", "timing", "--only-finished", "--document"];
    fs::remove_file(out.join("timing.md")).unwrap();
    sealquant().args(again).arg(&out).assert().success();
    assert_eq!(fs::read_to_string(out.join("timing.md")).unwrap(), text);

    // The same, shortened: equal degrees, and one of two plaintext primes.
    let part = go(&[
        "--channels",
        "1",
        "--degrees",
        "8192",
        "8192",
        "--plain-bits",
        "14",
        "14",
    ]);
    let rows = part["rows"].as_array().unwrap();
    assert!(
        rows.iter()
            .all(|row| row["channels"] == 1 && row["twin_mismatches"].is_null())
    );
    let first = &rows[0];
    let moduli = first["plain_moduli"].as_array().unwrap().len() as u64;
    assert!(moduli > 1, "{first}");
    assert!(
        rows.len() == 3 && rows[2]["case"] == "fewer-plain-primes",
        "{rows:?}"
    );
    for layer in first["layers"].as_array().unwrap() {
        let [work, all] = ["work", "all_work"].map(|name| layer[name].as_u64().unwrap());
        assert!(all >= moduli * work, "{layer}");
    }
    let text = fs::read_to_string(out.join("timing.md")).unwrap();
    assert!(text.contains("Shortened and extrapolated"), "{text}");
}

#[test]
fn timing_goes_on_prime_by_prime() {
    let top = tempfile::tempdir().unwrap();
    let [small, large, data] = models(top.path());
    let (runs, out) = (top.path().join("runs"), top.path().join("doc"));
    let go = |more: &[&str]| {
        sealquant()
            .args(["reproduce", "timing", "--baseline", &large, "--model"])
            .args([&small, "--data-dir", &data, "--degrees", "8192", "8192"])
            .args(["--plain-bits", "14", "14", "--runs"])
            .arg(&runs)
            .arg("--document")
            .arg(&out)
            .args(more)
            .assert()
    };
    let kept = || {
        let mut files: Vec<_> = fs::read_dir(&runs)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    };
    go(&["--primes", "1", "--case", "baseline"]).success();
    let first = kept();
    assert_eq!(first.len(), 1, "{first:?}");
    let before = fs::read(&first[0]).unwrap();

    go(&["--primes", "1"]).success();
    // The case of fewer primes starts with the same run as that of small weights.
    assert_eq!(kept().len(), 2);
    let record = read(&out.join("timing-mnist.json"));
    for row in record["rows"].as_array().unwrap() {
        assert_eq!(row["runs"].as_array().unwrap().len(), 1);
        let moduli = row["plain_moduli"].as_array().unwrap().len() as f64;
        let times = [&row["whole_seconds"], &row["runs"][0]["seconds"]]
            .map(|value| value.as_f64().unwrap());
        assert!((times[0] / times[1] - moduli).abs() < 1e-6, "{row}");
        assert_eq!(row["twin_mismatches"], 0);
    }
    let text = fs::read_to_string(out.join("timing.md")).unwrap();
    assert!(
        text.contains("**Not every plaintext prime ran.**"),
        "{text}"
    );

    go(&[]).success();
    let rows = read(&out.join("timing-mnist.json"))["rows"].take();
    assert_eq!(
        kept().len(),
        rows[0]["plain_moduli"].as_array().unwrap().len()
            + rows[1]["plain_moduli"].as_array().unwrap().len()
    );
    let text = fs::read_to_string(out.join("timing.md")).unwrap();
    assert!(!text.contains("extrapolated"), "{text}");
    assert_eq!(fs::read(&first[0]).unwrap(), before, "it was not run again");

    fs::write(&first[0], &before[..before.len() / 2]).unwrap();
    let refused = go(&[]).failure();
    let line = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    let name = first[0].file_name().unwrap().to_str().unwrap();
    assert!(
        line.contains("cannot read") && line.contains(name),
        "{line}"
    );
}

#[test]
fn timing_refuses_what_cannot_be_compared() {
    let top = tempfile::tempdir().unwrap();
    let [small, large, data] = models(top.path());
    let refused = |more: &[&str]| {
        let start = ["reproduce", "timing", "--data-dir", &data];
        failure(&[&start, more].concat())
    };
    let line = refused(&["--baseline", &small, "--model", &large]);
    assert!(line.contains("are larger than those of small"), "{line}");
    let both = ["--baseline", &large, "--model", &small];
    let line = refused(&[&both[..], &["--degrees", "8192", "16384"]].concat());
    assert!(line.contains("the larger N comes first"), "{line}");
    let line = refused(&[&both[..], &["--image", "20"]].concat());
    assert!(line.contains("there are 20 test images"), "{line}");
    let file = top.path().join("taken");
    fs::write(&file, "in the way").unwrap();
    let line = refused(&[&both[..], &["--runs", file.to_str().unwrap()]].concat());
    assert!(line.contains("cannot keep runs in"), "{line}");
    let line = refused(&[&both[..], &["--case", "masks"]].concat());
    assert!(line.contains("there is no such case"), "{line}");
    let line = refused(&["--baseline", "models/none", "--model", &small]);
    assert!(line.contains("models/none"), "{line}");
}

#[test]
fn scaling_measures_points_that_equal_the_twin() {
    let top = tempfile::tempdir().unwrap();
    let model = top.path().join("small");
    write_model(&model);
    let out = top.path().join("doc");
    sealquant()
        .args([
            "reproduce",
            "scaling",
            "--quick",
            "--repeat",
            "2",
            "--model",
        ])
        .arg(&model)
        .args(["--only", "images", "--only", "threads", "--document"])
        .arg(&out)
        .assert()
        .success();
    let record = read(&out.join("scaling.json"));
    assert_eq!(record["repeat"], 2);
    let points = record["points"].as_array().unwrap();
    let of = |axis: &str| -> Vec<&Value> {
        points
            .iter()
            .filter(|point| point["axis"] == axis)
            .collect()
    };
    assert_eq!(of("images").len(), 2);
    assert!(!of("threads").is_empty() && of("weight-bits").is_empty());
    for point in points {
        assert_eq!(point["twin_mismatches"], 0);
        let quartile = |name: &str| point["seconds"][name].as_f64().unwrap();
        assert!(0.0 < quartile("lower") && quartile("lower") <= quartile("median"));
        assert!(quartile("median") <= quartile("upper"));
        assert_eq!(point["network"], "small");
        assert!(point["noise_budget_bits"].as_u64() > Some(0));
    }
    for point in of("threads") {
        assert_eq!(point["threads"], point["value"]);
    }
    for point in of("images") {
        assert_eq!(
            (&point["images"], &point["threads"]),
            (&point["value"], &1.into())
        );
    }
    let text = fs::read_to_string(out.join("scaling.md")).unwrap();
    assert!(
        text.contains("## Images") && !text.contains("## Bits of a weight"),
        "{text}"
    );
    assert!(
        fs::read_to_string(out.join("scaling-threads.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    assert!(!out.join("scaling-weight-bits.svg").exists());
}
