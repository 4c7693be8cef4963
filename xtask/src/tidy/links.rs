//! Links and paths of the documents that point to files of the tree.

use std::path::Path;

use super::{FOLDERS, Text};

/// Notes links and pictures in Markdown files whose target is not there.
pub(super) fn check(root: &Path, files: &[Text], wrong: &mut Vec<String>) {
    for file in files.iter().filter(|file| file.name.ends_with(".md")) {
        let folder = root.join(&file.name);
        let folder = folder.parent().unwrap_or(root);
        for (number, line) in prose(&file.text) {
            for target in targets(line) {
                let path = target.split('#').next().unwrap_or_default();
                let elsewhere = target.contains("://") || target.starts_with("mailto:");
                if !elsewhere && !path.is_empty() && !folder.join(path).exists() {
                    wrong.push(format!("{}:{number}: there is no `{target}`", file.name));
                }
            }
        }
    }
}

/// Notes paths in backticks on a page whose files are not there. Only words with a slash that begin
/// with a folder of the project count.
pub(super) fn check_paths(root: &Path, page: &Text, wrong: &mut Vec<String>) {
    for (number, line) in prose(&page.text) {
        for path in line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| is_path(word))
        {
            if !root.join(path).exists() {
                wrong.push(format!("{}:{number}: there is no `{path}`", page.name));
            }
        }
    }
}

fn is_path(word: &str) -> bool {
    let first = word.split('/').next();
    word.contains('/') && !word.contains(' ') && first.is_some_and(|first| FOLDERS.contains(&first))
}

/// The lines of a document outside fenced and indented code, each with its number.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced && !line.starts_with("    ")).then_some((index + 1, line))
    })
}

/// What stands in the round brackets of `[text](target)` and `![text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_prose_are_found_and_those_in_code_are_not() {
        let text = "See [a](b.md#c) and ![d](e.png).\n```\n[x](y)\n```\n    [z](w)\n";
        let found: Vec<_> = prose(text).flat_map(|(_, line)| targets(line)).collect();
        assert_eq!(found, ["b.md#c", "e.png"]);
    }

    #[test]
    fn paths_that_are_not_there_are_found() {
        let page = Text {
            name: "PAGE.md".to_owned(),
            text: "`xtask/src/main.rs`, `xtask/src/gone.rs`, `a/b` and `cargo xtask/x y`\n"
                .to_owned(),
        };
        let mut wrong = Vec::new();
        check_paths(&crate::root(), &page, &mut wrong);
        assert_eq!(wrong, ["PAGE.md:1: there is no `xtask/src/gone.rs`"]);
    }
}
