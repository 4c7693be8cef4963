//! Rows that the tool produced, against the laws.

use std::fmt;

use tile_program::Dataflow;

use super::figures::{Figures, Percent, array};
use crate::table::{Form, GoldenError, Line, Table};
use pe_array::{ArrayModel, Convention};

/// The rows that the project ships (`data/scalesim/golden.csv`).
pub const GOLDEN: &str = include_str!("../../data/scalesim/golden.csv");

/// The result of [`compare`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The number of rows compared.
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
    /// The column in which they differ.
    pub column: &'static str,
    /// The figure in the file of the tool.
    pub expected: String,
    /// The figure that our law gives.
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

const FORM: Form = Form {
    required: &COLUMNS,
    optional: &[],
    others: true,
    lines: "rows",
};

/// A cell that is a percentage.
fn percent(line: Line<'_>, column: &str) -> Result<Percent, GoldenError> {
    let text = line.text(column);
    text.parse().map_err(|()| {
        let message = format!("`{text}` is not a percentage");
        line.at(column, message, "a number with up to six decimals")
    })
}

/// Compares every row of a file with the laws: cycles without stalls, mapping efficiency, compute
/// utilisation and SRAM counts of all rows; total and overall utilisation of those that never
/// stall (bandwidth `inf`), to the printed digit.
///
/// # Errors
/// At the first place of the file that is not as it should be: no rows, a missing column, too few
/// cells, text for a number, a dimension of zero.
pub fn compare(file: &str, text: &str) -> Result<Comparison, GoldenError> {
    let table = Table::read(file, text, &FORM)?;
    let mut comparison = Comparison::default();
    for line in table.lines() {
        let differences = row(line)?;
        comparison.rows += 1;
        comparison.exact += usize::from(differences.is_empty());
        comparison.differences.extend(differences);
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

/// A row as it was asked of the tool, and our answer.
struct Asked {
    ours: Figures,
    /// Whether the tool's memories were never in the way.
    never_stalls: bool,
}

fn asked(line: Line<'_>) -> Result<Asked, GoldenError> {
    let name = line.text("dataflow");
    let dataflow = dataflow(name).ok_or_else(|| {
        let message = format!("`{name}` is not a dataflow");
        line.at("dataflow", message, "os, ws or is")
    })?;
    let dimension = |column| line.whole(column, 1);
    let (rows, columns) = (dimension("array_rows")?, dimension("array_cols")?);
    let (m, n, k) = (dimension("M")?, dimension("N")?, dimension("K")?);
    let never_stalls = line.text("bandwidth_words_per_cycle") == "inf";
    if !never_stalls {
        dimension("bandwidth_words_per_cycle")?;
    }
    let model = ArrayModel::new(&array(rows, columns, dataflow, Convention::ScaleSim)).map_err(
        |error| {
            let help = error.help.clone().unwrap_or_default();
            line.at("array_rows", error.to_string(), help)
        },
    )?;
    let ours = Figures::of(&model, m, n, k)
        .map_err(|error| line.at("M", error.to_string(), "a smaller matrix"))?;
    Ok(Asked { ours, never_stalls })
}

fn row(line: Line<'_>) -> Result<Vec<Difference>, GoldenError> {
    let Asked { ours, never_stalls } = asked(line)?;
    let (total, stalls) = (
        line.whole("total_cycles", 0)?,
        line.whole("stall_cycles", 0)?,
    );
    let working = total.checked_sub(stalls).ok_or_else(|| {
        let message = format!("more stalls than the {total} cycles");
        line.at("stall_cycles", message, "at most `total_cycles`")
    })?;
    let mut differences = Differences {
        line: line.number,
        found: Vec::new(),
    };
    differences.compare("total_cycles - stall_cycles", working, ours.total_cycles);
    for (column, found) in [
        ("sram_ifmap_reads", ours.ifmap_reads),
        ("sram_filter_reads", ours.filter_reads),
        ("sram_ofmap_writes", ours.ofmap_writes),
    ] {
        differences.compare(column, line.whole(column, 0)?, found);
    }
    for (column, found) in [
        ("mapping_efficiency", ours.mapping_efficiency),
        ("compute_util", ours.compute_util),
    ] {
        differences.compare(column, percent(line, column)?, found);
    }
    let utilization = percent(line, "utilization")?;
    if never_stalls {
        differences.compare("total_cycles", total, ours.total_cycles);
        differences.compare("utilization", utilization, ours.utilization);
    }
    Ok(differences.found)
}

/// The figures of a row that differ.
struct Differences {
    /// The row's line, from 1.
    line: usize,
    found: Vec<Difference>,
}

impl Differences {
    /// Notes a figure if the file's and ours differ.
    fn compare<T: Copy + PartialEq + fmt::Display>(
        &mut self,
        column: &'static str,
        theirs: T,
        ours: T,
    ) {
        if theirs != ours {
            self.found.push(Difference {
                line: self.line,
                column,
                expected: theirs.to_string(),
                found: ours.to_string(),
            });
        }
    }
}
