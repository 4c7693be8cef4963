//! Comments: their width, which rustfmt leaves alone, and documentation that says nothing.

use super::Text;

/// Longer lines of comments are not read beside others on a screen.
const MOST_COLUMNS: usize = 100;

/// Documentation of fewer words says no more than the name of the thing does.
const FEWEST_WORDS: usize = 3;

/// Notes comments that are too wide, and documentation of one or two words.
pub(super) fn check(file: &Text, wrong: &mut Vec<String>) {
    if !file.name.ends_with(".rs") {
        return;
    }
    let mut block: Option<Block> = None;
    for (index, line) in file.text.lines().enumerate() {
        let line_number = index + 1;
        let comment = line.trim_start();
        if is_too_wide(line, comment) {
            wrong.push(format!(
                "{}:{line_number}: a comment of more than {MOST_COLUMNS} columns",
                file.name
            ));
        }
        match (comment.strip_prefix("///"), &mut block) {
            (Some(text), Some(block)) => block.words += text.split_whitespace().count(),
            (Some(text), None) => {
                block = Some(Block {
                    line_number,
                    words: text.split_whitespace().count(),
                });
            }
            (None, _) => {
                let ended = block.take().filter(|block| block.words < FEWEST_WORDS);
                wrong.extend(ended.map(|block| {
                    let Block { line_number, .. } = block;
                    let name = &file.name;
                    format!("{name}:{line_number}: documentation of one or two words: say what the thing is")
                }));
            }
        }
    }
}

/// A run of lines of documentation.
struct Block {
    /// The number of its first line in the file, from one.
    line_number: usize,
    /// The number of words in all of its lines.
    words: usize,
}

/// Whether a line is a comment that could be wrapped and is not. A row of a table and a long link
/// cannot be.
fn is_too_wide(line: &str, comment: &str) -> bool {
    let is_comment = comment.starts_with("//");
    let is_row = comment.trim_start_matches(['/', '!', ' ']).starts_with('|');
    is_comment && !is_row && !comment.contains("](") && line.chars().count() > MOST_COLUMNS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_comments_and_documentation_of_a_word_are_found() {
        let wide = format!("    // {}\n", "word ".repeat(20));
        let table = format!("//! | {} |\n", "cell ".repeat(30));
        let text = format!(
            "{table}/// Which.\nfn a() {{}}\n/// The rows of an array.\nfn b() {{}}\n{wide}"
        );
        let name = "a.rs".to_owned();
        let mut wrong = Vec::new();
        check(&Text { name, text }, &mut wrong);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong[0].starts_with("a.rs:2:"), "{wrong:?}");
        assert!(wrong[1].starts_with("a.rs:6:"), "{wrong:?}");
    }
}
