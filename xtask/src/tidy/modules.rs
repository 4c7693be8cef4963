//! Source files that no module names: the compiler never sees them, so nothing says that they are
//! dead.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Text;

/// Notes source files under a `src` or `tests` folder that are not reached from the root of a
/// crate, a test, an example or a bench.
pub(super) fn check(files: &[Text], wrong: &mut Vec<String>) {
    let sources: Vec<&Text> = files
        .iter()
        .filter(|file| file.name.ends_with(".rs"))
        .collect();
    let known: BTreeSet<&Path> = sources.iter().map(|file| Path::new(&file.name)).collect();
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<PathBuf> = sources
        .iter()
        .map(|file| PathBuf::from(&file.name))
        .filter(|path| is_root(path))
        .collect();
    while let Some(path) = waiting.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        let Some(text) = sources.iter().find(|file| Path::new(&file.name) == path) else {
            continue;
        };
        for module in modules(&text.text) {
            let candidates = places(&path, module).into_iter();
            waiting.extend(candidates.filter(|place| known.contains(place.as_path())));
        }
    }
    for path in known.into_iter().filter(|path| !reached.contains(*path)) {
        wrong.push(format!("{}: no module names this file", path.display()));
    }
}

/// Whether cargo compiles the file as the root of something.
fn is_root(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let above = path
        .parent()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    let above = above.and_then(|name| name.to_str());
    matches!(name, "lib.rs" | "main.rs" | "build.rs")
        || matches!(folder, Some("examples" | "benches"))
        // A file right in a crate's folder of tests. Shared code lies in folders with a main.rs.
        || (folder == Some("tests") && above != Some("src"))
}

/// The names of the modules that a source declares in files of their own.
fn modules(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let line = match line.strip_prefix("pub(") {
            Some(rest) => rest.split_once(") ")?.1,
            None => line,
        };
        line.strip_prefix("mod ")?.strip_suffix(';')
    })
}

/// The files in which a module that a file declares may lie.
fn places(file: &Path, module: &str) -> [PathBuf; 2] {
    let folder = file.parent().unwrap_or(Path::new(""));
    let stem = file.file_stem().unwrap_or_default();
    let own = is_root(file) || stem == "mod";
    let folder = if own {
        folder.to_path_buf()
    } else {
        folder.join(stem)
    };
    [
        folder.join(format!("{module}.rs")),
        folder.join(module).join("mod.rs"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_module_names_is_found() {
        let file = |name: &str, text: &str| Text {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let files = [
            file("crates/a/src/lib.rs", "mod one;\npub mod two;\n"),
            file("crates/a/src/one.rs", "pub(crate) mod deep;\n"),
            file("crates/a/src/one/deep.rs", ""),
            file("crates/a/src/two/mod.rs", ""),
            file("crates/a/src/dead.rs", ""),
            file("crates/a/tests/whole.rs", "mod support;\n"),
            file("crates/a/tests/support/mod.rs", ""),
        ];
        let mut wrong = Vec::new();
        check(&files, &mut wrong);
        assert_eq!(wrong, ["crates/a/src/dead.rs: no module names this file"]);
    }
}
