//! Client and server as separate processes that share only files: each command sees only the files of its own side.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::kit::{failure, network, sealquant, write_data, write_model};
use sealquant::network::{Twin, argmax};

/// The folders of a run: one for each side, and what was sent between them.
pub struct Sides {
    top: tempfile::TempDir,
}

impl Sides {
    /// Compiles the small network, and gives the client its file.
    pub fn new(options: &[&str]) -> Self {
        let sides = Self {
            top: tempfile::tempdir().unwrap(),
        };
        write_model(&sides.at("owner/model"));
        let (model, out) = (sides.text("owner/model"), sides.text("owner/deploy"));
        run(&[&["compile", "--model", &model, "--out", &out], options].concat());
        fs::create_dir_all(sides.at("client")).unwrap();
        fs::copy(
            sides.at("owner/deploy/client.json"),
            sides.at("client/client.json"),
        )
        .unwrap();
        write_data(&sides.at("client/data"), 30);
        sides
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    pub fn text(&self, path: &str) -> String {
        self.at(path).to_str().unwrap().to_owned()
    }

    pub fn keygen(&self, keys: &str) {
        run(&[
            "keygen",
            "--client",
            &self.text("client/client.json"),
            "--out",
            &self.text(keys),
        ]);
    }

    fn encrypt_arguments(&self, out: &str) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        for (option, path) in [
            ("--client", "client/client.json"),
            ("--key", "client/keys/secret.key"),
            ("--out", out),
            ("--names", &format!("{out}.csv")),
            ("--data-dir", "client/data"),
        ] {
            arguments.extend([option.to_owned(), self.text(path)]);
        }
        arguments.extend(["--images", "mnist", "--range", "3..25"].map(str::to_owned));
        arguments
    }

    pub fn encrypt(&self, out: &str) {
        let arguments = self.encrypt_arguments(out);
        run(&["encrypt"]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect::<Vec<_>>());
    }

    fn evaluate_arguments(&self, keys: bool, requests: &str, out: &str) -> Vec<String> {
        let mut arguments = vec![
            "--server".to_owned(),
            self.text("owner/deploy/server"),
            "--requests".to_owned(),
            self.text(requests),
            "--out".to_owned(),
            self.text(out),
        ];
        if keys {
            arguments.extend(["--keys".to_owned(), self.text("server/evaluation.keys")]);
        }
        arguments
    }

    fn decrypt_arguments(&self, out: &str) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        for (option, path) in [
            ("--client", "client/client.json"),
            ("--key", "client/keys/secret.key"),
            ("--responses", "client/responses"),
            ("--names", "client/requests.csv"),
            ("--out", out),
        ] {
            arguments.extend([option.to_owned(), self.text(path)]);
        }
        arguments
    }
}

