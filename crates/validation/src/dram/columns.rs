//! The columns of a golden.csv: those that say what to run, and those of results.

use dram::command::Command;
use dram_replicas::driver::{ChannelStatistics, RunStatistics};

/// The columns that say what to run.
pub(super) const ASKED: [&str; 7] = [
    "run_id",
    "config",
    "family",
    "params",
    "n_req",
    "req_bytes",
    "interval",
];

/// A column of results. Times are ticks of the memory's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Column {
    /// Reads among the requests.
    NReads,
    /// Writes among the requests.
    NWrites,
    /// When the last read has returned and the data of the last write have moved.
    Cycles,
    /// When the last read returned.
    LastReadDone,
    /// When the last write command was issued.
    LastWriteCmd,
    /// When the last request was accepted.
    LastAccept,
    /// Mean latency of the reads.
    AvgReadLatency,
    /// The longest latency of a read.
    MaxReadLatency,
    /// Read commands, with or without precharge.
    RdCmds,
    /// Write commands, with or without precharge.
    WrCmds,
    /// Commands that open a row.
    ActCmds,
    /// Precharges of one bank.
    PreCmds,
    /// Precharges of all banks of a rank.
    PreabCmds,
    /// Refreshes of all banks of a rank.
    RefCmds,
    /// Column commands to a row that an earlier one has used since its activate.
    RowHits,
    /// Column commands that were the first after their activate.
    RowMisses,
    /// Reads answered from the queue of writes.
    ReadsForwarded,
    /// Writes that were merged with others.
    WritesNotIssued,
    /// Bytes moved a second, in 1e9.
    BandwidthGbps,
    /// Share of time in which the data buses moved data.
    BusUtil,
    /// Share of the column commands on the busiest channel.
    MaxChShare,
    /// First 16 digits of the SHA-256 of the requests' text.
    TraceSha,
}

impl Column {
    /// The head of the column.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What a golden.csv would hold in this column for a run; `requests_sha` is the SHA-256 of the
    /// requests' text in hexadecimal digits.
    #[must_use]
    pub fn value(self, result: &RunStatistics, requests_sha: &str) -> String {
        let count = |command: Command| result.sum(|channel| channel.count(command));
        let reads = result.sum(ChannelStatistics::reads);
        let writes = result.sum(ChannelStatistics::writes);
        let misses = result.sum(|channel| channel.row_misses);
        match self {
            Self::NReads => result.reads.to_string(),
            Self::NWrites => result.writes.to_string(),
            Self::Cycles => result.cycles.to_string(),
            Self::LastReadDone => latest(result, |channel| channel.last_read_done),
            Self::LastWriteCmd => latest(result, |channel| channel.last_write_command),
            Self::LastAccept => result.last_accept.to_string(),
            Self::AvgReadLatency => {
                let mean = result.mean_read_latency();
                mean.map_or(String::new(), |mean| format!("{mean:.3}"))
            }
            Self::MaxReadLatency => match result.mean_read_latency() {
                Some(_) => latest(result, |channel| Some(channel.latency_max)),
                None => String::new(),
            },
            Self::RdCmds => reads.to_string(),
            Self::WrCmds => writes.to_string(),
            Self::ActCmds => count(Command::Activate).to_string(),
            Self::PreCmds => count(Command::Precharge).to_string(),
            Self::PreabCmds => count(Command::PrechargeAll).to_string(),
            Self::RefCmds => count(Command::RefreshAll).to_string(),
            Self::RowHits => (reads + writes - misses).to_string(),
            Self::RowMisses => misses.to_string(),
            Self::ReadsForwarded => (result.reads - reads).to_string(),
            Self::WritesNotIssued => (result.writes - writes).to_string(),
            Self::BandwidthGbps => format!("{:.4}", result.bandwidth_gbps()),
            Self::BusUtil => format!("{:.4}", result.bus_utilisation()),
            Self::MaxChShare => format!("{:.4}", result.busiest_share()),
            Self::TraceSha => requests_sha.chars().take(16).collect(),
        }
    }
}

/// The greatest number over all channels; nothing where no channel has one.
fn latest(result: &RunStatistics, of: fn(&ChannelStatistics) -> Option<u64>) -> String {
    let greatest = result.channels.iter().filter_map(of).max();
    greatest.map_or(String::new(), |number| number.to_string())
}
