//! What main memory spent, from the counts of its commands.

use accelerator::{Machine, Outcome};
use dram::energy::Energy;

/// Energy of the main memories of all simulated chips, in picojoules of floating point, as the
/// tables of `dram` count it. Reports show the total, and the account of a technology takes the
/// energy by command; both are sums of the same figure of each channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DramEnergy {
    /// The energy by command, summed over the channels.
    pub by_command: Energy,
    /// The energy of each channel, summed over the channels. It is `by_command` added up in another
    /// order, and may differ from its total in the last digit.
    pub total_pj: f64,
}

impl DramEnergy {
    /// Of a run; `None` for an ideal memory, and for a standard without a table of its commands'
    /// energies.
    pub(crate) fn of(machine: &Machine, outcome: &Outcome) -> Option<Self> {
        let memory = machine.memory();
        let (device, table) = memory.device().zip(memory.energy())?;
        let seconds = machine.spec().clock.seconds_f64(outcome.total);
        let mut sum = Self::default();
        for channel in &outcome.channels {
            let spent = table.energy(&device.preset, &channel.counters, seconds);
            sum.total_pj += spent.total_pj();
            sum.by_command.activate_pj += spent.activate_pj;
            sum.by_command.read_pj += spent.read_pj;
            sum.by_command.write_pj += spent.write_pj;
            sum.by_command.refresh_pj += spent.refresh_pj;
            sum.by_command.background_pj += spent.background_pj;
        }
        Some(sum)
    }
}
