//! A page of headings, paragraphs, tables and figures, and the page as Markdown.

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Block {
    /// A heading of a level, from 1 to 3.
    Heading(u8, String),
    /// A paragraph of plain text.
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
    /// Adds a heading of a level from 1 to 3.
    pub fn heading(&mut self, level: u8, text: impl Into<String>) {
        self.0.push(Block::Heading(level, text.into()));
    }

    /// Adds a paragraph of plain text.
    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.0.push(Block::Paragraph(text.into()));
    }

    /// Adds a table with its header.
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

    /// Adds a figure by the name of its file.
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
}
