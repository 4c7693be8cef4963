//! What a linter does not know of: which crate and module may depend on which, files that nothing
//! compiles, links of the documents, the length of files, headers, words that do not belong.

mod edges;
mod headers;
mod links;
mod modules;
mod prose;
mod rooms;

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files hold more than one idea.
const MOST_LINES: usize = 600;

/// Folders of the project that hold text written by hand.
const FOLDERS: [&str; 7] = [
    "crates",
    "hw-configs",
    "workloads",
    "tests",
    "xtask",
    ".ci",
    ".cargo",
];

/// Pages and manifests at the root.
const PAGES: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "traces/README.md",
    "Cargo.toml",
    "deny.toml",
];

/// Endings of text files.
const TEXT: [&str; 8] = ["rs", "ron", "md", "toml", "sv", "py", "sh", "run"];

/// A text file of the tree.
struct Text {
    /// Its path from the root of the workspace.
    name: String,
    text: String,
}

/// Checks the tree; all that is wrong stands in the error.
pub(crate) fn tidy(root: &Path) -> Result<(), String> {
    let files = texts(root);
    let mut wrong = Vec::new();
    for file in &files {
        check(&file.name, &file.text, &mut wrong);
        prose::check(file, &mut wrong);
    }
    edges::check(root, &mut wrong);
    modules::check(&files, &mut wrong);
    rooms::check(&files, &mut wrong);
    links::check(root, &files, &mut wrong);
    headers::check(root, &mut wrong);
    for page in files.iter().filter(|file| file.name == "CONTRIBUTING.md") {
        links::check_paths(root, page, &mut wrong);
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("the tree is not tidy\n{}", wrong.join("\n")))
    }
}

/// All text files that are written by hand.
fn texts(root: &Path) -> Vec<Text> {
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root).unwrap_or(&path).display();
        Some(Text {
            name: name.to_string(),
            text: fs::read_to_string(&path).ok()?,
        })
    };
    files(root).into_iter().filter_map(read).collect()
}

/// The files of the project that are written by hand.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut paths);
    }
    for name in PAGES {
        paths.push(root.join(name));
    }
    paths
}

/// Folders of what is built or installed.
const BUILT: [&str; 2] = ["target", "node_modules"];

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !BUILT.iter().any(|built| path.ends_with(built)) {
                collect(&path, files);
            }
        } else if path
            .extension()
            .or_else(|| path.file_name())
            .is_some_and(|ending| TEXT.iter().any(|text| ending == *text))
        {
            files.push(path);
        }
    }
}

fn check(name: &str, text: &str, wrong: &mut Vec<String>) {
    let lines = text.lines().count();
    let source = name.ends_with(".rs");
    if source && lines > MOST_LINES {
        wrong.push(format!("{name}: {lines} lines; at most {MOST_LINES}"));
    }
    if source && name.ends_with("src/lib.rs") && !text.starts_with("//!") {
        wrong.push(format!(
            "{name}: a crate opens with what a reader must know"
        ));
    }
    // Put together here, so that this file does not hold them.
    let home = ["/ho", "me/"].concat();
    let unfinished = ["TO", "DO"].concat();
    let ignored = ["#[ign", "ore"].concat();
    for (number, line) in text.lines().enumerate() {
        for (word, why) in [
            (&home, "a path of one machine"),
            (&unfinished, "do it, or write down why not"),
            (&ignored, "a test that is not run guarantees nothing"),
        ] {
            if line.contains(word.as_str()) {
                wrong.push(format!("{name}:{}: `{word}`: {why}", number + 1));
            }
        }
        if line.ends_with([' ', '\t']) && !name.ends_with(".md") {
            wrong.push(format!("{name}:{}: space at the end", number + 1));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        wrong.push(format!("{name}: no newline at the end"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        tidy(&crate::root()).unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    #[test]
    fn what_is_untidy_is_found() {
        let mut wrong = Vec::new();
        check("crates/x/src/lib.rs", "fn main() {} \n", &mut wrong);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        let long = "//\n".repeat(MOST_LINES + 1);
        check("a.rs", &long, &mut wrong);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
    }
}
