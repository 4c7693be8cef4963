//! A page of headings, paragraphs, tables and figures, as Markdown and as HTML.

use std::fmt::Write;

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading of a level, from 1.
    Heading(u8, String),
    /// Plain text.
    Paragraph(String),
    /// A header and rows.
    Table(Vec<String>, Vec<Vec<String>>),
    /// Sentences, each an item.
    List(Vec<String>),
    /// A figure: the name of its files without ending, and what it shows.
    Figure(String, String),
}

/// A page, from top to bottom.
#[derive(Clone, Debug, Default)]
pub struct Page(pub Vec<Block>);

impl Page {
    /// A heading.
    pub fn heading(&mut self, level: u8, text: impl Into<String>) {
        self.0.push(Block::Heading(level, text.into()));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.0.push(Block::Paragraph(text.into()));
    }

    /// A table.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        let header = header.iter().map(ToString::to_string).collect();
        self.0.push(Block::Table(header, rows));
    }

    /// Sentences, one a line.
    pub fn list(&mut self, sentences: &[String]) {
        if !sentences.is_empty() {
            self.0.push(Block::List(sentences.to_vec()));
        }
    }

    /// A figure.
    pub fn figure(&mut self, name: impl Into<String>, caption: impl Into<String>) {
        self.0.push(Block::Figure(name.into(), caption.into()));
    }

    /// As Markdown; figures are files beside it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for block in &self.0 {
            match block {
                Block::Heading(level, words) => {
                    text += &"#".repeat(usize::from(*level));
                    text += &format!(" {words}\n\n");
                }
                Block::Paragraph(words) => text += &format!("{words}\n\n"),
                Block::Table(header, rows) => {
                    text += &format!(
                        "| {} |\n|{}\n",
                        header.join(" | "),
                        "---|".repeat(header.len())
                    );
                    for row in rows {
                        text += &format!("| {} |\n", row.join(" | "));
                    }
                    text += "\n";
                }
                Block::List(items) => {
                    text.extend(items.iter().map(|item| format!("* {item}\n")));
                    text += "\n";
                }
                Block::Figure(name, caption) => {
                    text += &format!("![{caption}]({name}.svg)\n\n");
                }
            }
        }
        text
    }

    /// As a page that needs no other file: `svg` gives the text of a figure.
    #[must_use]
    pub fn html<'a>(&self, title: &str, svg: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>\n",
            escaped(title)
        );
        for block in &self.0 {
            match block {
                Block::Heading(level, words) => {
                    let _ = writeln!(text, "<h{level}>{}</h{level}>", escaped(words));
                }
                Block::Paragraph(words) => {
                    let _ = writeln!(text, "<p>{}</p>", escaped(words));
                }
                Block::Table(header, rows) => table(&mut text, header, rows),
                Block::List(items) => {
                    let items = items
                        .iter()
                        .map(|item| format!("<li>{}</li>", escaped(item)));
                    let _ = writeln!(text, "<ul>{}</ul>", items.collect::<String>());
                }
                Block::Figure(name, caption) => {
                    let figure = svg(name).unwrap_or_default();
                    let caption = escaped(caption);
                    let _ = writeln!(
                        text,
                        "<figure>{figure}<figcaption>{caption}</figcaption></figure>"
                    );
                }
            }
        }
        text
    }
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 sans-serif;max-width:1060px;margin:2em auto;padding:0 1em}\
table{border-collapse:collapse;font-size:14px;margin:1em 0;display:block;overflow-x:auto}\
th,td{padding:2px 10px;border-bottom:1px solid #8886;text-align:right;white-space:nowrap}\
th.words,td.words{text-align:left}\
figure{margin:1.5em 0;overflow-x:auto}figure svg{background:#fff;max-width:100%;height:auto}\
figcaption{font-size:14px;opacity:.8}";

fn table(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    // Numbers stand at the right of their column, words at the left.
    let is_number = |cell: &String| {
        let first = cell.chars().next();
        first.is_none_or(|first| first.is_ascii_digit() || "-∞".contains(first))
    };
    let words = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        !cells.all(is_number)
    };
    let line = |cells: &[String], tag: &str| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            let class = if words(column) {
                " class=\"words\""
            } else {
                ""
            };
            format!("<{tag}{class}>{}</{tag}>", escaped(cell))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    *text += "<table>\n";
    *text += &line(header, "th");
    for row in rows {
        *text += &line(row, "td");
    }
    *text += "</table>\n";
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
