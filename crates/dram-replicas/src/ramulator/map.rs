//! Ramulator 2.1's address maps.

use crate::request::Request;
use dram::timing::Shape;

use crate::config::{ReplicaConfig, ReplicaError};
use crate::driver::{Arrived, Locate};

/// The number of address bits of each level.
#[derive(Clone, Copy, Debug)]
struct Levels {
    rank: u32,
    unit: u32,
    stack: u32,
    group: u32,
    bank: u32,
    row: u32,
    column: u32,
}

/// A checked map: the channel is cut out just above the request, then the rest is mapped.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    request_bits: u32,
    channel_bits: u32,
    levels: Levels,
    /// Whether this is MOP4CLXOR rather than RoBaRaCoCh.
    mop: bool,
    shape: Shape,
}

/// Takes fields of an address from its low end.
struct Bits(u64);

impl Bits {
    fn take(&mut self, bits: u32) -> u64 {
        let value = self.0 & ((1 << bits) - 1);
        self.0 >>= bits;
        value
    }
}

impl Map {
    pub(crate) fn new(config: &ReplicaConfig, channels: u64) -> Result<Self, ReplicaError> {
        let bits = |parameter: &str, of: u64| {
            if of.is_power_of_two() {
                Ok(of.trailing_zeros())
            } else {
                Err(config.wrong(parameter, "must be a power of two"))
            }
        };
        let count = |parameter: &str| {
            let count = config.number_or(parameter, 1)?;
            bits(parameter, count)
        };
        let prefetch = config.positive("prefetch_BL")?;
        let request_bytes = config.positive("channel_width")? / 8 * prefetch;
        let levels = Levels {
            rank: count("count_Rank")?,
            unit: count("count_PseudoChannel")?,
            stack: count("count_Sid")?,
            group: count("count_BankGroup")?,
            bank: count("count_Bank")?,
            row: count("count_Row")?,
            column: count("count_Column")?.saturating_sub(bits("prefetch_BL", prefetch)?),
        };
        let mop = match config.text("addr_mapper") {
            Some("RoBaRaCoCh") => false,
            Some("MOP4CLXOR") => true,
            _ => return Err(config.wrong("addr_mapper", "must be RoBaRaCoCh or MOP4CLXOR")),
        };
        Ok(Self {
            request_bits: bits("channel_width", request_bytes)?,
            channel_bits: bits("channels", channels)?,
            mop,
            shape: Shape {
                ranks: 1 << (levels.rank + levels.stack),
                groups: 1 << levels.group,
                banks: 1 << levels.bank,
            },
            levels,
        })
    }

    pub(crate) const fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) const fn rows(&self) -> u64 {
        1 << self.levels.row
    }

    pub(crate) const fn columns(&self) -> u64 {
        1 << self.levels.column
    }

    pub(crate) const fn units(&self) -> usize {
        1 << self.levels.unit
    }

    pub(crate) const fn request_bytes(&self) -> u64 {
        1 << self.request_bits
    }
}

impl Locate for &Map {
    fn locate(&self, request: &Request, at: &mut Arrived) {
        let burst = request.address >> self.request_bits;
        let mut rest = Bits(burst);
        let channel = rest.take(self.channel_bits) as usize;
        let levels = &self.levels;
        let mut column = if self.mop {
            rest.take(2.min(levels.column))
        } else {
            rest.take(levels.column)
        };
        let mut rank = rest.take(levels.rank);
        let mut unit = rest.take(levels.unit);
        let mut stack = rest.take(levels.stack);
        let mut group = rest.take(levels.group);
        let mut bank = rest.take(levels.bank);
        if self.mop && levels.column > 2 {
            column |= rest.take(levels.column - 2) << 2;
        }
        let mut row = rest.take(levels.row);
        if self.mop {
            // Each level is mixed with the next bits of the column.
            let mut mix = Bits(column);
            rank ^= mix.take(levels.rank);
            unit ^= mix.take(levels.unit);
            stack ^= mix.take(levels.stack);
            group ^= mix.take(levels.group);
            bank ^= mix.take(levels.bank);
            row ^= mix.take(levels.row);
        }
        let rank = (rank | stack) as usize;
        let group = rank * self.shape.groups + group as usize;
        *at = Arrived {
            arrival: request.arrival,
            burst,
            row: row as u32,
            column: column as u32,
            channel: channel as u32,
            bank: (group * self.shape.banks + bank as usize) as u16,
            unit: unit as u8,
            direction: request.direction,
        };
    }
}
