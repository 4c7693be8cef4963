//! What a trace holds, and what it left out.

use std::fmt;

/// What a trace holds, and what it left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceSummary {
    /// Events in all, metadata included.
    pub events: u64,
    /// The number of slices, each a span of time on a track.
    pub slices: u64,
    /// Of the slices, those that stand for a tile: an instruction of a unit.
    pub tiles: u64,
    /// Tiles that took no whole cycle of the reference clock, as on an array with a faster clock:
    /// they have no slice.
    pub tiles_without_length: u64,
    /// The number of arrows from one slice to another.
    pub flows: u64,
    /// Samples of counters.
    pub counter_samples: u64,
    /// Slices on the track `left out`, each a stretch of the run without one kind of detail.
    pub stretches_without_detail: u64,
    /// What is missing because the event budget did not suffice.
    pub left_out: LeftOut,
}

/// How many spans are not in a trace, because the event budget did not suffice. What lies outside
/// the window of the trace is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of passes.
    pub passes: u64,
    /// Stretches of operations on units.
    pub operations: u64,
    /// Tiles: instructions of units. Their phases are missing too, and are not counted again.
    pub tiles: u64,
    /// Waits of units for others.
    pub waits: u64,
    /// Tiles that are recorded, but without their phases or without the last of them.
    pub phases_of_tiles: u64,
}

impl LeftOut {
    /// Whether the trace is complete: it holds all that happened in its window.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A sentence without its end: `480,211 events; left out: 12 waits, the phases of 7 of 90 tiles`.
impl fmt::Display for TraceSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events", Grouped(self.events))?;
        let LeftOut {
            passes,
            operations,
            tiles,
            waits,
            phases_of_tiles,
        } = self.left_out;
        let mut separator = "; left out: ";
        let counts = [
            (passes, "passes"),
            (operations, "operations"),
            (tiles, "tiles"),
            (waits, "waits"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{} {what}", Grouped(count))?;
            separator = ", ";
        }
        if phases_of_tiles > 0 {
            let (without, all) = (Grouped(phases_of_tiles), Grouped(self.tiles));
            write!(f, "{separator}the phases of {without} of {all} tiles")?;
        }
        Ok(())
    }
}

/// A number with commas between thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (thousands, rest) = (self.0 / 1000, self.0 % 1000);
        if thousands == 0 {
            return write!(f, "{rest}");
        }
        write!(f, "{},{rest:03}", Self(thousands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_a_sentence() {
        let mut summary = TraceSummary {
            events: 1_000_234,
            tiles: 43_436,
            ..TraceSummary::default()
        };
        assert_eq!(summary.to_string(), "1,000,234 events");
        summary.left_out.phases_of_tiles = 30_123;
        let phases = "1,000,234 events; left out: the phases of 30,123 of 43,436 tiles";
        assert_eq!(summary.to_string(), phases);
        summary.left_out.tiles = 999;
        summary.left_out.waits = 1;
        let all =
            "1,000,234 events; left out: 999 tiles, 1 waits, the phases of 30,123 of 43,436 tiles";
        assert_eq!(summary.to_string(), all);
    }
}
