//! Tables for people.

use std::borrow::Cow;
use std::fmt;

use config::printable;

/// A table: columns as wide as their widest cell, two spaces apart, numbers to the right.
pub(crate) struct Table {
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a header; `right` are the columns that hold numbers.
    pub(crate) fn new(header: &[&str], right: &[usize]) -> Self {
        Self::of(
            header.iter().map(ToString::to_string).collect(),
            right.to_vec(),
        )
    }

    /// The same, of words made at run time.
    pub(crate) fn of(header: Vec<String>, right: Vec<usize>) -> Self {
        Self {
            right,
            rows: vec![header],
        }
    }

    /// A row, each cell in one line whatever it holds.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        let shown = |cell: String| match printable(&cell) {
            Cow::Borrowed(_) => cell,
            Cow::Owned(escaped) => escaped,
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let (header, rows) = self.rows.split_first().expect("a table has a header");
        let rule = format!("|{}\n", "---|".repeat(header.len()));
        let rows: String = rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{rows}", line(header))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if self.right.contains(&column) {
                    line += &format!("{cell:>width$}  ");
                } else {
                    line += &format!("{cell:<width$}  ");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

pub(crate) use explore::sheet::grouped;

/// A size in the largest unit that keeps it whole.
pub(crate) fn size(bytes: u64) -> String {
    for (factor, unit) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= factor && bytes.is_multiple_of(factor) {
            return format!("{} {unit}", bytes / factor);
        }
    }
    format!("{bytes} B")
}
