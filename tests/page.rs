//! The web page in a browser, as a person uses it: every logit that it shows equals the command line's.
//!
//! Needs Node.js with npm, and Chromium, which `scripts/browser.sh` installs; where they cannot be had, the test says that
//! it is skipped.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test may panic; a skipped one says so"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde::Deserialize;

const SEALQUANT: &str = env!("CARGO_BIN_EXE_sealquant");
const MODEL: &str = "models/mnist-t17";

/// A picture that the page classified, and what it said.
#[derive(Deserialize)]
struct Classified {
    name: String,
    deployment: String,
    class: String,
    logits: Vec<String>,
}

/// What the command line says of a picture.
#[derive(Deserialize)]
struct Prediction {
    class: String,
    logits: Vec<String>,
}

/// A running service.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn here(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs a program that must succeed.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    output
}

/// Builds the page and finds a browser, or returns the reason why there is none.
fn prepared(page: &Path) -> Result<String, String> {
    let built = here("scripts/web.sh").arg(page).output().unwrap();
    let errors = String::from_utf8_lossy(&built.stderr).into_owned();
    if built.status.code() == Some(3) {
        return Err(errors);
    }
    assert!(built.status.success(), "{errors}");
    let browser = here("scripts/browser.sh").output().unwrap();
    if browser.status.success() {
        Ok(String::from_utf8(browser.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&browser.stderr).into_owned())
    }
}

/// Serves two deployments: one whose bound is proven, which takes two plain primes, and that of `make serve`.
fn serve(folder: &Path, page: &Path) -> (Serving, String) {
    let mut command = here(SEALQUANT);
    command.args(["serve", "--listen", "127.0.0.1:0", "--page"]);
    command
        .arg(page)
        .arg("--key-store")
        .arg(folder.join("store"));
    let observed = ["--dataset", "mnist", "--accept-observed-bound"].as_slice();
    for (name, more) in [("proven", [].as_slice()), ("observed", observed)] {
        let out = folder.join(name);
        let mut compile = here(SEALQUANT);
        run(compile
            .args(["compile", "--model", MODEL, "--out"])
            .arg(&out)
            .args(more));
        command.arg("--deployment").arg(out.join("server"));
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.join("log")).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let serving = Serving(child);
    let address = line.trim().strip_prefix("serving at ").unwrap();
    (serving, address.to_owned())
}

#[test]
fn drawn_digits_are_classified_as_by_the_command_line() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    let _ = fs::remove_dir_all(&folder);
    let out = folder.join("out");
    fs::create_dir_all(&out).unwrap();
    let page = folder.join("web");
    let browser = match prepared(&page) {
        Ok(browser) => browser,
        Err(reason) => {
            eprintln!("skipped: the page is not tested: {reason}");
            return;
        }
    };
    let (_serving, address) = serve(&folder, &page);

    run(here("timeout")
        .args(["180", "node", "web/e2e/page.mjs", &address])
        .arg(&out)
        .env("CHROMIUM", browser));

    let said = fs::read(out.join("classified.json")).unwrap();
    let said: Vec<Classified> = serde_json::from_slice(&said).unwrap();
    let mut deployments: Vec<&str> = said.iter().map(|one| one.deployment.as_str()).collect();
    deployments.sort_unstable();
    deployments.dedup();
    assert_eq!(deployments.len(), 2);
    assert!(said.len() >= 8);

    let predictions = folder.join("predictions.json");
    let pictures = said
        .iter()
        .map(|one| out.join(&one.name).with_extension("png"));
    // It compares its logits with those of the integer network, and fails if one differs.
    run(here(SEALQUANT)
        .args(["classify", "--model", MODEL, "--out"])
        .arg(&predictions)
        .args(pictures));
    let predictions = fs::read(predictions).unwrap();
    let predictions: Vec<Prediction> = serde_json::from_slice(&predictions).unwrap();
    assert_eq!(predictions.len(), said.len());
    for (said, prediction) in said.iter().zip(predictions) {
        assert_eq!(said.logits, prediction.logits, "{}", said.name);
        assert_eq!(said.class, prediction.class, "{}", said.name);
    }
}
