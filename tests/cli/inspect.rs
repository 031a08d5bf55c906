//! `sealquant inspect`.

use crate::kit::{assert_no_cell_is_wrapped, sealquant, write_data, write_model};

#[test]
fn inspect_explains_the_network_and_its_parameters() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 40);
    let stdout = |arguments: &[&str]| {
        let output = sealquant()
            .arg("inspect")
            .arg(&model)
            .args(arguments)
            .assert()
            .success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let proven = stdout(&[]);
    for word in [
        "conv1",
        "square1",
        "linear2",
        "1x4x4",
        "conv1 + square1",
        "noise budget left, bits",
        "images/s",
        "proven",
        "2024",
        "noise budget",
        "N = ",
        "N (poly_modulus_degree) is",
        "q (coeff_modulus) is",
        "Predicted with the proven bound",
        "Memory: the batched layout",
    ] {
        assert!(proven.contains(word), "{word} is missing in:\n{proven}");
    }
    assert!(!proven.contains("observed"), "{proven}");
    assert_no_cell_is_wrapped(&proven);
    let data = data.to_str().unwrap();
    let observed = stdout(&[
        "--dataset",
        "mnist",
        "--data-dir",
        data,
        "--accept-observed-bound",
    ]);
    assert!(observed.contains("observed bits"), "{observed}");
    assert!(observed.contains("all 80 images of mnist"), "{observed}");
    assert!(observed.contains("not the published files"), "{observed}");
    assert!(
        observed.contains("Predicted with the observed bound"),
        "{observed}"
    );
    assert!(stdout(&["--security", "2018"]).contains("2018"));
    // A layout that was requested is not called the cheapest.
    let forced = stdout(&["--layout", "batched"]);
    assert!(
        forced.contains("The batched layout was asked for"),
        "{forced}"
    );
    assert!(!forced.contains("are the cheapest"), "{forced}");
    assert!(proven.contains("layout and N ="), "{proven}");
    assert!(proven.contains("are the cheapest"), "{proven}");
}

/// Tables and sentences fit the terminal; no word or number is broken.
#[test]
fn output_fits_the_terminal() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 40);
    let (model, data) = (model.to_str().unwrap(), data.to_str().unwrap());
    let all = &[60, 80, 120][..];
    for (arguments, widths) in [
        (&["inspect", model, "--dataset", "mnist"][..], all),
        (&["infer", model, "--images", "0..30"], all),
        // These take longer: only the narrowest width, at which cells are most likely to be cut.
        (
            &["infer", model, "--images", "0..2", "--kernels", "seal"],
            &[60],
        ),
        (
            &["infer", model, "--images", "0..2", "--layer-noise"],
            &[60],
        ),
        (&["demo", model, "--images", "0..20"], &[60]),
    ] {
        let run = |columns: Option<usize>| {
            let mut command = sealquant();
            if let Some(columns) = columns {
                command.env("COLUMNS", columns.to_string());
            }
            let command = command.args(arguments).args(["--data-dir", data]);
            let output = command.assert().success().get_output().clone();
            String::from_utf8(output.stdout).unwrap()
        };
        let words = |text: &str| -> Vec<String> {
            let cut = |c: char| c.is_whitespace() || "│┆╞╡═╪┌┐└┘─┬┴├┤┼╌".contains(c);
            let words = text
                .split(cut)
                .filter(|word| word.chars().any(char::is_alphabetic));
            words.map(str::to_owned).collect()
        };
        // Times and sizes differ from run to run.
        let units = ["s", "ms", "µs", "B", "kB", "MB", "GB"].map(str::to_owned);
        let whole = words(&run(None)).into_iter().chain(units);
        let whole: std::collections::BTreeSet<String> = whole.collect();
        for &columns in widths {
            let stdout = run(Some(columns));
            for line in stdout.lines() {
                assert!(
                    line.chars().count() <= columns,
                    "{columns}: {line}\n{stdout}"
                );
            }
            for word in words(&stdout) {
                assert!(
                    whole.contains(&word),
                    "{columns}: {word} is a part of a word\n{stdout}"
                );
            }
        }
    }
}

/// A network that cannot be encrypted is still shown.
#[cfg(feature = "train")]
#[test]
fn float_networks_are_shown_with_what_to_do_next() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models/");
    let mut shown = 0;
    for entry in std::fs::read_dir(models).unwrap() {
        let model = entry.unwrap().path();
        if !model.join("weights.safetensors").exists() {
            continue;
        }
        let output = sealquant().arg("inspect").arg(&model).assert().success();
        let stdout = String::from_utf8(output.get_output().stdout.clone()).unwrap();
        let record = std::fs::read(model.join("record.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        let accuracy = format!("{:.2} %", 100.0 * record["test_accuracy"].as_f64().unwrap());
        for word in ["float network", "conv1", "linear1", accuracy.as_str()] {
            assert!(stdout.contains(word), "{word} is missing in:\n{stdout}");
        }
        let name = model.file_name().unwrap().to_str().unwrap();
        let next = match name {
            "mnist-teacher" => "it is a teacher",
            "mnist-float" => "hcnn-mnist-w2, hcnn-mnist-w3",
            "mnist-float1" => "hcnn-mnist-t17",
            _ => "sealquant ptq",
        };
        assert!(stdout.contains(next), "{next} is missing in:\n{stdout}");
        assert_no_cell_is_wrapped(&stdout);
        let line = crate::kit::failure(&["infer", model.to_str().unwrap()]);
        assert!(
            line.contains("float network") && line.contains("sealquant ptq"),
            "{line}"
        );
        shown += 1;
    }
    assert_eq!(shown, 8);
}
