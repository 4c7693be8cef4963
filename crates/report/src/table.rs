//! Tables.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Reports are made for terminals at least so wide.
pub(crate) const WIDTH: u16 = 100;

/// A column of a [`list`].
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// What stands above it.
    pub name: &'a str,
    /// Whether it holds numbers, which stand to the right.
    pub is_number: bool,
}

impl<'a> Column<'a> {
    /// A column of words.
    #[must_use]
    pub const fn words(name: &'a str) -> Self {
        let is_number = false;
        Self { name, is_number }
    }

    /// A column of numbers.
    #[must_use]
    pub const fn numbers(name: &'a str) -> Self {
        let is_number = true;
        Self { name, is_number }
    }
}

/// A table of rows under column names, without borders, for lists of models, machines and the like.
/// What is too wide for 100 columns is wrapped inside its column. Ends with a line end.
#[must_use]
pub fn list(columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    render(columns, rows, WIDTH)
}

/// A [`list`] so many columns wide.
pub(crate) fn render(columns: &[Column<'_>], rows: &[Vec<String>], width: u16) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .force_no_tty()
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(columns.iter().map(|column| column.name));
    for row in rows {
        table.add_row(row);
    }
    for (column, description) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        if description.is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right() {
        let columns = [Column::words("model"), Column::numbers("layers")];
        let rows = [
            vec!["gpt2".to_owned(), "12".to_owned()],
            vec!["llama-65b".to_owned(), "80".to_owned()],
        ];
        assert_eq!(
            list(&columns, &rows),
            "model      layers\ngpt2           12\nllama-65b      80\n"
        );
    }

    #[test]
    fn a_list_fits_a_hundred_columns() {
        let columns = [Column::words("name"), Column::words("what")];
        let rows = [vec!["x".repeat(20), "many words ".repeat(30)]];
        assert!(list(&columns, &rows).lines().all(|line| line.len() <= 100));
    }
}
