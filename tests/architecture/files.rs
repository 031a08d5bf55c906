//! Files of `src` use each other one way only. A module may use the modules within it, and they it.
//!
//! This reads paths: what is used through a method or a trait alone is not seen, nor what a file both uses and hands on with
//! `pub use`.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{code, sources};

/// A path in code, or that of a module, by its parts.
type Segments = Vec<String>;

/// A module's code, as far as it matters here.
struct Module {
    /// Paths that it uses, without its re-exports.
    uses: BTreeSet<Segments>,
    /// The names that `use` declarations bring in, with their paths.
    names: BTreeMap<String, Segments>,
}

/// Splits the tree of a `use` declaration into its paths, each with the name that it gives.
fn paths(tree: &str) -> Vec<(Segments, String)> {
    fn walk(before: &[String], tree: &str, found: &mut Vec<(Segments, String)>) {
        let (mut depth, mut start) = (0, 0);
        let ends = tree.char_indices().chain([(tree.len(), ',')]);
        for (at, c) in ends {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    item(before, tree[start..at].trim(), found);
                    start = (at + 1).min(tree.len());
                }
                _ => {}
            }
        }
    }
    fn item(before: &[String], item: &str, found: &mut Vec<(Segments, String)>) {
        let (path, group) = match item.split_once('{') {
            Some((path, group)) => (path, group.strip_suffix('}')),
            None => (item, None),
        };
        let (path, alias) = path.split_once(" as ").unwrap_or((path, ""));
        let segments = path
            .split("::")
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let mut full = before.to_vec();
        full.extend(segments.map(str::to_owned));
        if let Some(group) = group {
            walk(&full, group, found);
        } else if let Some(last) = full.last() {
            let name = if last == "self" {
                full.get(full.len().wrapping_sub(2)).cloned()
            } else {
                Some(last.clone())
            };
            let name = if alias.is_empty() {
                name
            } else {
                Some(alias.trim().to_owned())
            };
            found.extend(name.map(|name| (full.clone(), name)));
        }
    }
    let mut found = Vec::new();
    walk(&[], tree, &mut found);
    found
}

impl Module {
    fn new(code: &str) -> Self {
        let (mut uses, mut names) = (BTreeSet::new(), BTreeMap::new());
        let mut rest = String::new();
        let mut statements = code;
        while let Some(at) = statements.find("use ") {
            let line = statements[..at].rfind('\n').map_or(0, |end| end + 1);
            let before = statements[line..at].trim();
            let end = statements[at..].find(';').map(|end| at + end);
            let is_use = before.is_empty() || (before.starts_with("pub") && !before.contains('"'));
            let (true, Some(end)) = (is_use, end) else {
                rest += &statements[..at + 4];
                statements = &statements[at + 4..];
                continue;
            };
            rest += &statements[..line];
            for (path, name) in paths(&statements[at + 4..end]) {
                if before.is_empty() {
                    uses.insert(path.clone());
                }
                names.insert(name, path);
            }
            statements = &statements[end + 1..];
        }
        rest += statements;
        let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        for word in rest.split(|c| !is_path(c)) {
            let parts: Segments = word.split("::").map(str::to_owned).collect();
            let is_module = |first: &String| first.starts_with(|c: char| c.is_ascii_lowercase());
            if parts.len() > 1 && parts.first().is_some_and(is_module) {
                uses.insert(parts);
            }
        }
        Self { uses, names }
    }
}

/// Returns the module in which a path from a module ends, through re-exports; `None` if it leaves the crate.
fn resolve(
    modules: &BTreeMap<Segments, Module>,
    from: &[String],
    path: &[String],
    depth: usize,
) -> Option<Segments> {
    let (first, rest) = path.split_first()?;
    if depth > 16 {
        return None;
    }
    let child = [from, std::slice::from_ref(first)].concat();
    let mut at: Segments = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.to_vec(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        _ if modules.contains_key(&child) => child,
        _ => {
            let known = modules.get(from)?.names.get(first)?;
            if known.first() == Some(first) {
                return None;
            }
            let path = [known.as_slice(), rest].concat();
            return resolve(modules, from, &path, depth + 1);
        }
    };
    for (index, part) in rest.iter().enumerate() {
        let child = [at.as_slice(), std::slice::from_ref(part)].concat();
        if part == "super" {
            at.pop()?;
        } else if modules.contains_key(&child) {
            at = child;
        } else if let Some(known) = modules.get(&at).and_then(|module| module.names.get(part)) {
            let path = [known.as_slice(), &rest[index + 1..]].concat();
            return resolve(modules, &at, &path, depth + 1).or(Some(at));
        } else {
            return Some(at);
        }
    }
    Some(at)
}

