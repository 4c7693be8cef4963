//! What if a part of the machine were S times faster? The law's answer, and the machine's.
//!
//! The part is made faster by giving the operators that it serves an array of their own whose clock
//! (or width) is S times what it was. Everything else stays: memory, scratchpads and their ports,
//! the vector unit, the other arrays. So what the law calls "made S times faster" is only the
//! arithmetic, and where the machine falls behind the law, the [`gap`](Gap) tells what held it
//! back.

mod chart;
mod gap;
mod machine;
mod study;
mod words;

use attribution::{OperatorSummary, Summary};
use quantities::Cycles;
use serde::Serialize;
use tile_program::{Class, Family};

pub use chart::figure;
pub use gap::{Gap, Term};
pub use machine::{How, Means, faster, nearest_machine, pe_for};
pub(crate) use study::memory_share;
pub use study::{Answer, ContextPoint, Study, study};
pub use words::words;

/// The part that is made faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Projections: what 1-bit weights reach.
    MatMulFree,
    /// Scores and context.
    Attention,
    /// Both of them.
    Both,
}

impl Part {
    /// All parts, in the order of reports.
    pub const ALL: [Self; 3] = [Self::MatMulFree, Self::Attention, Self::Both];

    /// As reports say.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatMulFree => "MatMul-free",
            Self::Attention => "attention",
            Self::Both => "both",
        }
    }

    /// The operators' families.
    const fn families(self) -> &'static [Family] {
        match self {
            Self::MatMulFree => &[Family::Projection],
            Self::Attention => &[Family::Attention],
            Self::Both => &[Family::Projection, Family::Attention],
        }
    }

    /// Cycles of the makespan that the part holds.
    #[must_use]
    pub fn cycles(self, summary: &Summary) -> Cycles {
        let of = |class| class_cycles(summary, class);
        let attention = || {
            let operators = summary.operators.iter();
            operators
                .filter(|each| Self::Attention.holds(each))
                .map(|each| each.makespan)
                .sum::<Cycles>()
        };
        match self {
            Self::MatMulFree => of(Class::MatMulFree),
            Self::Attention => attention(),
            Self::Both => of(Class::MatMulFree) + attention(),
        }
    }

    /// Whether an operator belongs to the part.
    #[must_use]
    pub fn holds(self, operator: &OperatorSummary) -> bool {
        let free = operator.class == Class::MatMulFree;
        let attention = operator.operator.family() == Some(Family::Attention);
        match self {
            Self::MatMulFree => free,
            Self::Attention => attention,
            Self::Both => free || attention,
        }
    }

    /// The share of a class's cycles that the part holds: all or nothing, but for the LM head in
    /// the class of attention.
    fn share_of(self, class: Class, summary: &Summary) -> f64 {
        let free = matches!(self, Self::MatMulFree | Self::Both);
        let attention = matches!(self, Self::Attention | Self::Both);
        match class {
            Class::MatMulFree if free => 1.0,
            Class::MatMul if attention => {
                let all = class_cycles(summary, class).get();
                let part = Self::Attention.cycles(summary).get();
                part as f64 / all.max(1) as f64
            }
            _ => 0.0,
        }
    }
}

fn class_cycles(summary: &Summary, class: Class) -> Cycles {
    let cells = summary.makespan.iter();
    cells
        .filter(|cell| cell.class == class)
        .map(|cell| cell.cycles)
        .sum()
}

/// The law for a part: F of the makespan, made S times faster.
#[must_use]
pub fn law(part: Part, summary: &Summary) -> attribution::Amdahl {
    attribution::Amdahl {
        reachable: part.cycles(summary),
        total: summary.total,
    }
}
