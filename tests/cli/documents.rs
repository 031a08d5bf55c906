//! Checks every command of every document: runs it, runs a shorter form of it, or checks it as far as its cost allows.
//!
//! A `sh` block of a document is read line by line. Each line must match a rule below; a line without a rule fails the
//! test, and so does a rule that no line needs. Commands run in a folder of their own that holds `models`, `configs`
//! and `examples` from the checkout and a small dataset in place of the real one.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    process::Command as Process,
};

use crate::kit::{sealquant, write_data};

/// The check of a command.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Runs it as it stands.
    Run,
    /// Runs it with these words replaced, each by another: fewer images, and encrypted runs that take seconds, not
    /// minutes.
    Shorter(&'static [(&'static str, &'static str)]),
    /// Lets the program parse it, and finds each file or preset that it names: running it takes minutes to hours.
    Parse,
    /// Asks make what it would do: this test is part of what make does.
    Make,
    /// Finds the script, example, benchmark or fuzz target, and each file that the command names: running it would
    /// compile again, or needs something that not every machine has.
    Exists,
    /// Sets variables or makes folders for the lines after it.
    Shell,
}

use Rule::{Exists, Make, Parse, Run, Shell, Shorter};

/// The rules: a command follows the first pattern that it starts with.
const RULES: &[(&str, Rule)] = &[
    ("make ", Make),
    ("sealquant data fetch", Run),
    ("sealquant inspect runs/mlp-w4", Parse),
    ("sealquant inspect", Run),
    ("sealquant infer", Shorter(&[("0..8192", "0..3")])),
    ("sealquant demo", Shorter(&[("demo", "demo --images 0..3")])),
    ("sealquant compile", Run),
    ("sealquant keygen", Run),
    ("sealquant encrypt", Run),
    ("sealquant evaluate", Run),
    ("sealquant decrypt", Run),
    (
        "sealquant classify --model models/mnist-t17 photo.png",
        Shorter(&[("photo.png", "mnist --range 0..2")]),
    ),
    ("sealquant classify --server", Parse),
    ("sealquant classify", Run),
    ("sealquant serve", Parse),
    ("sealquant worker", Parse),
    ("sealquant import", Run),
    ("sealquant ptq", Run),
    ("sealquant train", Parse),
    ("sealquant reproduce", Parse),
    ("python3 examples/", Run),
    ("scripts/", Exists),
    ("cargo bench --bench ", Exists),
    ("cargo run ", Exists),
    ("cargo rustc ", Exists),
    ("cargo install cargo-fuzz", Shell),
    ("cargo +nightly fuzz ", Exists),
    ("LD_PRELOAD=", Shell),
    ("export ", Shell),
    ("mkdir ", Shell),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists the documents that users read: those in the root, in docs, README files in folders, and the comments of
/// examples.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [
        "",
        "docs",
        "docs/results",
        "configs",
        "fuzz",
        "vendor",
        "examples",
        "benches",
    ] {
        let Ok(entries) = fs::read_dir(root().join(folder)) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_file() && matches!(extension, Some("md" | "rs")) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the commands in a document's `sh` blocks, without comments; a line that ends in a backslash continues.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut within = false;
    let mut line = String::new();
    for raw in text.lines() {
        let raw = raw.strip_prefix("//!").unwrap_or(raw).trim();
        if let Some(language) = raw.strip_prefix("```") {
            within = !within && language == "sh";
            continue;
        }
        if !within {
            continue;
        }
        let raw = raw.split(" #").next().unwrap_or_default().trim();
        if let Some(start) = raw.strip_suffix('\\') {
            line.push_str(start);
            continue;
        }
        line.push_str(raw);
        if !line.is_empty() && !line.starts_with('#') {
            found.push(std::mem::take(&mut line));
        }
        line.clear();
    }
    found
}

