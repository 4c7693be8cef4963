//! Files of published values: comma-separated cells under a header, one line for each result.

use std::borrow::Cow;

/// A file that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct GoldenError {
    /// The name of the file that was read.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
    /// What would be right.
    pub help: String,
}

/// The columns of a file, in any order.
pub(crate) struct Form {
    /// Columns that must be there.
    pub(crate) required: &'static [&'static str],
    /// Columns that may be there.
    pub(crate) optional: &'static [&'static str],
    /// Whether columns of other names are passed over; else they are errors.
    pub(crate) others: bool,
    /// What the lines give, in the plural.
    pub(crate) lines: &'static str,
}

impl Form {
    fn help(&self) -> String {
        let optional = match self.optional {
            [] => String::new(),
            names => format!(" and may name {}", names.join(", ")),
        };
        let required = self.required.join(", ");
        format!(
            "the header names {required}{optional}; one line for each of the {} follows",
            self.lines
        )
    }
}

/// A cell: its text without blanks around it, and where it begins.
pub(crate) struct Field<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Column of its first character in the line, from 1.
    pub(crate) column: usize,
}

/// A file taken apart.
pub(crate) struct Table<'a> {
    file: &'a str,
    head: (usize, Vec<Field<'a>>),
    lines: Vec<(usize, Vec<Field<'a>>)>,
    help: String,
}

/// A line of a [`Table`].
#[derive(Clone, Copy)]
pub(crate) struct Line<'t> {
    file: &'t str,
    heads: &'t [Field<'t>],
    fields: &'t [Field<'t>],
    /// The number of the line in the file, from 1.
    pub(crate) number: usize,
}

impl<'a> Table<'a> {
    /// Takes a file apart.
    ///
    /// # Errors
    /// At the first place that is not of the form.
    pub(crate) fn read(file: &'a str, text: &'a str, form: &Form) -> Result<Self, GoldenError> {
        let error = |line, column, message, help: &str| GoldenError {
            file: file.to_owned(),
            line,
            column,
            message,
            help: help.to_owned(),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = (1..).zip(text.lines());
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let taken_apart = |(number, text): (usize, &'a str)| {
            let fields = fields(text).map_err(|column| {
                let message = "a quoted cell does not end".to_owned();
                let help = "a quote at its end, and then a comma; a quote inside it twice";
                error(number, column, message, help)
            })?;
            Ok((number, fields))
        };
        let help = form.help();
        let Some(head) = lines.next() else {
            return Err(error(1, 1, "the file is empty".into(), &help));
        };
        let head = taken_apart(head)?;
        check_head(&head.1, form)
            .map_err(|(column, message)| error(head.0, column, message, &help))?;
        let lines = lines.map(|line| {
            let (number, fields) = taken_apart(line)?;
            if fields.len() != head.1.len() {
                let message = format!("{} cells under {} heads", fields.len(), head.1.len());
                let help = "one cell under each head; a cell with commas in quotes";
                return Err(error(number, 1, message, help));
            }
            Ok((number, fields))
        });
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            let message = format!("a header and no {}", form.lines);
            return Err(error(head.0, 1, message, &help));
        }
        Ok(Self {
            file,
            head,
            lines,
            help,
        })
    }

    /// Whether a column is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.head.1.iter().any(|head| head.text == name)
    }

    /// The lines in their order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().map(|(number, fields)| Line {
            file: self.file,
            heads: &self.head.1,
            fields,
            number: *number,
        })
    }

    /// The header is not as it should be.
    pub(crate) fn head_error(&self, message: &str) -> GoldenError {
        GoldenError {
            file: self.file.to_owned(),
            line: self.head.0,
            column: 1,
            message: message.to_owned(),
            help: self.help.clone(),
        }
    }
}

impl<'t> Line<'t> {
    /// The cell under a head; `None` where the file has no such column.
    pub(crate) fn get(self, name: &str) -> Option<&'t Field<'t>> {
        let place = self.heads.iter().position(|head| head.text == name)?;
        self.fields.get(place)
    }

    /// The cell under a head that the form requires.
    ///
    /// # Panics
    /// If the form does not.
    pub(crate) fn field(self, name: &str) -> &'t Field<'t> {
        self.get(name).expect("the form requires the column")
    }

