//! Tables for people.

use std::borrow::Cow;
use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, presets};
use config::printable;

/// Reports are made for terminals at least so wide.
pub(crate) const WIDTH: u16 = 100;

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    holds: Holds,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Words, which stand to the left.
    Words,
    /// Numbers, which stand to the right.
    Numbers,
}

impl Column {
    /// A column of words under a name.
    #[must_use]
    pub fn words(name: impl Into<String>) -> Self {
        let (name, holds) = (name.into(), Holds::Words);
        Self { name, holds }
    }

    /// A column of numbers under a name.
    #[must_use]
    pub fn numbers(name: impl Into<String>) -> Self {
        let (name, holds) = (name.into(), Holds::Numbers);
        Self { name, holds }
    }
}

/// Rows of cells under column names, without borders: columns as wide as their widest cell, two
/// spaces apart. Displayed, it ends with a line end.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows; `numbers` are the places of the columns that hold numbers.
    #[must_use]
    pub fn new(header: &[&str], numbers: &[usize]) -> Self {
        let columns = header.iter().enumerate();
        let columns = columns.map(|(place, &name)| match numbers.contains(&place) {
            true => Column::numbers(name),
            false => Column::words(name),
        });
        Self::of(columns.collect::<Vec<_>>())
    }

    /// A table without rows under these columns.
    #[must_use]
    pub fn of(columns: impl Into<Vec<Column>>) -> Self {
        let (columns, rows) = (columns.into(), Vec::new());
        Self { columns, rows }
    }

    /// A table of these rows under these columns.
    #[must_use]
    pub fn filled(columns: impl Into<Vec<Column>>, rows: Vec<Vec<String>>) -> Self {
        let mut table = Self::of(columns);
        rows.into_iter().for_each(|row| table.row(row));
        table
    }

    /// Adds a row, each cell in one line whatever it holds: characters that steer a terminal become
    /// escapes.
    pub fn row(&mut self, cells: Vec<String>) {
        let shown = |cell: String| match printable(&cell) {
            Cow::Borrowed(_) => cell,
            Cow::Owned(escaped) => escaped,
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
        let header: Vec<_> = self.columns.iter().map(|column| &*column.name).collect();
        let rule = format!("|{}\n", "---|".repeat(header.len()));
        let rows = self.rows.iter();
        let rows = rows.map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
        format!("{}{rule}{}", line(&header), rows.collect::<String>())
    }

    /// The table with what is too wide wrapped inside its column.
    pub(crate) fn wrapped(&self, width: u16) -> String {
        let mut table = self.layout();
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
        lines(&table)
    }

    fn layout(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .force_no_tty()
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.columns.iter().map(|column| &column.name));
        for row in &self.rows {
            table.add_row(row);
        }
        for (column, description) in table.column_iter_mut().zip(&self.columns) {
            column.set_padding((0, 2));
            if description.holds == Holds::Numbers {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lines(&self.layout()))
    }
}

/// The lines of a table, without blanks at their ends.
fn lines(table: &comfy_table::Table) -> String {
    let lines = table.lines();
    lines.fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right() {
        let mut table = Table::new(&["model", "layers"], &[1]);
        table.row(vec!["gpt2".to_owned(), "12".to_owned()]);
        table.row(vec!["llama-65b".to_owned(), "80".to_owned()]);
        assert_eq!(
            table.to_string(),
            "model      layers\ngpt2           12\nllama-65b      80\n"
        );
    }

    #[test]
    fn a_wrapped_table_is_no_wider_than_it_may_be() {
        let mut table = Table::new(&["name", "what"], &[]);
        table.row(vec!["x".repeat(20), "many words ".repeat(30)]);
        assert!(table.wrapped(80).lines().all(|line| line.len() <= 80));
        assert!(table.to_string().lines().any(|line| line.len() > 300));
    }

    #[test]
    fn a_cell_cannot_steer_the_terminal() {
        let mut table = Table::new(&["name"], &[]);
        table.row(vec!["\u{1b}[2Jx\ny".to_owned()]);
        assert_eq!(table.to_string(), "name\n\\u{1b}[2Jx\\ny\n");
    }
}