/// Returns the groups of modules that use each other in a circle, each with its uses.
fn circles(modules: &BTreeMap<Segments, Module>) -> Vec<Vec<String>> {
    let mut edges: BTreeMap<&Segments, BTreeSet<Segments>> = BTreeMap::new();
    for (at, module) in modules {
        let found = module
            .uses
            .iter()
            .filter_map(|path| resolve(modules, at, path, 0));
        // A module within another names it at will; the way from it to those within counts.
        let others = found.filter(|other| !at.starts_with(other));
        edges.insert(at, others.collect());
    }
    let reached = |from: &Segments| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = open.pop() {
            for next in edges.get(&at).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let all: BTreeMap<&Segments, BTreeSet<Segments>> =
        modules.keys().map(|at| (at, reached(at))).collect();
    let mut groups: BTreeSet<Vec<&Segments>> = BTreeSet::new();
    for (at, reach) in &all {
        if reach.contains(*at) {
            let group = reach.iter().filter(|other| all[other].contains(*at));
            groups.insert(
                group
                    .map(|other| all.get_key_value(other).unwrap().0)
                    .copied()
                    .collect(),
            );
        }
    }
    let uses = |group: &Vec<&Segments>| {
        let within = group.iter().flat_map(|at| {
            let uses = edges[*at].iter().filter(|other| group.contains(other));
            uses.map(|other| format!("{} -> {}", at.join("::"), other.join("::")))
        });
        within.collect()
    };
    groups.iter().map(uses).collect()
}

#[test]
fn files_use_each_other_one_way() {
    let mut modules = BTreeMap::new();
    for (file, code) in sources() {
        let path = file.with_extension("");
        let mut path: Segments = path
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if path
            .last()
            .is_some_and(|last| last == "mod" || last == "lib")
        {
            path.pop();
        }
        modules.insert(path, Module::new(&code));
    }
    assert!(modules.len() > 100);
    let found = circles(&modules);
    assert!(
        found.is_empty(),
        "these files use each other in a circle: {found:#?}"
    );
}

#[test]
fn circles_are_found_through_re_exports_and_inline() {
    let module = |path: &str, code: &str| {
        let path = path.split("::").filter(|part| !part.is_empty());
        (
            path.map(str::to_owned).collect::<Segments>(),
            Module::new(code),
        )
    };
    let modules = |b: &str| {
        BTreeMap::from([
            module("", "mod a;\nmod b;\nmod c;\n"),
            module("a", "mod inner;\npub use inner::A;\n"),
            module(
                "a::inner",
                "use crate::b::{B, Other as Same};\npub struct A;\n",
            ),
            module("b", b),
            module("c", "use super::{a::A, b::B};\n"),
        ])
    };
    for circle in [
        "use crate::a::A;\n",
        "fn f() { super::a::A::new() }\n",
        "use crate::{\n    a::{\n        self,\n        A,\n    },\n};\n",
    ] {
        let found = circles(&modules(circle));
        assert_eq!(
            found,
            [["a::inner -> b", "b -> a::inner"]
                .map(str::to_owned)
                .to_vec()],
            "{circle}"
        );
    }
    let mut through = modules("use crate::a::f;\n");
    through.extend([module(
        "a",
        "mod inner;\nfn f() { inner::g(Same::new()) }\n",
    )]);
    let uses = ["a -> a::inner", "a::inner -> b", "b -> a"];
    assert_eq!(circles(&through), [uses.map(str::to_owned).to_vec()]);
    for none in [
        "pub use crate::a::A;\n",
        "use std::fmt;\n",
        "// crate::a::A\n",
        "",
    ] {
        assert!(circles(&modules(&code(none))).is_empty(), "{none}");
    }
}
