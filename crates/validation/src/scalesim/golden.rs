//! Rows that the tool produced, against the laws.

use std::fmt;

use tile_program::Dataflow;

use super::figures::{Figures, Percent, array};
use super::read::{ReadError, dimension, fields, lines, number};
use crate::{ArrayModel, Convention};

/// The rows that the project ships (`tests/reference/scalesim/golden.csv`).
pub const GOLDEN: &str = include_str!("../../../../tests/reference/scalesim/golden.csv");

/// The result of [`compare`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows compared.
    pub rows: usize,
    /// Rows without a difference.
    pub exact: usize,
    /// Every figure that differs.
    pub differences: Vec<Difference>,
}

/// A figure that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Line of the file, from one.
    pub line: usize,
    /// Which figure.
    pub column: &'static str,
    /// The file's.
    pub expected: String,
    /// Ours.
    pub found: String,
}

impl Comparison {
    /// Whether there were rows, and each was exact.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.rows > 0 && self.exact == self.rows
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "{difference}")?;
        }
        write!(f, "{} of {} rows exact", self.exact, self.rows)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            expected,
            found,
        } = self;
        write!(
            f,
            "line {line}, {column}: the file says {expected}, the law {found}"
        )
    }
}

const COLUMNS: [&str; 15] = [
    "dataflow",
    "array_rows",
    "array_cols",
    "bandwidth_words_per_cycle",
    "M",
    "N",
    "K",
    "total_cycles",
    "stall_cycles",
    "utilization",
    "mapping_efficiency",
    "compute_util",
    "sram_ifmap_reads",
    "sram_filter_reads",
    "sram_ofmap_writes",
];

/// One line, each column of [`COLUMNS`] by name.
struct Line<'a> {
    number: usize,
    fields: [&'a str; COLUMNS.len()],
}

impl<'a> Line<'a> {
    fn text(&self, column: &str) -> &'a str {
        let place = COLUMNS.iter().position(|name| *name == column);
        self.fields[place.expect("a column of the list above")]
    }

    fn count(&self, column: &str) -> Result<u64, ReadError> {
        number(self.number, column, self.text(column))
    }

    fn dimension(&self, column: &str) -> Result<u64, ReadError> {
        dimension(self.number, column, self.text(column))
    }

    fn percent(&self, column: &str) -> Result<Percent, ReadError> {
        let text = self.text(column);
        text.parse().map_err(|()| {
            ReadError::at(self.number, format!("`{text}` is not a percentage"))
                .column(column)
                .help("a number with up to six decimals")
        })
    }
}

/// Compares every row of a file with the laws: cycles without stalls, mapping efficiency, compute
/// utilisation and SRAM counts of all rows; total and overall utilisation of those that never
/// stall (bandwidth `inf`), to the printed digit.
///
/// # Errors
/// The first thing in the file that cannot be read, by line and column: no rows, a missing column,
/// too few fields, text for a number, a dimension of zero.
pub fn compare(text: &str) -> Result<Comparison, ReadError> {
    let mut lines = lines(text);
    let (_, header) = lines
        .next()
        .ok_or_else(|| ReadError::file("the file is empty").help(COLUMNS.join(", ")))?;
    // Files whose lines all end with a comma are read as well.
    let closed = header.ends_with(',');
    let header = fields(header);
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        *place = header
            .iter()
            .position(|name| *name == column)
            .ok_or_else(|| ReadError::at(1, "the column is missing").column(column))?;
    }
    let mut comparison = Comparison::default();
    for (number, line) in lines {
        let line = if closed {
            line.strip_suffix(',').unwrap_or(line)
        } else {
            line
        };
        let found: Vec<&str> = line.split(',').map(str::trim).collect();
        if found.len() != header.len() {
            let message = format!("{} fields, the header has {}", found.len(), header.len());
            return Err(ReadError::at(number, message));
        }
        let line = Line {
            number,
            fields: places.map(|place| found[place]),
        };
        let differences = row(&line)?;
        comparison.rows += 1;
        comparison.exact += usize::from(differences.is_empty());
        comparison.differences.extend(differences);
    }
    if comparison.rows == 0 {
        return Err(ReadError::file("the file holds a header and no rows"));
    }
    Ok(comparison)
}

/// The dataflow by the tool's name.
pub(crate) fn dataflow(name: &str) -> Option<Dataflow> {
    match name {
        "os" => Some(Dataflow::OutputStationary),
        "ws" => Some(Dataflow::WeightStationary),
        "is" => Some(Dataflow::InputStationary),
        _ => None,
    }
}

fn row(line: &Line<'_>) -> Result<Vec<Difference>, ReadError> {
    let name = line.text("dataflow");
    let dataflow = dataflow(name).ok_or_else(|| {
        ReadError::at(line.number, format!("`{name}` is not a dataflow"))
            .column("dataflow")
            .help("os, ws or is")
    })?;
    let (rows, columns) = (line.dimension("array_rows")?, line.dimension("array_cols")?);
    let [m, n, k] = ["M", "N", "K"].map(|column| line.dimension(column));
    let (m, n, k) = (m?, n?, k?);
    let bandwidth = line.text("bandwidth_words_per_cycle");
    let never_stalls = bandwidth == "inf";
    if !never_stalls {
        dimension(line.number, "bandwidth_words_per_cycle", bandwidth)?;
    }
    let model = ArrayModel::new(&array(rows, columns, dataflow, Convention::ScaleSim))
        .map_err(|error| ReadError::at(line.number, error))?;
    let ours = Figures::of(&model, m, n, k).map_err(|error| ReadError::at(line.number, error))?;

    let (total, stalls) = (line.count("total_cycles")?, line.count("stall_cycles")?);
    let working = total.checked_sub(stalls).ok_or_else(|| {
        ReadError::at(line.number, format!("more stalls than the {total} cycles"))
            .column("stall_cycles")
    })?;
    let mut differences = Vec::new();
    let mut differ = |column, expected: String, found: String| {
        if expected != found {
            differences.push(Difference {
                line: line.number,
                column,
                expected,
                found,
            });
        }
    };
    differ(
        "total_cycles - stall_cycles",
        working.to_string(),
        ours.total_cycles.to_string(),
    );
    for (column, found) in [
        ("sram_ifmap_reads", ours.ifmap_reads),
        ("sram_filter_reads", ours.filter_reads),
        ("sram_ofmap_writes", ours.ofmap_writes),
    ] {
        differ(column, line.count(column)?.to_string(), found.to_string());
    }
    for (column, found) in [
        ("mapping_efficiency", ours.mapping_efficiency),
        ("compute_util", ours.compute_util),
    ] {
        differ(column, line.percent(column)?.to_string(), found.to_string());
    }
    let utilization = line.percent("utilization")?;
    if never_stalls {
        differ(
            "total_cycles",
            total.to_string(),
            ours.total_cycles.to_string(),
        );
        differ(
            "utilization",
            utilization.to_string(),
            ours.utilization.to_string(),
        );
    }
    Ok(differences)
}
