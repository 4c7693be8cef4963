//! Which crate may depend on which: the list in ARCHITECTURE.md, held against the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Opens the list in ARCHITECTURE.md; a line of three backticks closes it.
const OPENING: &str = "```text crates-and-what-they-stand-on";

/// For each crate (or module), the others that it stands on.
pub(super) type Edges = BTreeMap<String, BTreeSet<String>>;

/// Compares the list with what the manifests say, and notes every difference. Dependencies of tests
/// alone are left out: a test may look at a crate from above.
pub(super) fn check(root: &Path, wrong: &mut Vec<String>) {
    let document = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap_or_default();
    let Some(allowed) = listed(&document, OPENING) else {
        wrong.push(format!("ARCHITECTURE.md: no list opened by `{OPENING}`"));
        return;
    };
    compare(&allowed, &manifests(root), wrong);
}

fn compare(allowed: &Edges, found: &Edges, wrong: &mut Vec<String>) {
    for (name, dependencies) in found {
        let Some(listed) = allowed.get(name) else {
            wrong.push(format!("ARCHITECTURE.md: the crate `{name}` is not listed"));
            continue;
        };
        for more in dependencies.difference(listed) {
            wrong.push(format!(
                "crates/{name}/Cargo.toml: `{name}` may not depend on `{more}`: ARCHITECTURE.md lists what it stands on"
            ));
        }
        for fewer in listed.difference(dependencies) {
            wrong.push(format!(
                "ARCHITECTURE.md: `{name}` no longer depends on `{fewer}`"
            ));
        }
    }
    for gone in allowed.keys().filter(|name| !found.contains_key(*name)) {
        wrong.push(format!("ARCHITECTURE.md: there is no crate `{gone}`"));
    }
}

/// The list of a document behind a line that opens it: an entry a line, `name: other, other`.
pub(super) fn listed(document: &str, opening: &str) -> Option<Edges> {
    let mut lines = document.lines().skip_while(|line| *line != opening);
    lines.next()?;
    let entries = lines.take_while(|line| *line != "```");
    Some(
        entries
            .filter_map(|line| line.split_once(':'))
            .map(|(name, others)| {
                let others = others.split(',').map(str::trim);
                let others = others.filter(|other| !other.is_empty());
                (name.trim().to_owned(), others.map(str::to_owned).collect())
            })
            .collect(),
    )
}

/// What the manifests under `crates/` say.
fn manifests(root: &Path) -> Edges {
    let folders = fs::read_dir(root.join("crates")).into_iter().flatten();
    let names: BTreeSet<String> = folders
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| root.join("crates").join(name).join("Cargo.toml").is_file())
        .collect();
    let edges = names.iter().map(|name| {
        let manifest = root.join("crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(manifest).unwrap_or_default();
        let used = dependencies(&text).filter(|used| names.contains(*used));
        (name.clone(), used.map(str::to_owned).collect())
    });
    edges.collect()
}

/// The names under `[dependencies]` of a manifest. Manifests here write one dependency a line, so
/// no reader of TOML is needed.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
            return None;
        }
        let end = line.find(['.', ' ', '='])?;
        inside.then_some(&line[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_between_list_and_manifests_is_named() {
        let document = format!("# x\n{OPENING}\na:\nb: a\nc: a, b\ngone: a\n```\n");
        let allowed = listed(&document, OPENING).expect("a list");
        let edge = |name: &str, others: &[&str]| {
            let others = others.iter().map(|other| (*other).to_owned());
            (name.to_owned(), others.collect())
        };
        let found = Edges::from([
            edge("a", &["b"]),
            edge("b", &["a"]),
            edge("c", &["a"]),
            edge("d", &[]),
        ]);
        let mut wrong = Vec::new();
        compare(&allowed, &found, &mut wrong);
        assert_eq!(wrong.len(), 4, "{wrong:#?}");
    }

    #[test]
    fn dependencies_of_tests_and_dotted_keys_are_told_apart() {
        let manifest = "[dependencies]\nserde.workspace = true\ndram = { path = \"..\" }\n\n[dev-dependencies]\nproptest.workspace = true\n";
        let names: Vec<_> = dependencies(manifest).collect();
        assert_eq!(names, ["serde", "dram"]);
    }
}