/// The folder in which commands run.
struct Scratch {
    top: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        for folder in ["models", "configs"] {
            copy(&root().join(folder), &top.path().join(folder));
        }
        copy(
            &root().join("examples/import"),
            &top.path().join("examples/import"),
        );
        write_data(&top.path().join("data"), 60);
        Self { top }
    }

    /// Runs the program, or Python, with the small dataset.
    fn run(&self, words: &[String]) -> Result<(), String> {
        let data = self.top.path().join("data");
        let output = if words[0] == "sealquant" {
            sealquant()
                .args(&words[1..])
                .current_dir(self.top.path())
                .env("SEALQUANT_DATA", data)
                .output()
        } else {
            Process::new(&words[0])
                .args(&words[1..])
                .current_dir(self.top.path())
                .output()
        };
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// Lets the program parse a command, with `--help` appended after its last argument, and finds what the command names.
fn parse(words: &[String]) -> Result<(), String> {
    let output = sealquant().args(&words[1..]).arg("--help").output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let presets = sealquant().args(["train", "--help"]).output();
    let presets = String::from_utf8_lossy(&presets.unwrap().stdout).into_owned();
    for pair in words.windows(2) {
        let [name, value] = pair else { continue };
        let known = match name.as_str() {
            "--config" => presets.contains(value.as_str()) || root().join(value).is_file(),
            "--baseline" | "--model" => value.starts_with("runs/") || root().join(value).is_dir(),
            _ => true,
        };
        if !known {
            return Err(format!("{name} {value}: no such preset, file or model"));
        }
    }
    Ok(())
}

/// Finds the targets and files that a cargo command or a script names.
fn exists(words: &[String]) -> Result<(), String> {
    let missing = |kind: &str, name: &str| Err(format!("no {kind} {name}"));
    let is_target = |folder: &str, name: &str| {
        let folder = root().join(folder);
        folder.join(name).with_extension("rs").is_file()
            || folder.join(name).join("main.rs").is_file()
    };
    if words[0].contains('/') && !root().join(&words[0]).is_file() {
        return missing("script", &words[0]);
    }
    for pair in words.windows(2) {
        let [name, value] = pair else { continue };
        let folder = match name.as_str() {
            "--example" => "examples",
            "--bench" => "benches",
            "--test" => "tests",
            _ => continue,
        };
        if !is_target(folder, value) {
            return missing(name, value);
        }
    }
    if let Some(at) = words.iter().position(|word| word == "fuzz") {
        let target = words.get(at + 2).map_or("", String::as_str);
        if !is_target("fuzz/fuzz_targets", target) {
            return missing("fuzz target", target);
        }
    }
    for word in words {
        let is_source = word.starts_with("tests/") || word.starts_with("models/");
        if is_source && !root().join(word).exists() {
            return missing("file", word);
        }
    }
    Ok(())
}

fn make(words: &[String]) -> Result<(), String> {
    let output = Process::new("make")
        .arg("-n")
        .args(&words[1..])
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn check(command: &str, rule: Rule, scratch: &Scratch) -> Result<(), String> {
    let mut command = command.to_owned();
    if let Shorter(replacements) = rule {
        for (long, short) in replacements {
            command = command.replace(long, short);
        }
    }
    let words = shlex::split(&command).ok_or("cannot be split into words")?;
    match rule {
        Run | Shorter(_) => scratch.run(&words),
        Parse => parse(&words),
        Make => make(&words),
        Exists => exists(&words),
        Shell => Ok(()),
    }
}

#[test]
fn every_command_of_every_document_works() {
    let scratch = Scratch::new();
    let used = RefCell::new(vec![false; RULES.len()]);
    let mut failures = Vec::new();
    let mut count = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for command in commands(&text) {
            count += 1;
            let at = RULES
                .iter()
                .position(|(start, _)| format!("{command} ").starts_with(start));
            let result = match at {
                Some(at) => {
                    used.borrow_mut()[at] = true;
                    check(&command, RULES[at].1, &scratch)
                }
                None => Err("no rule says how this command is tested".to_owned()),
            };
            if let Err(why) = result {
                failures.push(format!("{}: {command}\n    {why}", document.display()));
            }
        }
    }
    for ((start, rule), used) in RULES.iter().zip(used.into_inner()) {
        if !used {
            failures.push(format!("no command needs the rule {rule:?} for `{start}`"));
        }
    }
    assert!(count > 30, "only {count} commands were found");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
