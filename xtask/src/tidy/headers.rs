//! Every crate says what it does not know: a boundary is what is left out.

use std::fs;
use std::path::Path;

/// What a README or the head of a crate says of its boundary.
const BOUNDARY: &str = "not know";

/// Notes crates under `crates/` whose README and head are silent on what the crate does not know.
pub(super) fn check(root: &Path, wrong: &mut Vec<String>) {
    let folders = fs::read_dir(root.join("crates")).into_iter().flatten();
    let mut names: Vec<_> = folders
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .collect();
    names.sort();
    for folder in names {
        let pages = ["README.md", "src/lib.rs", "src/main.rs"];
        let texts = pages.map(|page| fs::read_to_string(folder.join(page)).unwrap_or_default());
        if !texts.iter().any(|text| says_boundary(text)) {
            let name = folder.strip_prefix(root).unwrap_or(&folder).display();
            wrong.push(format!(
                "{name}: neither README.md nor the head of the crate says what it does not know"
            ));
        }
    }
}

/// Whether a page, or the head of a source file, says what its crate does not know. Lines of
/// comments are joined, since the words may stand on two of them.
fn says_boundary(text: &str) -> bool {
    let prose = text.lines().filter(|line| !line.starts_with("use "));
    let words: Vec<&str> = prose
        .flat_map(|line| line.trim_start_matches("//!").split_whitespace())
        .collect();
    words.join(" ").contains(BOUNDARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_found_across_two_lines() {
        assert!(says_boundary(
            "//! A crate.\n//! It does not\n//! know files.\n"
        ));
        assert!(!says_boundary("//! A crate that knows all.\n"));
    }
}
