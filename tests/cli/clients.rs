//! The example clients, which have SEAL alone, against a service.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    roles::{Sides, logits_in_the_clear},
    serve::Serving,
};

/// Prepares an example client in the target folder. `None` if what it needs cannot be had here.
fn prepared(client: &str) -> Option<PathBuf> {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = assert_cmd::cargo::cargo_bin!("sealquant");
    let target = target.ancestors().nth(2).unwrap();
    let folder = target.join("clients").join(client);
    let made = Command::new(top.join("scripts/clients.sh"))
        .env("CARGO_TARGET_DIR", target)
        .arg(client)
        .arg(&folder)
        .output();
    match made {
        Ok(output) if output.status.success() => Some(folder),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("skipped: the {client} client cannot be prepared here: {why}");
            None
        }
        Err(error) => {
            println!("skipped: scripts/clients.sh does not run here: {error}");
            None
        }
    }
}

/// Classifies image 3 with a client, and compares every logit with exact evaluation.
fn classify(layout: &str, mut client: Command) {
    let sides = Sides::new(&["--layout", layout]);
    let serving = Serving::start(&sides, &[]);
    let pixels = fs::read(sides.at("client/data/t10k-images-idx3-ubyte")).unwrap();
    let mut picture = b"P5\n28 28\n255\n".to_vec();
    picture.extend(&pixels[16 + 3 * 784..16 + 4 * 784]);
    let path = sides.at("client/picture.pgm");
    fs::write(&path, picture).unwrap();
    let output = client.arg(serving.address()).arg(&path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{layout}: {text}{errors}");
    let expected = logits_in_the_clear(&sides.at("client/data"))[0].join(" ");
    let logits = text.lines().find_map(|line| line.strip_prefix("logits: "));
    assert_eq!(logits, Some(expected.as_str()), "{layout}: {text}");
}

#[test]
fn a_cpp_client_gets_the_logits_of_the_twin() {
    if let Some(folder) = prepared("cpp") {
        for layout in ["diagonal", "few-uploads"] {
            classify(layout, Command::new(folder.join("classify")));
        }
    }
}

#[test]
fn a_python_client_gets_the_logits_of_the_twin() {
    if let Some(folder) = prepared("python") {
        for layout in ["diagonal", "few-uploads"] {
            let mut python = Command::new(folder.join("bin/python"));
            let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            python.arg(top.join("examples/clients/python/classify.py"));
            classify(layout, python);
        }
    }
}
