//! The web page in a browser, as a person uses it: every logit that it shows equals the command line's.
//!
//! Needs Node.js with npm, and Chromium, which `scripts/browser.sh` installs; where they cannot be had, the test says that
//! it is skipped.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test may panic; a skipped one says so"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
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

/// Compiles a model's deployment in a new folder, and returns that.
fn compile(folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let mut compile = here(SEALQUANT);
    compile.args(["compile", "--model", MODEL, "--out"]);
    run(compile.arg(&out).args(more));
    out
}

/// A service of some deployments, not started yet.
fn service(folder: &Path, deployments: &[PathBuf]) -> Command {
    let mut command = here(SEALQUANT);
    command.args(["serve", "--listen", "127.0.0.1:0", "--key-store"]);
    command.arg(folder.join("store"));
    for deployment in deployments {
        command.arg("--deployment").arg(deployment.join("server"));
    }
    command
}

/// Starts a service and returns its address.
fn start(command: &mut Command, folder: &Path) -> (Serving, String) {
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

/// Gets a path; returns the head, in lower case, and the body.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
    let call = format!("GET {path} HTTP/1.1\r\nhost: page\r\nconnection: close\r\n\r\n");
    stream.write_all(call.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn a_page_is_served_under_a_strict_policy() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let deployments = [compile(folder, "deployment", &[])];
    let page = folder.join("page");
    let refused = |says: &str| {
        let mut serve = service(folder, &deployments);
        let output = serve.arg("--page").arg(&page).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(says), "{errors}");
    };
    refused("`make web` builds a page");
    fs::create_dir_all(page.join("assets")).unwrap();
    let files = [
        ("index.html", "text/html; charset=utf-8"),
        ("assets/a.js", "text/javascript; charset=utf-8"),
        ("assets/a.css", "text/css; charset=utf-8"),
        ("assets/a.wasm", "application/wasm"),
        ("assets/a.svg", "image/svg+xml"),
    ];
    for (name, _) in files {
        fs::write(page.join(name), name).unwrap();
    }
    fs::write(page.join("assets/notes.txt"), "").unwrap();
    refused("notes.txt: is of a kind that no page of this service has");
    fs::remove_file(page.join("assets/notes.txt")).unwrap();
    fs::write(page.join("secret.js"), "beside the page").unwrap();

    let mut serve = service(folder, &deployments);
    let (_serving, address) = start(serve.arg("--page").arg(&page), folder);
    for (name, media_type) in files {
        let path = if name == "index.html" { "" } else { name };
        let (head, body) = get(&address, &format!("/{path}"));
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        assert_eq!(body, name);
        for header in [
            &format!("content-type: {media_type}"),
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; ",
        ] {
            assert!(head.contains(header), "{header} is not in {head}");
        }
    }
    for path in [
        "/secret.js",
        "/index.html",
        "/assets/",
        "/assets/none.js",
        "/assets/%ff.js",
        "/assets/..%2fsecret.js",
        "/assets/../secret.js",
    ] {
        let (head, body) = get(&address, path);
        assert!(head.starts_with("http/1.1 404 "), "{path}: {head}");
        assert!(body.contains("urn:sealquant:no-"), "{path}: {body}");
    }
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(log.contains("call=page deployment=- status=200"), "{log}");

    let (_serving, address) = start(&mut service(folder, &deployments), folder);
    let (head, body) = get(&address, "/");
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    assert!(
        body.contains("this service has no page: `make web` builds one"),
        "{body}"
    );
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
    // The parts that need no browser; they read the pinned messages of tests/wire.
    run(here("npm").args(["--prefix", "web", "run", "--silent", "test"]));

    // One whose bound is proven, which takes two plain primes; the same in a layout of more and other ciphertexts, whose
    // answers have three polynomials; and that of `make serve`.
    let observed = ["--dataset", "mnist", "--accept-observed-bound"];
    let deployments = [
        compile(&folder, "proven", &["--separate-uploads"]),
        compile(
            &folder,
            "diagonal",
            &["--layout", "diagonal", "--separate-uploads"],
        ),
        compile(&folder, "observed", &observed),
    ];
    let mut serve = service(&folder, &deployments);
    let (_serving, address) = start(serve.arg("--page").arg(&page), &folder);

    run(here("timeout")
        .args(["1200", "node", "web/e2e/page.mjs", &address])
        .arg(&out)
        .env("CHROMIUM", browser));

    let said = fs::read(out.join("classified.json")).unwrap();
    let said: Vec<Classified> = serde_json::from_slice(&said).unwrap();
    let mut deployments: Vec<&str> = said.iter().map(|one| one.deployment.as_str()).collect();
    deployments.sort_unstable();
    deployments.dedup();
    assert_eq!(deployments.len(), 3);
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
