//! What LPDDR5 does in two steps: an activate in two halves, and a data clock that a CAS starts.
//!
//! While the second half of an activate is owed, no other activate begins. It goes when nothing
//! else can, and before all else once it is due. A column command that finds the data clock
//! standing lets a CAS go in its place; the next command is then its own, whatever else could go.
//! Where that would take the last tick for a second half, the half goes instead of the CAS.

use dram::Direction;
use dram::command::Command;

use super::{Buffer, Channel};

/// What is owed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TwoStep {
    /// The last tick for the second half of an activate.
    pub(super) deadline: Option<u64>,
    /// The request whose column command follows the last CAS: its buffer and place there.
    pub(super) column: Option<(Buffer, usize)>,
}

impl TwoStep {
    /// Whether a CAS and its column command would take the last tick for a second half.
    pub(super) fn leaves_no_room(&self, command: Command, tick: u64) -> bool {
        matches!(command, Command::CasRead | Command::CasWrite)
            && self.deadline.is_some_and(|deadline| deadline <= tick + 1)
    }
}

impl Channel {
    /// Issues what is owed before all else, if anything is; or tells when that can go.
    pub(super) fn issue_owed(&mut self, tick: u64) -> Option<Result<(), u64>> {
        if let Some((buffer, index)) = self.two_step.column {
            let entry = self.buffer(buffer)[index];
            let command = match entry.direction {
                Direction::Read => Command::Read,
                Direction::Write => Command::Write,
            };
            let at = self.earliest(command, entry.unit, entry.bank, tick);
            if at > tick {
                return Some(Err(at));
            }
            self.two_step.column = None;
            self.issue(buffer, index, command, tick);
            return Some(Ok(()));
        }
        let due = self.two_step.deadline.is_some_and(|last| last <= tick);
        due.then(|| {
            self.issue_second_half(tick);
            Ok(())
        })
    }

    /// Issues the second half of the activate that owes it.
    pub(super) fn issue_second_half(&mut self, tick: u64) {
        let owes = |entry: &super::Entry| self.units[entry.unit].banks[entry.bank].half_open;
        if let Some(index) = self.active.iter().position(owes) {
            self.issue(Buffer::Active, index, Command::Activate2, tick);
        }
    }
}
