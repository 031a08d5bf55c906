//! Checks that docs/BINDINGS.md names every public member function, with its class, of the SEAL classes that BFV needs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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
    /// The body of a function, an enumeration, or an initialiser.
    Other,
}

/// Lists `Class::method` for every public member function that is not a constructor, a destructor or an operator.
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

/// Returns the name before the first parenthesis.
fn method(declaration: &str, class: &str) -> Option<String> {
    let (mut head, mut rest) = declaration.split_once('(')?;
    // Lock annotations come before the declaration: `_Acquires_lock_(name)`.
    while head.trim_start().starts_with('_') {
        (head, rest) = rest.split_once(')')?.1.split_once('(')?;
    }
    let name = head
        .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
        .next()?;
    let skipped = name.is_empty()
        || name == class
        || head.contains('~')
        || head.contains("operator")
        || head.contains("friend ");
    (!skipped).then(|| name.to_owned())
}

/// A method that the document names, with the version of SEAL that introduced it, if later than 4.0.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    class: String,
    method: String,
    since: Option<u32>,
}

/// Lists the methods in the document's tables: each name in code in the second column, for each class in code in the
/// first column. A version `4.x` may stand between the two.
fn named(document: &str) -> BTreeSet<Named> {
    let mut found = BTreeSet::new();
    for line in document.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            continue;
        };
        let mut cells = row.split(" | ");
        let classes = cells.next().unwrap_or_default();
        let mut methods = cells.next().unwrap_or_default();
        let since = methods
            .strip_prefix("4.")
            .and_then(|minor| minor.parse().ok());
        if since.is_some() {
            methods = cells.next().unwrap_or_default();
        }
        for class in code(classes) {
            for method in code(methods) {
                found.insert(Named {
                    class: class.to_owned(),
                    method: method.to_owned(),
                    since,
                });
            }
        }
    }
    found
}

/// Returns the plain names between backquotes.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// Returns the second number in the version of the SEAL that was built.
fn minor_version() -> u32 {
    let mut numbers = sealquant::seal::SEAL_VERSION.split('.');
    numbers.nth(1).unwrap().parse().unwrap()
}

/// Returns the folder of SEAL's headers that this build used.
fn headers() -> PathBuf {
    Path::new(env!("SEALQUANT_SEAL_INCLUDE")).join("seal")
}

#[test]
fn every_public_method_has_a_row_of_its_class() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/BINDINGS.md")).unwrap();
    let named = named(&document);
    let mut methods = BTreeSet::new();
    for header in HEADERS {
        let path = headers().join(header).with_extension("h");
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("SEAL was built from {}: {error}", path.display()));
        let found = public_methods(&text);
        assert!(!found.is_empty(), "{header}.h has public methods");
        methods.extend(found);
    }
    assert!(methods.len() > 200, "only {} methods", methods.len());
    let here = minor_version();
    let missing: Vec<&String> = methods
        .iter()
        .filter(|method| {
            let (class, name) = method.split_once("::").unwrap();
            let base = name.strip_suffix("_inplace").unwrap_or(name);
            !named.iter().any(|row| {
                row.class == class
                    && (row.method == base || row.method == name)
                    && row.since.is_none_or(|since| since <= here)
            })
        })
        .collect();
    assert!(missing.is_empty(), "docs/BINDINGS.md lacks {missing:#?}");

    // The document must not name what the class does not have.
    let classes: BTreeSet<&str> = methods
        .iter()
        .filter_map(|method| method.split("::").next())
        .collect();
    let strays: Vec<&Named> = named
        .iter()
        .filter(|row| row.since.is_none_or(|since| since <= here))
        .filter(|row| classes.contains(row.class.as_str()))
        .filter(|row| row.method != "Serializable")
        .filter(|row| {
            let Named { class, method, .. } = row;
            !methods.contains(&format!("{class}::{method}"))
        })
        .collect();
    assert!(strays.is_empty(), "SEAL 4.{here} has none of {strays:#?}");
}

#[test]
fn a_name_counts_for_its_class_only() {
    let document = "
        ignored `Other`: `zero`
| class | SEAL | here |
| --- | --- | --- |
| `One` | `a`, `b` of bytes | `c` |
| `Two`, `Three` | `d`, in `d(x)` | no: `f` |
| `Four` | 4.1 | `g` | `h` |
| all | `i` | no |";
    let row = |class: &str, method: &str, since| Named {
        class: class.to_owned(),
        method: method.to_owned(),
        since,
    };
    let expected = [
        row("One", "a", None),
        row("One", "b", None),
        row("Two", "d", None),
        row("Three", "d", None),
        row("Four", "g", Some(1)),
    ];
    assert_eq!(named(document), expected.into());
}

#[test]
fn the_scan_sees_what_is_public() {
    let header = "
        namespace seal { /* a; */ class Other;
        class SEAL_NODISCARD Thing : public Base { public: Thing() : a_(1) {}
          SEAL_NODISCARD inline int one(int x) const { return other(x); } // comment();
          template <typename T> void two(T t);
          Thing &operator=(const Thing &) = delete; ~Thing() {}
          _Acquires_lock_(a_) inline void six() { a_.lock(); }
        private: void three(); struct Inner { void four(); }; public: void five() {} };
        int seven(); }";
    let expected = [
        "Inner::four",
        "Thing::five",
        "Thing::one",
        "Thing::six",
        "Thing::two",
    ];
    assert_eq!(public_methods(header), expected.map(str::to_owned).into());
}
