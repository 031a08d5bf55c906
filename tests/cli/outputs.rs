//! Output paths are checked before the work, and results are never lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use predicates::prelude::*;

use crate::kit::{failure, sealquant, write_data, write_model};

/// A directory with a model and data, for running `infer` on one image.
struct Kit {
    top: tempfile::TempDir,
}

impl Kit {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        write_model(&top.path().join("m"));
        write_data(&top.path().join("data"), 20);
        Self { top }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn infer(&self, record: &Path) -> assert_cmd::Command {
        let mut command = sealquant();
        command
            .args([
                "infer", "--images", "0..2", "--layout", "diagonal", "--model",
            ])
            .arg(self.at("m"))
            .arg("--data-dir")
            .arg(self.at("data"))
            .arg("--record")
            .arg(record);
        command
    }
}

/// No mistyped name costs the user a model, data or a configuration.
#[test]
fn a_record_replaces_records_only() {
    let kit = Kit::new();
    let label_file = fs::read_dir(kit.at("data"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let names = [
        "m/network.json".to_owned(),
        "m/network.json.gz".to_owned(),
        "m/config.json".to_owned(),
        format!("data/{}", label_file.file_name().to_str().unwrap()),
    ];
    for name in names {
        let before = fs::read(kit.at(&name)).ok();
        kit.infer(&kit.at(&name))
            .assert()
            .code(1)
            .stdout(predicate::str::is_empty())
            .stderr(predicate::str::contains("choose another name"));
        assert_eq!(fs::read(kit.at(&name)).ok(), before, "{name}");
    }
    // An older record is replaced.
    for _ in 0..2 {
        kit.infer(&kit.at("m/run.json")).assert().success();
    }
}

#[test]
fn an_impossible_output_is_refused_before_the_work() {
    let kit = Kit::new();
    fs::write(kit.at("file"), "in the way").unwrap();
    for (record, says) in [
        ("data", "it is a directory"),
        ("new/", "it names a directory"),
        ("file/record.json", "is not a directory"),
    ] {
        kit.infer(&kit.at(record))
            .assert()
            .code(1)
            .stdout(predicate::str::is_empty())
            .stderr(predicate::str::starts_with("error: --record: cannot write"))
            .stderr(predicate::str::contains(says));
    }
    let file = kit.at("file").to_str().unwrap().to_owned();
    let inside = format!("{file}/new");
    let directory = kit.at("data").to_str().unwrap().to_owned();
    for (arguments, option) in [
        (vec!["demo", "--record", &directory], "--record"),
        (
            vec!["reproduce", "scaling", "--quick", "--document", &file],
            "--document",
        ),
        (
            vec![
                "reproduce",
                "timing",
                "--baseline",
                "m",
                "--record",
                &directory,
            ],
            "--record",
        ),
        (
            vec![
                "reproduce",
                "timing",
                "--baseline",
                "m",
                "--document",
                &inside,
            ],
            "--document",
        ),
        #[cfg(feature = "train")]
        (
            vec!["reproduce", "accuracy", "--quick", "--out", &inside],
            "--out",
        ),
        #[cfg(feature = "train")]
        (
            vec![
                "train",
                "--config",
                "hcnn-mnist-paper",
                "--out",
                "new",
                "--plot",
                &directory,
            ],
            "--plot",
        ),
    ] {
        let line = failure(&arguments);
        assert!(
            line.contains(&format!("{option}: cannot write")),
            "{arguments:?}: {line}"
        );
    }
    #[cfg(feature = "train")]
    for out in [&file, &inside] {
        let line = failure(&["train", "--config", "hcnn-mnist-paper", "--out", out]);
        assert!(line.contains(&format!("cannot write into {out}")), "{line}");
    }
    assert_eq!(fs::read_to_string(kit.at("file")).unwrap(), "in the way");
    assert!(!Path::new("new").exists());
}

#[cfg(unix)]
mod unix {
    use std::{
        ffi::OsString,
        os::unix::{ffi::OsStringExt as _, fs::FileTypeExt as _, fs::symlink},
        process::Command as Process,
    };

    use serde_json::Value;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn results_are_printed_if_the_record_cannot_be_written() {
        let kit = Kit::new();
        kit.infer(Path::new("/dev/full"))
            .assert()
            .code(1)
            .stdout(predicate::str::contains("mismatches against the twin"))
            .stderr(predicate::str::contains(
                "error: cannot write the record /dev/full: No space left on device",
            ));
        // The record is also written if the results cannot be printed.
        let record = kit.at("record.json");
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = Process::new(env!("CARGO_BIN_EXE_sealquant"))
            .args([
                "infer", "--images", "0..2", "--layout", "diagonal", "--model",
            ])
            .arg(kit.at("m"))
            .arg("--data-dir")
            .arg(kit.at("data"))
            .arg("--record")
            .arg(&record)
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("cannot write to standard output"),
            "{stderr}"
        );
        let record: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        assert_eq!(record["images"], 2);
    }

    #[test]
    fn records_go_through_pipes_devices_and_links() {
        let kit = Kit::new();
        let pipe = kit.at("pipe");
        assert!(
            Process::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::read(pipe).unwrap())
        };
        kit.infer(&pipe).assert().success();
        let record: Value = serde_json::from_slice(&reader.join().unwrap()).unwrap();
        assert_eq!(record["images"], 2);
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

        kit.infer(Path::new("/dev/null")).assert().success();
        assert!(
            fs::metadata("/dev/null")
                .unwrap()
                .file_type()
                .is_char_device()
        );

        symlink("real.json", kit.at("link.json")).unwrap();
        for _ in 0..2 {
            kit.infer(&kit.at("link.json")).assert().success();
            assert!(
                fs::symlink_metadata(kit.at("link.json"))
                    .unwrap()
                    .is_symlink()
            );
        }
        let record: Value =
            serde_json::from_slice(&fs::read(kit.at("real.json")).unwrap()).unwrap();
        assert_eq!(record["images"], 2);
    }

    /// Standard output may be a pipe or a file: the record comes after the tables, and nothing is overwritten.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_record_on_standard_output_follows_the_results() {
        let kit = Kit::new();
        let file = kit.at("stdout");
        let piped = kit.infer(Path::new("/dev/stdout")).assert().success();
        let piped = String::from_utf8(piped.get_output().stdout.clone()).unwrap();
        let status = Process::new(env!("CARGO_BIN_EXE_sealquant"))
            .args([
                "infer",
                "--images",
                "0..2",
                "--layout",
                "diagonal",
                "--record",
                "/dev/stdout",
                "--model",
            ])
            .arg(kit.at("m"))
            .arg("--data-dir")
            .arg(kit.at("data"))
            .stdout(fs::File::create(&file).unwrap())
            .status();
        assert!(status.unwrap().success());
        let redirected = fs::read_to_string(&file).unwrap();
        for text in [piped, redirected] {
            let (tables, rest) = text.split_once("\n{\n").unwrap();
            assert!(tables.contains("mismatches against the twin"), "{text}");
            let (record, after) = rest.rsplit_once("\n}\n").unwrap();
            let record: Value = serde_json::from_str(&format!("{{{record}}}")).unwrap();
            assert_eq!(record["images"], 2);
            assert_eq!(after, "record: /dev/stdout\n");
        }
    }

    /// Every path of a command may consist of any bytes.
    #[test]
    fn paths_need_not_be_text() {
        let kit = Kit::new();
        let odd = kit
            .top
            .path()
            .join(OsString::from_vec(b"odd \xff\xfe'name".to_vec()));
        write_model(&odd.join("m"));
        sealquant()
            .args(["data", "fetch", "--data-dir"])
            .arg(odd.join("data"))
            .env("SEALQUANT_DATA", kit.at("data"))
            .assert()
            .success();
        sealquant()
            .args(["data", "fetch", "--data-dir"])
            .arg(odd.join("again"))
            .env("SEALQUANT_DATA", odd.join("data"))
            .assert()
            .success();
        sealquant()
            .arg("inspect")
            .arg(odd.join("m"))
            .assert()
            .success();
        let record = odd.join("runs/record.json");
        sealquant()
            .args([
                "infer", "--images", "0..2", "--layout", "diagonal", "--model",
            ])
            .arg(odd.join("m"))
            .arg("--data-dir")
            .arg(odd.join("again"))
            .arg("--record")
            .arg(&record)
            .assert()
            .success();
        let record: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        assert!(
            record["model"]
                .as_str()
                .unwrap()
                .contains("odd \u{fffd}\u{fffd}'name")
        );
        // Errors name the path, too.
        sealquant()
            .args(["infer", "--model"])
            .arg(odd.join("none"))
            .assert()
            .code(1)
            .stderr(predicate::str::contains("odd \u{fffd}\u{fffd}'name/none"));
    }

    #[cfg(feature = "train")]
    #[test]
    fn models_lie_at_any_path() {
        use sealquant::train::TrainConfig;

        let kit = Kit::new();
        let odd = kit.top.path().join(OsString::from_vec(b"odd\xff".to_vec()));
        fs::create_dir(&odd).unwrap();
        let config = TrainConfig {
            validation_images: 5,
            batch_size: 5,
            ..TrainConfig::preset("hcnn-mnist-paper").unwrap()
        };
        config.save(&odd.join("config.json")).unwrap();
        sealquant()
            .args(["train", "--epochs", "1", "--config"])
            .arg(odd.join("config.json"))
            .arg("--out")
            .arg(odd.join("float"))
            .arg("--plot")
            .arg(odd.join("plots/curves.svg"))
            .arg("--data-dir")
            .arg(kit.at("data"))
            .assert()
            .success();
        assert!(odd.join("plots/curves.svg").exists());
        sealquant()
            .args(["ptq", "--bits", "4", "--model"])
            .arg(odd.join("float"))
            .arg("--out")
            .arg(odd.join("rounded"))
            .arg("--data-dir")
            .arg(kit.at("data"))
            .assert()
            .success();
        sealquant()
            .arg("inspect")
            .arg(odd.join("rounded"))
            .assert()
            .success();
    }
}
