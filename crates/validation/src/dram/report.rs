//! What a comparison found, row by row and command by command.

use std::fmt;

/// A figure that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The head of its column.
    pub column: &'static str,
    /// As the golden file has it.
    pub theirs: String,
    /// As our run has it.
    pub ours: String,
}

/// A run compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowReport {
    /// The run's name in the golden file.
    pub run: String,
    /// The name of its configuration.
    pub config: String,
    /// The family of its requests.
    pub family: String,
    /// The figures that differ.
    pub differences: Vec<Difference>,
}

/// The first command that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandDifference {
    /// The command's number in the trace, from 1.
    pub number: usize,
    /// Its line in the golden trace.
    pub theirs: String,
    /// Its line in ours.
    pub ours: String,
}

/// A command trace compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceReport {
    /// The golden trace's file.
    pub file: String,
    /// How many commands the golden trace holds.
    pub commands: usize,
    /// The first command that differs; `None` where the traces are identical.
    pub first_difference: Option<CommandDifference>,
}

/// A set of golden results compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Every row, in the order of the tables.
    pub rows: Vec<RowReport>,
    /// Every command trace.
    pub traces: Vec<TraceReport>,
    /// Columns of results that golden.csv lacks: nothing of them is compared.
    pub missing: Vec<&'static str>,
}

impl Report {
    /// How many rows are equal in every column that is compared.
    fn exact_rows(&self) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| row.differences.is_empty()).count()
    }

    /// How many command traces are identical.
    fn identical_traces(&self) -> usize {
        let traces = self.traces.iter();
        traces
            .filter(|trace| trace.first_difference.is_none())
            .count()
    }

    /// Whether every row and trace is equal.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.exact_rows() == self.rows.len() && self.identical_traces() == self.traces.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.rows.iter().filter(|row| !row.differences.is_empty()) {
            write!(f, "{} {} {}: DIFFERS:", row.run, row.config, row.family)?;
            for one in &row.differences {
                write!(f, " {} {} -> {};", one.column, one.theirs, one.ours)?;
            }
            writeln!(f)?;
        }
        for trace in &self.traces {
            if let Some(first) = &trace.first_difference {
                writeln!(
                    f,
                    "{}: command {} DIFFERS: theirs `{}`, ours `{}`",
                    trace.file, first.number, first.theirs, first.ours
                )?;
            }
        }
        if !self.missing.is_empty() {
            let missing = self.missing.join(", ");
            writeln!(f, "not in golden.csv, so not compared: {missing}")?;
        }
        write!(
            f,
            "{} of {} rows exact, {} of {} command traces identical",
            self.exact_rows(),
            self.rows.len(),
            self.identical_traces(),
            self.traces.len()
        )
    }
}
