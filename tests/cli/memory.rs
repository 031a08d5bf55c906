//! A system that gives too little memory.

use std::time::Duration;

use assert_cmd::cargo::cargo_bin;

use crate::kit::{write_data, write_model};

/// Runs under many limits: wherever memory runs out, in Rust or in C++, the program says so in one line and ends.
#[test]
fn a_lack_of_memory_is_an_error_in_one_line() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 20);
    let mut outcomes = [0, 0];
    // With less, the system does not even load the program.
    for megabytes in [40, 50, 60, 70, 80, 100, 120, 150, 200, 300, 400, 2000] {
        let output = assert_cmd::Command::new("sh")
            .args(["-c", r#"ulimit -v "$0" && exec "$@""#])
            .arg((megabytes * 1000).to_string())
            .arg(cargo_bin!("sealquant"))
            .args(["infer", "--images", "0..20", "--layout", "batched"])
            .args(["--threads", "2", "--model"])
            .arg(&model)
            .arg("--data-dir")
            .arg(&data)
            // Its first unused thread would reserve 64 MB of addresses.
            .env("MALLOC_ARENA_MAX", "1")
            .timeout(Duration::from_mins(1))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => outcomes[0] += 1,
            Some(1) => {
                outcomes[1] += 1;
                let errors = said.lines().filter(|line| line.contains("memory"));
                assert!(errors.count() >= 1, "{megabytes} MB: {said}");
            }
            other => panic!("{megabytes} MB: {other:?}, {said}"),
        }
    }
    assert!(outcomes[1] > 3 && outcomes[0] > 0, "{outcomes:?}");
}
