//! A table of results: written once, shown to people, as CSV and as JSON.

use std::fmt;

use quantities::grouped;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A column of a [`Sheet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in CSV and JSON, with its unit: `total_cycles`.
    pub key: &'static str,
    /// What people read above it.
    pub head: &'static str,
}

/// Columns from pairs of key and head.
pub(crate) fn columns(pairs: &[(&'static str, &'static str)]) -> Vec<Column> {
    let columns = pairs.iter().map(|&(key, head)| Column { key, head });
    columns.collect()
}

/// A cell of a [`Sheet`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text that is not computed.
    Text(String),
    /// A whole number.
    Count(u64),
    /// From 0 to 1; people read a percentage.
    Share(f64),
    /// How many times as much; infinite where there is no limit.
    Factor(f64),
    /// A measured quantity.
    Quantity(f64),
    /// Nothing to say.
    Absent,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// A speedup as it is written: `1.57x`.
#[must_use]
pub fn times(factor: f64) -> String {
    if factor.is_infinite() {
        "∞".into()
    } else if factor >= 100.0 {
        format!("{factor:.0}x")
    } else {
        format!("{factor:.2}x")
    }
}

/// A share as it is written: `36.3 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => grouped(*count),
            Self::Share(share) => percent(*share),
            Self::Factor(factor) => times(*factor),
            Self::Quantity(value) if value.is_infinite() => "∞".into(),
            Self::Quantity(value) if value.abs() >= 1000.0 => grouped(value.abs().round() as u64),
            Self::Quantity(value) if value.abs() >= 100.0 => format!("{value:.1}"),
            Self::Quantity(value) => format!("{value:.2}"),
            Self::Absent => "-".into(),
        };
        f.write_str(&text)
    }
}

impl Value {
    /// As a cell of a CSV file: all digits that there are, no unit.
    fn csv(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Share(value) | Self::Factor(value) | Self::Quantity(value) => {
                format!("{value:.6}")
            }
            Self::Absent => String::new(),
        }
    }

    const fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Share(value) | Self::Factor(value) | Self::Quantity(value) => {
                serializer.serialize_f64(*value)
            }
            Self::Absent => serializer.serialize_unit(),
        }
    }
}

/// Rows under columns. In JSON a list of objects; infinite numbers are `null` there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    /// What the cells of a row are.
    pub columns: Vec<Column>,
    /// As many cells as columns in each.
    pub rows: Vec<Vec<Value>>,
}

impl Sheet {
    /// No rows yet.
    pub(crate) fn new(pairs: &[(&'static str, &'static str)]) -> Self {
        Self {
            columns: columns(pairs),
            rows: Vec::new(),
        }
    }

    /// A row more.
    ///
    /// # Panics
    /// If it has not one cell for each column.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        assert_eq!(row.len(), self.columns.len(), "one cell for each column");
        self.rows.push(row);
    }

    /// What stands above the columns.
    #[must_use]
    pub fn heads(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.head).collect()
    }

    /// All cells as people read them.
    #[must_use]
    pub fn text(&self) -> Vec<Vec<String>> {
        let rows = self.rows.iter();
        rows.map(|row| row.iter().map(ToString::to_string).collect())
            .collect()
    }

    /// The columns that hold numbers.
    #[must_use]
    pub fn numbers(&self) -> Vec<usize> {
        let holds = |column: &usize| {
            let mut cells = self.rows.iter().map(|row| &row[*column]);
            cells.all(Value::is_number)
        };
        (0..self.columns.len()).filter(holds).collect()
    }

    /// As comma-separated values.
    ///
    /// # Panics
    /// Never: writing to memory does not fail, and all rows have a cell for each column.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = self.columns.iter().map(|column| column.key.to_owned());
        let rows = self.rows.iter();
        let rows = rows.map(|row| row.iter().map(Value::csv).collect::<Vec<_>>());
        for record in std::iter::once(head.collect()).chain(rows) {
            writer.write_record(record).expect("a cell for each column");
        }
        let bytes = writer.into_inner().expect("memory takes all bytes");
        String::from_utf8(bytes).expect("made of strings")
    }
}

/// A row with its keys.
struct Row<'a>(&'a [Column], &'a [Value]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(column.key, value)?;
        }
        map.end()
    }
}

impl Serialize for Sheet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in &self.rows {
            rows.serialize_element(&Row(&self.columns, row))?;
        }
        rows.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_shown_to_people_and_machines() {
        let mut sheet = Sheet::new(&[("model", "model"), ("cycles", "cycles"), ("f", "F")]);
        sheet.push(vec!["a, b".into(), 12_345.into(), Value::Share(0.25)]);
        sheet.push(vec![
            "c".into(),
            Value::Absent,
            Value::Factor(f64::INFINITY),
        ]);
        assert_eq!(
            sheet.csv(),
            "model,cycles,f\n\"a, b\",12345,0.250000\nc,,inf\n"
        );
        assert_eq!(sheet.text()[0], ["a, b", "12,345", "25.0 %"]);
        assert_eq!(sheet.text()[1], ["c", "-", "∞"]);
        assert_eq!(sheet.numbers(), [1, 2]);
    }
}
