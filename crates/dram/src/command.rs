//! The commands of a DRAM device, under the names that traces and standard tables use.

use std::fmt;

use serde::Deserialize;

/// A command on a channel's command bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[repr(u8)]
pub enum Command {
    /// Opens a row of a bank (LPDDR5: `ACT1`).
    #[serde(rename = "ACT")]
    Activate,
    /// Closes the open row of a bank.
    #[serde(rename = "PRE")]
    Precharge,
    /// Closes every bank of a rank.
    #[serde(rename = "PREA")]
    PrechargeAll,
    /// Reads one burst of the open row.
    #[serde(rename = "RD")]
    Read,
    /// Writes one burst to the open row.
    #[serde(rename = "WR")]
    Write,
    /// Reads one burst, then closes the row.
    #[serde(rename = "RDA")]
    ReadAuto,
    /// Writes one burst, then closes the row.
    #[serde(rename = "WRA")]
    WriteAuto,
    /// Refreshes every bank of a rank.
    #[serde(rename = "REF")]
    RefreshAll,
    /// Refreshes one bank, or the few that the standard refreshes together (DDR5: the same bank
    /// of all groups; GDDR6: a pair).
    #[serde(rename = "REFpb", alias = "REFsb", alias = "REFp2b")]
    RefreshBank,
    /// The second half of LPDDR5's activate.
    #[serde(rename = "ACT2")]
    Activate2,
    /// Starts LPDDR5's data clock for a read.
    #[serde(rename = "CAS_RD")]
    CasRead,
    /// Starts LPDDR5's data clock for a write.
    #[serde(rename = "CAS_WR")]
    CasWrite,
}

impl Command {
    /// How many commands there are.
    pub const COUNT: usize = 12;

    /// Every command, in the order of its number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Activate,
        Self::Precharge,
        Self::PrechargeAll,
        Self::Read,
        Self::Write,
        Self::ReadAuto,
        Self::WriteAuto,
        Self::RefreshAll,
        Self::RefreshBank,
        Self::Activate2,
        Self::CasRead,
        Self::CasWrite,
    ];

    /// The name in command traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "ACT",
            Self::Precharge => "PRE",
            Self::PrechargeAll => "PREab",
            Self::Read => "RD",
            Self::Write => "WR",
            Self::ReadAuto => "RDA",
            Self::WriteAuto => "WRA",
            Self::RefreshAll => "REFab",
            Self::RefreshBank => "REFpb",
            Self::Activate2 => "ACT2",
            Self::CasRead => "CAS_RD",
            Self::CasWrite => "CAS_WR",
        }
    }

    /// The command of a name in a command trace (`ACT1` is LPDDR5's name of `ACT`; `REFsb` and
    /// `REFp2b` are DDR5's and GDDR6's of `REFpb`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ACT1" => Some(Self::Activate),
            "REFsb" | "REFp2b" => Some(Self::RefreshBank),
            _ => Self::ALL.into_iter().find(|command| command.name() == name),
        }
    }

    /// Whether the command moves data.
    #[must_use]
    pub const fn is_column(self) -> bool {
        matches!(
            self,
            Self::Read | Self::Write | Self::ReadAuto | Self::WriteAuto
        )
    }

    /// Whether the command writes data.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::WriteAuto)
    }

    /// Whether the command closes its bank after moving data.
    #[must_use]
    pub const fn closes(self) -> bool {
        matches!(self, Self::ReadAuto | Self::WriteAuto)
    }

    /// Whether the command goes over the column bus of a device with two command buses.
    #[must_use]
    pub const fn uses_column_bus(self) -> bool {
        self.is_column() || matches!(self, Self::CasRead | Self::CasWrite)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a command goes. Fields that a command does not name are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Pseudo channel of the channel.
    pub pseudo_channel: u8,
    /// Rank, or stack id.
    pub rank: u8,
    /// Bank group of the rank.
    pub group: u8,
    /// Bank of the group.
    pub bank: u8,
    /// Row of the bank.
    pub row: u32,
    /// Column of the row, in bursts.
    pub column: u32,
}

/// A command at a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The first cycle of the command on its bus.
    pub cycle: u64,
    /// The command that was issued.
    pub command: Command,
    /// Where it goes.
    pub place: Place,
}