    /// The text under a head; nothing where the file has no such column.
    pub(crate) fn text(self, name: &str) -> &'t str {
        self.get(name).map_or("", |field| &field.text)
    }

    /// Column of the cell under a head, from 1: that of the line where there is none.
    pub(crate) fn column(self, name: &str) -> usize {
        self.get(name).map_or(1, |field| field.column)
    }

    /// A cell that is a whole number.
    ///
    /// # Errors
    /// If it is none, or less than `least`.
    pub(crate) fn whole(self, name: &str, least: u64) -> Result<u64, GoldenError> {
        let text = self.text(name);
        let number = text.parse::<u64>().ok();
        number.filter(|&number| number >= least).ok_or_else(|| {
            let message = match text {
                "" => format!("no {name}"),
                text => format!("`{text}` is no {name}"),
            };
            self.at(name, message, format!("a whole number, at least {least}"))
        })
    }

    /// A cell that is a whole number or empty, which stands for `default`, as a column that is not
    /// there does.
    ///
    /// # Errors
    /// If it is neither.
    pub(crate) fn whole_or(self, name: &str, default: u64) -> Result<u64, GoldenError> {
        match self.text(name) {
            "" => Ok(default),
            _ => self.whole(name, 0),
        }
    }

    /// An error at the cell under a head.
    pub(crate) fn at(
        self,
        name: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> GoldenError {
        self.error(self.column(name), message, help)
    }

    /// An error at a column of the line.
    pub(crate) fn error(
        self,
        column: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> GoldenError {
        GoldenError {
            file: self.file.to_owned(),
            line: self.number,
            column,
            message: message.into(),
            help: help.into(),
        }
    }
}

fn check_head(head: &[Field<'_>], form: &Form) -> Result<(), (usize, String)> {
    let known = |name: &str| form.required.contains(&name) || form.optional.contains(&name);
    for (index, field) in head.iter().enumerate() {
        let name: &str = &field.text;
        if !form.others && !known(name) {
            return Err((field.column, format!("a column `{name}` is not known")));
        }
        if known(name) && head[..index].iter().any(|before| before.text == name) {
            return Err((field.column, format!("two columns are called `{name}`")));
        }
    }
    let missing = |name: &&&str| !head.iter().any(|field| field.text == **name);
    match form.required.iter().find(missing) {
        Some(name) => Err((1, format!("there is no column `{name}`"))),
        None => Ok(()),
    }
}

/// The cells of a line. One that begins with a quote ends with one, and may hold commas, and quotes
/// written twice.
///
/// # Errors
/// The column of a quoted cell without an end.
fn fields(line: &str) -> Result<Vec<Field<'_>>, usize> {
    let mut fields = Vec::new();
    let (mut rest, mut start) = (line, 1);
    loop {
        let blank = rest.len() - rest.trim_start().len();
        let column = start + rest[..blank].chars().count();
        let (text, length) = if let Some(inside) = rest[blank..].strip_prefix('"') {
            let (text, length) = quoted(inside).ok_or(column)?;
            (Cow::Owned(text), blank + 1 + length)
        } else {
            let length = rest.find(',').unwrap_or(rest.len());
            (Cow::Borrowed(rest[..length].trim()), length)
        };
        fields.push(Field { text, column });
        start += rest[..length].chars().count() + 1;
        match rest[length..].strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(fields),
        }
    }
}

/// The text of a quoted cell, and the bytes to the comma behind it.
fn quoted(inside: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut from = 0;
    loop {
        let quote = from + inside[from..].find('"')?;
        text.push_str(&inside[from..quote]);
        from = quote + 1;
        if inside[from..].starts_with('"') {
            text.push('"');
            from += 1;
            continue;
        }
        let behind = inside[from..]
            .find(',')
            .map_or(inside.len(), |comma| from + comma);
        return inside[from..behind]
            .trim()
            .is_empty()
            .then_some((text, behind));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: Form = Form {
        required: &["a", "b"],
        optional: &["c"],
        others: false,
        lines: "results",
    };

    #[test]
    fn a_cell_is_found_by_its_head_whatever_the_order() {
        let text = "# what it is\n b ,a\n\n1, \"x, \"\"y\"\"\" \n";
        let table = Table::read("f.csv", text, &FORM).expect("of the form");
        let line = table.lines().next().expect("a line");
        assert_eq!(
            (line.number, line.text("a"), line.text("b")),
            (4, "x, \"y\"", "1")
        );
        assert_eq!(
            (line.column("a"), line.text("c"), line.column("c")),
            (4, "", 1)
        );
    }

    #[test]
    fn a_file_of_another_form_is_refused_at_its_place() {
        for (text, place, words) in [
            ("", "1:1", "empty"),
            ("a,b\n", "1:1", "no results"),
            ("a,c\n1,2\n", "1:1", "no column `b`"),
            ("a,b,d\n1,2,3\n", "1:5", "`d` is not known"),
            ("a,b,a\n1,2,3\n", "1:5", "two columns"),
            ("a,b\n1\n", "2:1", "1 cells under 2 heads"),
            ("a,b\n1,\"2\n", "2:3", "does not end"),
            ("a,b\n\"1\"2,3\n", "2:1", "does not end"),
        ] {
            let error = Table::read("f.csv", text, &FORM)
                .map(|_| ())
                .expect_err(text);
            let shown = error.to_string();
            assert!(
                shown.starts_with(&format!("f.csv:{place}:")),
                "{text}: {shown}"
            );
            assert!(shown.contains(words), "{text}: {shown}");
            assert!(!error.help.is_empty());
        }
    }

    proptest! {
        #[test]
        fn cells_come_back_as_they_were_written(
            cells in prop::collection::vec("[ -~äß€]{0,12}", 1..6),
        ) {
            let written = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            let line = written.collect::<Vec<_>>().join(",");
            let read = fields(&line).expect("every quote ends");
            let texts: Vec<_> = read.iter().map(|field| field.text.to_string()).collect();
            prop_assert_eq!(&texts, &cells);
            for field in read {
                prop_assert_eq!(line.chars().nth(field.column - 1), Some('"'));
            }
        }
    }
}
