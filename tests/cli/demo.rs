//! `sealquant demo`.

use std::fs;

use serde_json::Value;

use crate::kit::{sealquant, write_data, write_model};

#[test]
fn demo_shows_latency_and_throughput_beside_the_paper() {
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
    for shown in [
        "one image",
        "a batch",
        "311.13 s",
        "58.04 s",
        "read ",
        "run-one.json",
    ] {
        assert!(stdout.contains(shown), "{shown} is missing in:\n{stdout}");
    }
    let record =
        |name: &str| -> Value { serde_json::from_slice(&fs::read(path(name)).unwrap()).unwrap() };
    let (batch, one) = (record("run.json"), record("run-one.json"));
    assert_eq!((&batch["images"], &one["images"]), (&30.into(), &1.into()));
    for record in [batch, one] {
        assert_eq!(record["first_image"], 5);
        assert_eq!(record["twin_mismatches"], 0);
    }
}
