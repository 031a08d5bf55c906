//! A service and its clients as separate processes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    kit::{failure, sealquant},
    roles::{Sides, logits_in_the_clear, text_of},
};

/// A running service.
pub struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    pub fn start(sides: &Sides, more: &[&str]) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("sealquant"))
            .args(["serve", "--listen", "127.0.0.1:0", "--deployment"])
            .arg(sides.at("owner/deploy/server"))
            .arg("--key-store")
            .arg(sides.at("server/store"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving at ").unwrap().to_owned();
        Self { child, address }
    }

    /// Returns the address, with the scheme.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Stops the service as systems do; returns what it wrote to standard error.
    #[cfg(unix)]
    fn stop(mut self) -> String {
        let kill = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.unwrap().success());
        let mut text = String::new();
        let mut errors = self.child.stderr.take().unwrap();
        errors.read_to_string(&mut text).unwrap();
        assert!(self.child.wait().unwrap().success(), "{text}");
        text
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Classifies images 3..25 of the test split with a service; returns standard error.
fn classify(sides: &Sides, address: &str, more: &[&str], out: &str) -> String {
    let _ = fs::remove_file(sides.at(out));
    let data = sides.text("client/data");
    let out = sides.text(out);
    let arguments = ["classify", "mnist", "--range", "3..25", "--data-dir", &data];
    let assert = sealquant()
        .env("XDG_DATA_HOME", sides.at("client/share"))
        .args(arguments)
        .args(["--server", address, "--out", &out])
        .args(more)
        .assert()
        .success();
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[cfg(unix)]
#[test]
fn a_service_answers_as_the_clear_and_tells_nothing() {
    let sides = Sides::new(&["--layout", "diagonal"]);
    let token = sides.at("token");
    fs::write(&token, "a-token-of-this-test-123\n").unwrap();
    let token = token.to_str().unwrap();
    let serving = Serving::start(&sides, &["--tokens", token]);
    let with_token = ["--token", token];
    let expected = logits_in_the_clear(&sides.at("client/data"));
    let first = classify(&sides, &serving.address, &with_token, "client/first.json");
    assert!(first.contains("new keys: "), "{first}");
    assert!(first.contains("and keys once: "), "{first}");
    let second = classify(&sides, &serving.address, &with_token, "client/second.json");
    assert!(!second.contains("keys once"), "{second}");
    for out in ["client/first.json", "client/second.json"] {
        let lines: Vec<Value> = serde_json::from_str(&text_of(&sides.at(out))).unwrap();
        let logits = lines.iter().map(|line| line["logits"].clone());
        let clear = expected.iter().map(|logits| Value::from(logits.clone()));
        assert!(logits.eq(clear));
    }

    let refused = failure(&["classify", "mnist", "--server", &serving.address]);
    assert!(refused.contains("(401)"), "{refused}");

    let address = serving.address.clone();
    let log = serving.stop();
    let evaluated = log.matches("call=evaluate").count();
    // One for each image, and one that was told to upload keys.
    assert_eq!(evaluated, 2 * 22 + 1, "{log}");
    assert_eq!(
        log.matches("status=404 outcome=unknown-keys").count(),
        1,
        "{log}"
    );
    assert!(
        log.contains("call=put-keys deployment=- status=201"),
        "{log}"
    );
    let stored = fs::read_dir(sides.at("server/store")).unwrap();
    let stored: Vec<String> = stored
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    for secret in ["a-token-of-this-test", &stored[0][..16], "127.0.0.1"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
    let gone = failure(&["classify", "mnist", "--server", &address, "--token", token]);
    assert!(gone.contains("127.0.0.1"), "{gone}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let sides = Sides::new(&["--layout", "batched"]);
    let server = sides.text("owner/deploy/server");
    let serve = |more: &[&str]| failure(&[&["serve", "--listen", "127.0.0.1:0"], more].concat());
    let missing = serve(&["--deployment", &sides.text("nowhere")]);
    assert!(missing.contains("nowhere"), "{missing}");
    let twice = serve(&["--deployment", &server, "--deployment", &server]);
    assert!(twice.contains("named twice"), "{twice}");
    let store = sides.text("client/client.json");
    let no_store = serve(&["--deployment", &server, "--key-store", &store]);
    assert!(no_store.contains("key store"), "{no_store}");
    let short = sides.at("short");
    fs::write(&short, "abc\n").unwrap();
    let tokens = ["--deployment", &server, "--tokens", short.to_str().unwrap()];
    assert!(serve(&tokens).contains("fewer than 16 characters"));
    let store = sides.text("client/client.json");
    let keys = sides.text("server/store");
    let pem = [
        "--key-store",
        &keys,
        "--deployment",
        &server,
        "--tls-certificate",
        &store,
        "--tls-key",
        &store,
    ];
    assert!(serve(&pem).contains("client.json"));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let keys = sides.text("server/store");
    let busy = failure(&[
        "serve",
        "--listen",
        &address,
        "--deployment",
        &server,
        "--key-store",
        &keys,
    ]);
    assert!(busy.contains("cannot listen on"), "{busy}");

    for (arguments, code) in [
        (vec!["serve"], 2),
        (vec!["serve", "--deployment", &server, "--tls-key", "x"], 2),
        (
            vec![
                "classify", "mnist", "--server", "http://a", "--model", "mnist-w2",
            ],
            2,
        ),
        (
            vec![
                "classify",
                "mnist",
                "--server",
                "http://a",
                "--accept-observed-bound",
            ],
            2,
        ),
        (vec!["classify", "mnist", "--token", "x"], 2),
        (vec!["classify", "mnist", "--server", "ftp://a"], 1),
    ] {
        sealquant().args(arguments).assert().code(code);
    }
}
