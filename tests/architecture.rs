//! The map in docs/ARCHITECTURE.md against the code: the parts of `src` and the parts that each uses, none in a circle.
//! After a change that is meant, the failed test prints the block to put there.
//!
//! And the names of types: each stands for one type in all of `src`.
#![allow(clippy::unwrap_used, reason = "a test may stop at a surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The parts that each part uses.
type Map = BTreeMap<String, BTreeSet<String>>;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the code without line comments and without the block of tests at its end.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]") {
            let item = lines.clone().find(|line| !line.starts_with("#["));
            if item.is_some_and(|item| item.contains("mod ") && item.ends_with('{')) {
                break;
            }
        }
        if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Returns the parts that the code names behind `crate::`, alone or in a group.
fn used(code: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        let is_name = |c: &char| c.is_ascii_lowercase() || *c == '_';
        text.chars().take_while(is_name).collect()
    };
    let mut used = BTreeSet::new();
    for (at, key) in code.match_indices("crate::") {
        let rest = &code[at + key.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(name(rest));
            continue;
        };
        let (mut depth, mut item) = (0, String::new());
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    used.insert(name(item.trim()));
                    item.clear();
                    continue;
                }
                _ => {}
            }
            item.push(c);
        }
        used.insert(name(item.trim()));
    }
    // Behind a last comma there is nothing.
    used.remove("");
    used
}

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
fn definitions<'a>(files: &'a [(String, String)]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut definitions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, code) in files {
        for name in code.lines().filter_map(defined_in) {
            definitions.entry(name).or_default().push(file);
        }
    }
    definitions
}

fn is_test(file: &Path) -> bool {
    file.iter()
        .any(|name| name.to_str().unwrap().contains("tests"))
}

fn map() -> Map {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let part = |path: &Path| -> String {
        let first = path.strip_prefix(&root).unwrap().iter().next().unwrap();
        first.to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let parts: BTreeSet<String> = files.iter().map(|file| part(file)).collect();
    let mut map = Map::new();
    for file in &files {
        let of = part(file);
        if is_test(file.strip_prefix(&root).unwrap()) || ["lib", "main"].contains(&of.as_str()) {
            continue;
        }
        let uses = map.entry(of.clone()).or_default();
        let named = used(&code(&fs::read_to_string(file).unwrap()));
        uses.extend(
            named
                .into_iter()
                .filter(|name| *name != of && parts.contains(name)),
        );
    }
    map
}

/// Returns the parts so that each follows all that it uses, or the parts of a circle.
fn ordered(map: &Map) -> Result<Vec<&str>, Vec<&str>> {
    let mut order: Vec<&str> = Vec::new();
    while order.len() < map.len() {
        let ready = |(part, uses): &(&String, &BTreeSet<String>)| {
            !order.contains(&part.as_str()) && uses.iter().all(|u| order.contains(&u.as_str()))
        };
        let next: Vec<&str> = map.iter().filter(ready).map(|(p, _)| p.as_str()).collect();
        if next.is_empty() {
            let rest = map.keys().map(String::as_str);
            return Err(rest.filter(|part| !order.contains(part)).collect());
        }
        order.extend(next);
    }
    Ok(order)
}

#[test]
fn the_map_is_that_of_the_code_and_has_no_circle() {
    let map = map();
    let order = ordered(&map).unwrap_or_else(|circle| {
        let uses: Vec<_> = circle.iter().map(|part| (part, &map[*part])).collect();
        unreachable!("these parts use each other in a circle: {uses:#?}")
    });
    let mut block = String::from("```text\n");
    for part in order {
        let uses: Vec<&str> = map[part].iter().map(String::as_str).collect();
        block += format!("{part:<10} {}", uses.join(" ")).trim_end();
        block.push('\n');
    }
    block += "```\n";
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ARCHITECTURE.md");
    let document = fs::read_to_string(document).unwrap();
    assert!(
        document.contains(&block),
        "docs/ARCHITECTURE.md should have this map of the code:\n{block}"
    );
}

#[test]
fn each_type_has_a_name_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let files: Vec<(String, String)> = files
        .iter()
        .map(|file| (file, file.strip_prefix(&root).unwrap()))
        .filter(|(_, name)| !is_test(name))
        .map(|(file, name)| {
            (
                name.display().to_string(),
                code(&fs::read_to_string(file).unwrap()),
            )
        })
        .collect();
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

#[test]
fn uses_are_found_alone_and_in_groups() {
    let text = "//! crate::no\nuse crate::one::{A, B};\nuse crate::{\n    two::{C, crate_like::D},\n    three,\n};\n\
                #[cfg(test)]\nmod tests;\nfn f() { crate::four::g(); }\n\
                #[cfg(test)]\n#[allow(a)]\nmod tests {\n    use crate::five;\n}\n";
    let found: Vec<String> = used(&code(text)).into_iter().collect();
    assert_eq!(found, ["four", "one", "three", "two"]);
    let circle = Map::from([
        ("a".into(), BTreeSet::from(["b".to_owned()])),
        ("b".into(), BTreeSet::from(["a".to_owned()])),
        ("c".into(), BTreeSet::new()),
    ]);
    assert_eq!(ordered(&circle), Err(vec!["a", "b"]));
}
