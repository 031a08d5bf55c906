//! docs/BINDINGS.md names every public member function of SEAL's classes that BFV needs.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const HEADERS: [&str; 16] = [
    "batchencoder",
    "ciphertext",
    "context",
    "decryptor",
    "encryptionparams",
    "encryptor",
    "evaluator",
    "galoiskeys",
    "keygenerator",
    "kswitchkeys",
    "memorymanager",
    "modulus",
    "plaintext",
    "publickey",
    "relinkeys",
    "secretkey",
];

enum Scope {
    Namespace,
    Class {
        name: String,
        public: bool,
    },
    /// A function's body, an enumeration, an initialiser.
    Other,
}

/// `Class::method` for every public member function that is not a constructor, a destructor or an operator.
fn public_methods(header: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut scopes: Vec<Scope> = Vec::new();
    let mut declaration = String::new();
    for character in without_comments(header).chars() {
        match character {
            '{' | ';' => {
                if let Some(Scope::Class { name, public: true }) = scopes.last()
                    && let Some(method) = method(&declaration, name)
                {
                    found.insert(format!("{name}::{method}"));
                }
                if character == '{' {
                    scopes.push(scope(&declaration));
                }
                declaration.clear();
            }
            '}' => {
                scopes.pop();
                declaration.clear();
            }
            ':' => {
                let access = declaration.trim();
                match (access, scopes.last_mut()) {
                    ("public", Some(Scope::Class { public, .. })) => *public = true,
                    ("private" | "protected", Some(Scope::Class { public, .. })) => *public = false,
                    _ => {
                        declaration.push(character);
                        continue;
                    }
                }
                declaration.clear();
            }
            _ => declaration.push(character),
        }
    }
    found
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = after.split_once("*/").unwrap().1;
    }
    plain.push_str(rest);
    plain
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n")
}

fn scope(declaration: &str) -> Scope {
    let words: Vec<&str> = declaration
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && *word != "SEAL_NODISCARD")
        .collect();
    let class = words
        .iter()
        .position(|word| ["class", "struct"].contains(word));
    match (words.first(), class) {
        (Some(&"namespace"), _) => Scope::Namespace,
        (Some(&"enum"), _) => Scope::Other,
        (_, Some(at)) if !declaration.contains('(') => Scope::Class {
            name: words[at + 1].to_owned(),
            public: words[at] == "struct",
        },
        _ => Scope::Other,
    }
}

/// The name before the first parenthesis.
fn method(declaration: &str, class: &str) -> Option<String> {
    let (head, _) = declaration.split_once('(')?;
    let name = head
        .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()?;
    // Annotations of locks, in capitals after an underscore, stand where a name would.
    let skipped = name.is_empty()
        || name.starts_with('_')
        || name == class
        || head.contains('~')
        || head.contains("operator")
        || head.contains("friend ");
    (!skipped).then(|| name.to_owned())
}

/// The words in code in the first column of the tables.
fn named(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .collect()
}

#[test]
fn every_public_method_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let headers = root.join("vendor/SEAL/native/src/seal");
    if !headers.is_dir() {
        eprintln!("skipped: SEAL's source is not unpacked in vendor/SEAL");
        return;
    }
    let document = fs::read_to_string(root.join("docs/BINDINGS.md")).unwrap();
    let named = named(&document);
    let mut count = 0;
    let mut missing = Vec::new();
    for header in HEADERS {
        let methods =
            public_methods(&fs::read_to_string(headers.join(header).with_extension("h")).unwrap());
        assert!(!methods.is_empty(), "{header}.h has public methods");
        for method in methods {
            count += 1;
            let name = method.rsplit("::").next().unwrap_or_default();
            let base = name.strip_suffix("_inplace").unwrap_or(name);
            if !named.contains(base) {
                missing.push(method);
            }
        }
    }
    assert!(missing.is_empty(), "docs/BINDINGS.md lacks {missing:#?}");
    assert!(count > 200, "only {count} methods were found");
}

#[test]
fn the_scan_sees_what_is_public() {
    let header = "
        namespace seal { /* a; */ class Other;
        class SEAL_NODISCARD Thing : public Base { public: Thing() : a_(1) {}
          SEAL_NODISCARD inline int one(int x) const { return other(x); } // comment();
          template <typename T> void two(T t);
          Thing &operator=(const Thing &) = delete; ~Thing() {}
        private: void three(); struct Inner { void four(); }; public: void five() {} };
        int six(); }";
    let expected = ["Inner::four", "Thing::five", "Thing::one", "Thing::two"];
    assert_eq!(public_methods(header), expected.map(str::to_owned).into());
}
