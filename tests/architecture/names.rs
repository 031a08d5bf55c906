//! The names of types: each stands for one type in all of `src`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::code::{code, sources};

/// Returns the name of the type that a line defines: a struct, enum, trait or union, or an alias outside blocks. Inside
/// them, `type` gives an associated type or, in a bridge, a type of C++.
fn defined_in(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(behind) = rest.strip_prefix("pub") {
        rest = match behind.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => behind,
        };
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix("unsafe ").unwrap_or(rest);
    let (word, rest) = rest.split_once(' ')?;
    let is_type = match word {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => !line.starts_with(' '),
        _ => false,
    };
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let is_name = name.starts_with(|c: char| c.is_ascii_uppercase());
    (is_type && is_name).then_some(name)
}

/// Returns the files that define each name.
fn definitions(files: &[(String, String)]) -> BTreeMap<&str, Vec<&str>> {
    let mut definitions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, code) in files {
        for name in code.lines().filter_map(defined_in) {
            definitions.entry(name).or_default().push(file);
        }
    }
    definitions
}

#[test]
fn each_type_has_a_name_of_its_own() {
    let named = |(path, code): (PathBuf, String)| (path.display().to_string(), code);
    let files: Vec<(String, String)> = sources().into_iter().map(named).collect();
    let mut definitions = definitions(&files);
    assert!(definitions.len() > 400, "{}", definitions.len());
    definitions.retain(|_, files| files.len() > 1);
    assert!(
        definitions.is_empty(),
        "names of more than one type: {definitions:#?}"
    );
}

#[test]
fn names_of_types_are_found_in_text() {
    let text = "// struct Comment;\npub struct A<'a>(&'a u8);\npub(crate) enum B {\n    C(D),\n}\nunsafe trait E {\n    type F;\n}\n\
                type G = A;\nfn f() {\n    struct H;\n}\npub(in crate::x) union I {\n}\nstruct $j;\nlet type_of = K;\n\
                #[cfg(test)]\nmod tests {\n    struct L;\n}\n";
    let code = code(text);
    let found: Vec<&str> = code.lines().filter_map(defined_in).collect();
    assert_eq!(found, ["A", "B", "E", "G", "H", "I"]);
    let files = |other: &str| {
        vec![
            ("one.rs".to_owned(), code.clone()),
            ("two.rs".to_owned(), other.to_owned()),
        ]
    };
    let twice = |files: &[(String, String)]| {
        let found = definitions(files)
            .into_iter()
            .filter(|(_, files)| files.len() > 1);
        found
            .map(|(name, files)| format!("{name}: {}", files.join(" ")))
            .collect::<Vec<_>>()
    };
    assert!(twice(&files("struct M {\n    g: G,\n}\n")).is_empty());
    assert_eq!(twice(&files("pub type G = u8;\n")), ["G: one.rs two.rs"]);
    assert_eq!(
        twice(&files("struct N;\n    enum N {}\n")),
        ["N: two.rs two.rs"]
    );
}
