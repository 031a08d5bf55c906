//! The submission to the public benchmark, run as its harness runs it, on the two smallest sizes.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

#[path = "../benches/common/fhe_harness.rs"]
mod fhe_harness;

use fhe_harness::{Harness, PROGRAMS};
use sealquant::data::{self, DatasetName, Source, Split};
use sealquant::network::{Network, Twin, argmax};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Gives the example the names of the programs, and prepares the deployments beside them.
fn submission() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let example = deps.parent().unwrap().parent().unwrap();
    let example = example.join("examples/fhe_benchmark");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fhe_submission");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (program, _) in PROGRAMS {
        fs::hard_link(&example, folder.join(program)).unwrap();
    }
    let prepared = Command::new(&example)
        .arg("prepare")
        .arg(folder.join("deployments"))
        .status();
    assert!(prepared.unwrap().success());
    folder
}

#[test]
fn the_two_smallest_sizes_are_classified_as_in_the_clear() {
    let programs = submission();
    let folder = tempfile::tempdir().unwrap();
    let network = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/mnist-t17");
    let network = Network::load(network).unwrap();
    let test = data::load(
        DatasetName::Mnist,
        Split::Test,
        &Source::default(),
        &mut |_| (),
    );
    let test = test.unwrap();
    let twin = Twin::new(&network);
    for size in [0, 1] {
        let run = Harness::new(folder.path(), &programs, size)
            .unwrap()
            .run()
            .unwrap();
        let images = test.images().take(run.images);
        let images = images.map(|image| network.quantize_image(image).unwrap());
        let logits = twin.logits_batch(&images.collect::<Vec<_>>()).unwrap();

        let io = folder.path().join("io").join(&run.size);
        let decrypted = fs::read_to_string(io.join("intermediate/logits")).unwrap();
        let expected: String = logits
            .iter()
            .map(|logits| {
                let logits: Vec<String> = logits.iter().map(ToString::to_string).collect();
                logits.join(" ") + "\n"
            })
            .collect();
        assert_eq!(decrypted, expected);
        let labels = logits
            .iter()
            .map(|logits| argmax(logits))
            .zip(test.labels());
        let right = labels
            .filter(|(class, label)| *class == usize::from(**label))
            .count();
        assert_eq!(run.right, right);
        assert!(
            run.public_key_bytes <= 14_000_000,
            "{}",
            run.public_key_bytes
        );
        if size == 0 {
            assert!(run.upload_bytes <= 200_000, "{}", run.upload_bytes);
        }
    }
    let _ = fs::remove_dir_all(programs);
}
