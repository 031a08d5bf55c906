//! Requests for more threads than there can be.

use predicates::prelude::*;

use crate::kit::{sealquant, write_data, write_model};

#[test]
fn absurd_numbers_of_threads_are_cut_with_a_note() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("m"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 20);
    for number in ["100000", "99999999999999999999999"] {
        sealquant()
            .arg("inspect")
            .arg(&model)
            .env("RAYON_NUM_THREADS", number)
            .assert()
            .success()
            .stderr(predicate::str::contains("RAYON_NUM_THREADS asks for"))
            .stderr(predicate::str::contains("panicked").not());
    }
    sealquant()
        .args([
            "infer",
            "--images",
            "0..2",
            "--layout",
            "diagonal",
            "--threads",
            "60000",
            "--model",
        ])
        .arg(&model)
        .arg("--data-dir")
        .arg(&data)
        .assert()
        .success()
        .stderr(predicate::str::contains("--threads asks for 60000"));
    #[cfg(feature = "train")]
    {
        use sealquant::train::TrainConfig;
        let config = TrainConfig {
            validation_images: 5,
            batch_size: 5,
            ..TrainConfig::preset("hcnn-mnist-paper").unwrap()
        };
        config.save(&top.path().join("config.json")).unwrap();
        sealquant()
            .args(["train", "--epochs", "1", "--config"])
            .arg(top.path().join("config.json"))
            .arg("--out")
            .arg(top.path().join("float"))
            .arg("--data-dir")
            .arg(&data)
            .env("RAYON_NUM_THREADS", "100000")
            .assert()
            .success();
        sealquant()
            .args(["ptq", "--bits", "4", "--model"])
            .arg(top.path().join("float"))
            .arg("--out")
            .arg(top.path().join("rounded"))
            .arg("--data-dir")
            .arg(&data)
            .env("RAYON_NUM_THREADS", "100000")
            .assert()
            .success();
    }
}

/// With stacks of 1 GiB each in an address space of 6 GiB, the system refuses some of sixteen threads.
#[cfg(target_os = "linux")]
#[test]
fn fewer_threads_are_used_where_the_system_has_no_room() {
    let top = tempfile::tempdir().unwrap();
    write_model(top.path());
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 6291456 && exec \"$0\" inspect \"$1\""])
        .arg(env!("CARGO_BIN_EXE_sealquant"))
        .arg(top.path())
        .env("RAYON_NUM_THREADS", "16")
        .env("RUST_MIN_STACK", (1_u64 << 30).to_string())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("the system has no room for 16 threads: going on with "),
        "{stderr}"
    );
}
