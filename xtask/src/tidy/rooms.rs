//! Which module of a crate may depend on which: the list in the crate's README, held against its
//! sources.

use std::collections::BTreeSet;
use std::path::Path;

use super::Text;
use super::edges::{Edges, listed};

/// Opens the list in a README; a line of three backticks closes it.
const OPENING: &str = "```text modules-and-what-they-stand-on";

/// Compares the list of each README that has one with what the crate's sources say, and notes every
/// difference. Tests inside sources are left out: a test may look at a module from above.
pub(super) fn check(files: &[Text], wrong: &mut Vec<String>) {
    for page in files {
        let Some(allowed) = listed(&page.text, OPENING) else {
            continue;
        };
        let folder = Path::new(&page.name).parent().unwrap_or(Path::new(""));
        compare(&page.name, &allowed, &sources(files, folder), wrong);
    }
}

fn compare(page: &str, allowed: &Edges, found: &Edges, wrong: &mut Vec<String>) {
    for (module, used) in found {
        let Some(listed) = allowed.get(module) else {
            wrong.push(format!("{page}: the module `{module}` is not listed"));
            continue;
        };
        for more in used.difference(listed) {
            wrong.push(format!("{page}: `{module}` may not depend on `{more}`"));
        }
        for fewer in listed.difference(used) {
            wrong.push(format!("{page}: `{module}` does not depend on `{fewer}`"));
        }
    }
    for gone in allowed.keys().filter(|name| !found.contains_key(*name)) {
        wrong.push(format!("{page}: there is no module `{gone}`"));
    }
}

/// For each module at the root of a crate, the other ones that its sources name.
fn sources(files: &[Text], folder: &Path) -> Edges {
    let mut found = Edges::new();
    for file in files {
        let Some(module) = module_of(Path::new(&file.name), folder) else {
            continue;
        };
        let used: BTreeSet<String> = named(&file.text)
            .filter(|name| **name != *module)
            .map(str::to_owned)
            .collect();
        found.entry(module).or_default().extend(used);
    }
    found
}

/// The module at the root of a crate that a source belongs to; `None` of the root itself.
fn module_of(file: &Path, folder: &Path) -> Option<String> {
    let inside = file.strip_prefix(folder.join("src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib" && module != "main").then(|| module.to_owned())
}

/// What stands behind `crate::` in a source, up to its tests.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let body = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    body.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_between_list_and_sources_is_named() {
        let file = |name: &str, text: &str| Text {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let readme = format!("{OPENING}\nlow:\nmiddle: low\nhigh: low, middle\ngone:\n```\n");
        let files = [
            file("crates/a/README.md", &readme),
            file("crates/a/src/lib.rs", "mod low;\n"),
            file("crates/a/src/low.rs", "use crate::high::Up;\n"),
            file("crates/a/src/middle/mod.rs", "use crate::middle::own;\n"),
            file(
                "crates/a/src/middle/own.rs",
                "use crate::low;\n\n#[cfg(test)]\nmod tests {\n    use crate::high;\n}\n",
            ),
            file("crates/a/src/high.rs", "use crate::low;\n"),
            file("crates/a/src/new.rs", ""),
            file("crates/b/src/low.rs", "use crate::high;\n"),
        ];
        let mut wrong = Vec::new();
        check(&files, &mut wrong);
        assert_eq!(
            wrong,
            [
                "crates/a/README.md: `high` does not depend on `middle`",
                "crates/a/README.md: `low` may not depend on `high`",
                "crates/a/README.md: the module `new` is not listed",
                "crates/a/README.md: there is no module `gone`",
            ]
        );
    }
}