fn run(arguments: &[&str]) -> String {
    let assert = sealquant().args(arguments).assert().success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn run_with(command: &str, arguments: &[String]) -> String {
    run(&[
        &[command],
        arguments
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice(),
    ]
    .concat())
}

fn fails_with(command: &str, arguments: &[String]) -> String {
    failure(
        &[
            &[command],
            arguments
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .as_slice(),
        ]
        .concat(),
    )
}

/// Reads a file of text.
pub fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The logits of images 3..25 of the test split in the clear.
pub fn logits_in_the_clear(data: &Path) -> Vec<Vec<String>> {
    let network = network();
    let pixels = fs::read(data.join("t10k-images-idx3-ubyte")).unwrap();
    let images: Vec<Vec<i64>> = pixels[16..]
        .chunks(784)
        .skip(3)
        .take(22)
        .map(|image| network.quantize_image(image).unwrap())
        .collect();
    let logits = Twin::new(&network).logits_batch(&images).unwrap();
    logits
        .iter()
        .map(|logits| logits.iter().map(ToString::to_string).collect())
        .collect()
}

#[test]
fn client_and_server_share_only_files() {
    for (options, with_keys, requests) in [
        (&["--layout", "batched", "--batch-size", "30"][..], false, 1),
        (
            &["--layout", "diagonal", "--classes", "a,b,c,d,e,f,g,h,i,j"],
            true,
            22,
        ),
        (&["--layout", "few-uploads"], true, 22),
    ] {
        let sides = Sides::new(options);
        sides.keygen("client/keys");
        sides.encrypt("client/requests");
        // What goes to the server: requests, and keys if it needs any.
        let sent = names_in(&sides.at("client/requests"));
        assert_eq!(sent.len(), requests + 1, "{sent:?}");
        fs::create_dir_all(sides.at("server")).unwrap();
        fs::rename(sides.at("client/requests"), sides.at("server/requests")).unwrap();
        let keys = sides.at("client/keys/evaluation.keys");
        assert_eq!(keys.exists(), with_keys);
        if with_keys {
            fs::rename(keys, sides.at("server/evaluation.keys")).unwrap();
        }
        // The server has no secret: the client's folder is out of its reach.
        fs::rename(sides.at("client"), sides.at("hidden")).unwrap();
        let arguments = sides.evaluate_arguments(with_keys, "server/requests", "server/responses");
        for part in ["1/2", "2/2"] {
            let part = ["--part", part].map(str::to_owned);
            run_with("evaluate", &[arguments.as_slice(), &part].concat());
        }
        // Once more: everything is there.
        let again = run_with("evaluate", &arguments);
        assert!(again.contains("requests evaluated"), "{again}");
        fs::rename(sides.at("hidden"), sides.at("client")).unwrap();
        // The client does not need the model or the server's files.
        fs::rename(sides.at("owner"), sides.at("hidden")).unwrap();
        fs::rename(sides.at("server/responses"), sides.at("client/responses")).unwrap();

        let stdout = run_with(
            "decrypt",
            &sides.decrypt_arguments("client/predictions.json"),
        );
        assert!(stdout.contains("as labelled"), "{stdout}");
        let text = fs::read(sides.at("client/predictions.json")).unwrap();
        let lines: Vec<Value> = serde_json::from_slice(&text).unwrap();
        let expected = logits_in_the_clear(&sides.at("client/data"));
        assert_eq!(lines.len(), expected.len());
        for (index, (line, logits)) in lines.iter().zip(&expected).enumerate() {
            assert_eq!(line["logits"], Value::from(logits.clone()));
            let numbers: Vec<i64> = logits.iter().map(|logit| logit.parse().unwrap()).collect();
            let class = argmax(&numbers);
            assert_eq!(line["index"], class);
            assert_eq!(line["label"], ((index + 3) % 10).to_string());
            let name = if options.contains(&"--classes") {
                ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][class].to_owned()
            } else {
                class.to_string()
            };
            assert_eq!(line["class"], name);
            let score = numbers[class] as f64 * network().output_scale();
            assert!((line["score"].as_f64().unwrap() - score).abs() < 1e-9);
        }
        run_with(
            "decrypt",
            &sides.decrypt_arguments("client/predictions.csv"),
        );
        let text = fs::read_to_string(sides.at("client/predictions.csv")).unwrap();
        assert!(
            text.starts_with("image,class,index,score,label,logit_0,"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 23);
        run_with(
            "decrypt",
            &sides.decrypt_arguments("client/predictions.npz"),
        );
        assert!(
            fs::read(sides.at("client/predictions.npz"))
                .unwrap()
                .starts_with(b"PK")
        );
    }
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_the_owners_alone_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;

    let sides = Sides::new(&["--layout", "diagonal"]);
    sides.keygen("client/keys");
    let secret = sides.at("client/keys/secret.key");
    let mode = fs::metadata(&secret).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = fs::read(&secret).unwrap();
    let again = [
        "--client",
        &sides.text("client/client.json"),
        "--out",
        &sides.text("client/keys"),
    ]
    .map(str::to_owned);
    let error = fails_with("keygen", &again);
    assert!(error.contains("never overwritten"), "{error}");
    assert_eq!(fs::read(&secret).unwrap(), before);
    // Nor if only the other file is there.
    fs::remove_file(&secret).unwrap();
    let error = fails_with("keygen", &again);
    assert!(error.contains("evaluation.keys exists"), "{error}");
}

#[test]
fn files_of_other_deployments_and_keys_are_refused() {
    let sides = Sides::new(&["--layout", "diagonal"]);
    sides.keygen("client/keys");
    sides.encrypt("client/requests");
    let keys = sides.at("client/keys/evaluation.keys");
    fs::create_dir_all(sides.at("server")).unwrap();
    fs::copy(keys, sides.at("server/evaluation.keys")).unwrap();
    let arguments = sides.evaluate_arguments(true, "client/requests", "client/responses");
    run_with("evaluate", &arguments);

    // A second run of encrypt or compile into the same folder.
    let error = fails_with("encrypt", &sides.encrypt_arguments("client/requests"));
    assert!(error.contains("holds requests already"), "{error}");
    let compile = [
        "--model",
        &sides.text("owner/model"),
        "--out",
        &sides.text("owner/deploy"),
    ];
    let error = fails_with("compile", &compile.map(str::to_owned));
    assert!(error.contains("holds a deployment already"), "{error}");

    // Another key of the same deployment.
    fs::rename(sides.at("client/keys"), sides.at("client/first")).unwrap();
    sides.keygen("client/keys");
    let error = fails_with("decrypt", &sides.decrypt_arguments("client/p.csv"));
    assert!(error.contains("was made with the key"), "{error}");
    assert!(!sides.at("client/p.csv").exists());

    // Another deployment.
    let other = Sides::new(&["--layout", "batched", "--batch-size", "30"]);
    fs::copy(
        other.at("client/client.json"),
        sides.at("client/other.json"),
    )
    .unwrap();
    let mut arguments = sides.decrypt_arguments("client/p.csv");
    arguments[1] = sides.text("client/other.json");
    let error = fails_with("decrypt", &arguments);
    assert!(error.contains("belongs to the deployment"), "{error}");
    let mut arguments = sides.evaluate_arguments(true, "client/requests", "client/more");
    arguments[1] = other.text("owner/deploy/server");
    let error = fails_with("evaluate", &arguments);
    assert!(error.contains("belongs to the deployment"), "{error}");

    // No keys, and keys that are none.
    let arguments = sides.evaluate_arguments(false, "client/requests", "client/more");
    let error = fails_with("evaluate", &arguments);
    assert!(error.contains("needs keys"), "{error}");
    fs::write(sides.at("server/evaluation.keys"), b"no keys").unwrap();
    let arguments = sides.evaluate_arguments(true, "client/requests", "client/more");
    let error = fails_with("evaluate", &arguments);
    assert!(error.contains("evaluation.keys"), "{error}");
}

#[test]
fn damaged_files_are_refused_and_nothing_is_written() {
    let sides = Sides::new(&["--layout", "batched", "--batch-size", "30"]);
    sides.keygen("client/keys");
    sides.encrypt("client/requests");
    run_with(
        "evaluate",
        &sides.evaluate_arguments(false, "client/requests", "client/responses"),
    );
    let cut = |path: &str, command: &str, arguments: &[String]| {
        let whole = fs::read(sides.at(path)).unwrap();
        // The last byte of a text is a newline, which no one misses.
        for length in [0, 7, whole.len() / 2, whole.len() - 2] {
            fs::write(sides.at(path), &whole[..length]).unwrap();
            let error = fails_with(command, arguments);
            let name = path.rsplit('/').next().unwrap();
            // A network that was changed is found by the hash beside it.
            let named = error.contains(name)
                || name == "network.json.gz" && error.contains("deployment.json");
            assert!(named, "{path} {length}: {error}");
        }
        fs::write(sides.at(path), whole).unwrap();
    };
    let decrypt = sides.decrypt_arguments("client/p.csv");
    for path in [
        "client/client.json",
        "client/keys/secret.key",
        "client/responses/requests.json",
        "client/responses/000000.response",
    ] {
        cut(path, "decrypt", &decrypt);
    }
    assert!(!sides.at("client/p.csv").exists());
    let evaluate = sides.evaluate_arguments(false, "client/requests", "client/more");
    for path in [
        "client/requests/requests.json",
        "client/requests/000000.request",
        "owner/deploy/server/deployment.json",
        "owner/deploy/server/network.json.gz",
    ] {
        cut(path, "evaluate", &evaluate);
    }
    assert!(!sides.at("client/more/000000.response").exists());
    // A sender who announces more than there are.
    let path = sides.at("client/requests/requests.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace(r#""images":22"#, r#""images":9000000000000000"#),
    )
    .unwrap();
    let other = sides.evaluate_arguments(false, "client/requests", "client/other");
    let error = fails_with("evaluate", &other);
    assert!(error.contains("holds 22 images"), "{error}");
    fs::write(&path, text).unwrap();
    // A response that is missing.
    fs::remove_file(sides.at("client/responses/000000.response")).unwrap();
    let error = fails_with("decrypt", &decrypt);
    assert!(error.contains("has not answered"), "{error}");
}

#[test]
fn parameters_that_are_not_secure_are_refused() {
    let sides = Sides::new(&["--layout", "batched", "--batch-size", "30"]);
    let path = sides.at("client/client.json");
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let degree = good["spec"]["poly_modulus_degree"].as_u64().unwrap();
    let refused = |field: &str, value: Value| {
        let mut file = good.clone();
        file["spec"][field] = value;
        fs::write(&path, file.to_string()).unwrap();
        let arguments = [
            "--client",
            &sides.text("client/client.json"),
            "--out",
            &sides.text("client/k"),
        ];
        let error = fails_with("keygen", &arguments.map(str::to_owned));
        assert!(error.contains("client.json"), "{error}");
        assert!(!sides.at("client/k").exists());
        error
    };
    let error = refused("poly_modulus_degree", (degree / 2).into());
    assert!(
        error.contains("not secure") || error.contains("slot_map"),
        "{error}"
    );
    let mut primes = good["spec"]["coeff_modulus"].as_array().unwrap().clone();
    primes.extend(primes.clone());
    primes.extend(primes.clone());
    assert!(refused("coeff_modulus", primes.into()).contains("not secure"));
    for (field, value) in [
        ("poly_modulus_degree", 12_345.into()),
        ("coeff_modulus", Value::from(vec![0, 0])),
        ("coeff_modulus", Value::from(vec![97, 97])),
        ("plain_moduli", Value::from(Vec::<u64>::new())),
        ("plain_moduli", Value::from(vec![0])),
        ("corrections", Value::from(vec![u64::MAX])),
        ("galois_elements", Value::from(vec![2])),
        ("key_levels", Value::from(vec![1])),
        ("response_primes", 0.into()),
        ("response_widths", Value::from(vec![61, 61])),
        ("security", "none".into()),
    ] {
        refused(field, value);
    }
}

#[test]
fn a_photo_is_classified_in_one_go() {
    let top = tempfile::tempdir().unwrap();
    let (model, data) = (top.path().join("model"), top.path().join("data"));
    write_model(&model);
    write_data(&data, 30);
    let out = top.path().join("predictions.csv");
    let stdout = sealquant()
        .args([
            "classify",
            "mnist",
            "--preview",
            "--range",
            "0..2",
            "--model",
        ])
        .arg(&model)
        .arg("--data-dir")
        .arg(&data)
        .arg("--out")
        .arg(&out)
        .assert()
        .success();
    let output = stdout.get_output();
    let (shown, notes) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(shown.contains("score"), "{shown}");
    assert!(shown.contains('█'), "{shown}");
    assert!(notes.contains("0 of 20 logits differ"), "{notes}");
    let written = fs::read_to_string(&out).unwrap();
    assert_eq!(written.lines().count(), 3);
    // Nothing is replaced.
    let error = failure(&[
        "classify",
        "mnist",
        "--out",
        out.to_str().unwrap(),
        "--model",
        model.to_str().unwrap(),
    ]);
    assert!(error.contains("exists"), "{error}");
    assert_eq!(fs::read_to_string(&out).unwrap(), written);
}

/// Pads beforehand, then an image in two kilobytes; each pad serves once, on both sides.
#[test]
fn pads_serve_one_image_each() {
    for layout in ["diagonal", "few-uploads"] {
        let sides = Sides::new(&["--layout", layout]);
        sides.keygen("client/keys");
        fs::create_dir_all(sides.at("server")).unwrap();
        fs::copy(
            sides.at("client/keys/evaluation.keys"),
            sides.at("server/evaluation.keys"),
        )
        .unwrap();
        let client = |out: &str| -> Vec<String> {
            let mut arguments = sides.encrypt_arguments(out)[..6].to_vec();
            arguments.extend(["--pad-store".to_owned(), sides.text("client/pads")]);
            arguments
        };
        let server = |requests: &str, out: &str| -> Vec<String> {
            let mut arguments = sides.evaluate_arguments(true, requests, out);
            arguments.extend(["--pad-store".to_owned(), sides.text("server/pads")]);
            arguments
        };
        let images = |range: &str| -> Vec<String> {
            let (data, range) = (sides.text("client/data"), range.to_owned());
            let words = ["--images", "mnist", "--data-dir", &data, "--range", &range];
            words.map(str::to_owned).into()
        };
        let pads = ["--pads", "3"].map(str::to_owned);
        run_with("encrypt", &[client("client/offline"), pads.into()].concat());
        assert_eq!(names_in(&sides.at("client/pads")).len(), 3);
        let offline = server("client/offline", "client/none");
        run_with("evaluate", &offline);
        // Once more costs nothing and changes nothing.
        run_with("evaluate", &offline);
        assert!(!sides.at("client/none").exists());

        run_with(
            "encrypt",
            &[client("client/requests"), images("3..5")].concat(),
        );
        assert_eq!(names_in(&sides.at("client/pads")).len(), 1);
        let sent = fs::metadata(sides.at("client/requests/000000.request"))
            .unwrap()
            .len();
        assert!(sent < 5000, "{sent}");
        run_with("evaluate", &server("client/requests", "client/responses"));
        let mut arguments = sides.decrypt_arguments("client/p.json");
        arguments.drain(6..8);
        run_with("decrypt", &arguments);
        let text = fs::read(sides.at("client/p.json")).unwrap();
        let lines: Vec<Value> = serde_json::from_slice(&text).unwrap();
        let expected = logits_in_the_clear(&sides.at("client/data"));
        assert_eq!(lines.len(), 2);
        for (line, logits) in lines.iter().zip(&expected) {
            assert_eq!(line["logits"], Value::from(logits.clone()));
        }
        // The same masked images again, as from a client that lost the answer.
        let error = fails_with("evaluate", &server("client/requests", "client/again"));
        assert!(error.contains("has been used"), "{error}");
        // More images than pads: nothing is sent twice.
        let error = fails_with("encrypt", &[client("client/more"), images("5..8")].concat());
        assert!(error.contains("no pad is left"), "{error}");
        let error = fails_with(
            "evaluate",
            &sides.evaluate_arguments(true, "client/requests", "client/x"),
        );
        assert!(error.contains("--pad-store"), "{error}");
    }
}
