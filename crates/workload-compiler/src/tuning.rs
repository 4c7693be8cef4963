//! The numbers that decide between schedules and follow from no law.
//!
//! Each was chosen for the reason that stands with it. The README of this crate has a table of what
//! half and twice the number would cost on some of the shipped machines; a test holds the values
//! that the table was measured with.

/// One part in so many of the time that a schedule hides behind its busiest unit is charged
/// nevertheless: the first load, refreshes and turns of the memory's bus are hidden by none.
pub(crate) const HIDDEN_PER_UNHIDDEN: u64 = 16;

/// Two costs are equal if they differ by less than one part in so many: 0.8 % is below what the
/// estimates of time can tell apart, so how well tiles overlap decides.
pub(crate) const COST_PER_TIE: u64 = 128;

/// Of the cycles that other arrays could hide beside attention, one part in so many is charged to a
/// plan that begins them late. How much they do hide is not known when attention is planned: the
/// part is large enough to prefer an early start and too small to outweigh cycles of the arrays.
pub(crate) const HIDEABLE_PER_CHARGE: u64 = 8;

/// With more blocks of queries than this, a further one no longer lowers that charge.
pub(crate) const MOST_EARLY_BLOCKS: u64 = 4;

/// Bytes of a tile of weights that is long enough to stream well and short enough to overlap.
pub(crate) const GOOD_TILE_BYTES: u64 = 64 << 10;

/// A good tile fits a scratchpad so many times: several are under way, and one that is late holds
/// nobody up.
pub(crate) const GOOD_TILES_PER_SCRATCHPAD: u64 = 8;

/// How much worse a byte above the good size is than a byte below it: a tile that is too long
/// delays all that wait for it, a short one costs another request.
pub(crate) const EXCESS_WEIGHT: u64 = 4;

/// Tensors that stay between stages take at most one part in so many of the activation scratchpad:
/// the other half is for what streams.
pub(crate) const ACTIVATIONS_PER_RESIDENT: u64 = 2;

/// New keys and values stay in at most one part in so many of the weight scratchpad, beside the
/// streams of weights.
pub(crate) const WEIGHTS_PER_RESIDENT: u64 = 4;

/// The rows of a prologue's bands take at most one part in so many of the activations' room: two
/// bands are under way beside two blocks.
pub(crate) const ACTIVATIONS_PER_BAND: u64 = 4;

/// A vector stage takes its rows in at least so many bands, so that the next stage begins early.
pub(crate) const BANDS_PER_VECTOR_STAGE: u64 = 8;

/// The parts of the weight scratchpad, in eighths, that are tried for matrices that stay from pass
/// to pass. Each costs a plan of all kinds of passes.
pub(crate) const RESIDENT_EIGHTHS: [u64; 5] = [2, 4, 6, 7, 8];

/// Among choices that take about the same time, as many eighths at most are preferred: the rest is
/// left to the tiles of passes that are longer than the ones compared.
pub(crate) const PREFERRED_EIGHTHS: u64 = 6;

/// A piece of a collective takes at most one part in so many of the activation scratchpad: two
/// pieces are under way, each with what comes to it, beside what stays on chip.
pub(crate) const ACTIVATIONS_PER_PIECE: u64 = 8;

/// Padding between strips takes at most one part in so many of the data.
pub(crate) const BYTES_PER_PADDING: u64 = 8;

/// Of more blocks of queries than this, a sample of as many tells the cost. It bounds the time of
/// planning, which else grows with the square of a prompt.
pub(crate) const SAMPLED_BLOCKS: u64 = 16;

/// Up to so many tiles, the time of several arrays is that of the schedule itself, tile by tile;
/// above, an estimate. It bounds the time of planning.
pub(crate) const MAX_EXACT_SCHEDULE: u64 = 96;

/// So many plans of attention are remembered. Contexts differ from pass to pass, so what was found
/// for one is of no use for long.
pub(crate) const MAX_CACHED_ATTENTIONS: usize = 1024;

/// Above so many credits of a scratchpad, neighbours are joined: a little less freedom to overlap,
/// for bounded memory.
pub(crate) const MAX_CREDITS: usize = 512;

/// Readiness of a tensor is kept for so many bands of its rows at most: bounded memory, and a
/// reader may wait for a few rows more than it needs.
pub(crate) const MAX_READY_BANDS: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes a number measures its row of the table again.
    #[test]
    fn the_table_of_the_readme_was_measured_with_these_numbers() {
        let readme = include_str!("../README.md");
        let numbers = [
            ("HIDDEN_PER_UNHIDDEN", HIDDEN_PER_UNHIDDEN),
            ("COST_PER_TIE", COST_PER_TIE),
            ("HIDEABLE_PER_CHARGE", HIDEABLE_PER_CHARGE),
            ("MOST_EARLY_BLOCKS", MOST_EARLY_BLOCKS),
            ("GOOD_TILE_BYTES", GOOD_TILE_BYTES),
            ("GOOD_TILES_PER_SCRATCHPAD", GOOD_TILES_PER_SCRATCHPAD),
            ("EXCESS_WEIGHT", EXCESS_WEIGHT),
            ("ACTIVATIONS_PER_RESIDENT", ACTIVATIONS_PER_RESIDENT),
            ("WEIGHTS_PER_RESIDENT", WEIGHTS_PER_RESIDENT),
            ("ACTIVATIONS_PER_BAND", ACTIVATIONS_PER_BAND),
            ("BANDS_PER_VECTOR_STAGE", BANDS_PER_VECTOR_STAGE),
            ("PREFERRED_EIGHTHS", PREFERRED_EIGHTHS),
            ("ACTIVATIONS_PER_PIECE", ACTIVATIONS_PER_PIECE),
            ("BYTES_PER_PADDING", BYTES_PER_PADDING),
            ("SAMPLED_BLOCKS", SAMPLED_BLOCKS),
            ("MAX_EXACT_SCHEDULE", MAX_EXACT_SCHEDULE),
            ("MAX_CACHED_ATTENTIONS", MAX_CACHED_ATTENTIONS as u64),
            ("MAX_CREDITS", MAX_CREDITS as u64),
            ("MAX_READY_BANDS", MAX_READY_BANDS),
        ];
        let eighths = RESIDENT_EIGHTHS
            .map(|eighths| eighths.to_string())
            .join(", ");
        let not_varied = format!("| `RESIDENT_EIGHTHS` | {eighths} |");
        assert!(
            readme.contains(&not_varied),
            "no row begins with {not_varied}"
        );
        for (name, value) in numbers {
            let row = format!("| `{name}` | {value} |");
            assert!(readme.contains(&row), "no row begins with {row}");
        }
    }
}
