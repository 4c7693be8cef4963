//! Why a run ended early.

use event_kernel::RunError;
use tile_program::ScratchpadId;

/// Why a run ended before its program did. All are final.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The clocks of the machine cannot be put on one exact grid.
    #[error(transparent)]
    Clock(#[from] event_kernel::ClockError),
    /// Nothing could happen any more, a limit was reached, or the machine is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The machine came to rest with instructions left.
    #[error("the machine came to rest before its program was complete")]
    Stalled,
    /// A tile that the array cannot take.
    #[error("array {array}: {source}")]
    Array {
        /// The array's name.
        array: String,
        /// What is wrong with the tile.
        source: pe_array::TileError,
    },
    /// The program holds more in a scratchpad than it can.
    #[error("scratchpad {}: {overflow}", .scratchpad.name())]
    Scratchpad {
        /// The scratchpad that cannot hold the claim.
        scratchpad: ScratchpadId,
        /// The bytes claimed, held and available.
        overflow: sram::Overflow,
    },
    /// Less was moved for an operation than its compulsory bytes: a mistake of the compiler or of
    /// the machine, and no result of it can be believed.
    #[error("internal error: {0}")]
    Shortfall(#[from] tile_program::Shortfall),
    /// The run does not end within 2^64 cycles, or moves 2^64 bits through the ports of a
    /// scratchpad.
    #[error("the run takes more than 2^64 cycles, or moves more than 2^64 bits")]
    TooLong,
}
