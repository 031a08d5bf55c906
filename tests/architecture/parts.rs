//! The map in docs/ARCHITECTURE.md against the code: the parts of `src` and the parts that each uses, none in a circle.
//!
//! After a change that is meant, the failed test prints the block to put there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::code::{code, sources};

/// The parts that each part uses.
type Map = BTreeMap<String, BTreeSet<String>>;

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

fn map() -> Map {
    let part = |path: &Path| -> String {
        let first = path.iter().next().unwrap();
        first.to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    let files = sources();
    let parts: BTreeSet<String> = files.iter().map(|(file, _)| part(file)).collect();
    let mut map = Map::new();
    for (file, code) in &files {
        let of = part(file);
        if ["lib", "main"].contains(&of.as_str()) {
            continue;
        }
        let uses = map.entry(of.clone()).or_default();
        let named = used(code).into_iter();
        uses.extend(named.filter(|name| *name != of && parts.contains(name)));
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
