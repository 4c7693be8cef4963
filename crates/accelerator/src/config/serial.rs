//! Work outside the machine, and the link to its equals: serial terms, which add to the time of a
//! run without being part of any ledger.

use config::FieldError;
use serde::{Deserialize, Serialize};
use tile_program::Reach;

use super::file::{LinkFile, SerialFile};
use super::resolve::{bandwidth_within, latency_within};

/// What a piece of serial work is done once for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Each {
    /// A token.
    Token,
    /// A layer of a token or prompt.
    Layer,
    /// A kernel: a matrix product or work of the vector unit that is started by itself.
    Kernel,
    /// A matrix product that is started by itself.
    Gemm,
}

/// A piece of work outside the machine, during which it stands still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SerialSpec {
    /// What it is.
    pub what: String,
    /// What it is done once for.
    pub each: Each,
    /// How long it takes.
    pub picoseconds: u64,
}

/// A link to machines equal to this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkSpec {
    /// In each direction.
    pub bytes_per_second: u64,
    /// Of one step from machine to machine.
    pub latency_picoseconds: u64,
    /// How far it goes.
    pub reach: Reach,
}

impl LinkSpec {
    /// The time of an all-reduce of so many bytes over a ring of machines: each sends
    /// 2 (n - 1) / n of the bytes, in 2 (n - 1) steps. `None` past 64 bits of picoseconds.
    #[must_use]
    pub fn all_reduce_picoseconds(&self, bytes: u64, machines: u64) -> Option<u64> {
        let steps = u128::from(2 * machines.checked_sub(1)?);
        let sent = (u128::from(bytes) * steps).div_ceil(u128::from(machines));
        let moving = (sent * 1_000_000_000_000).div_ceil(u128::from(self.bytes_per_second));
        let latency = steps * u128::from(self.latency_picoseconds);
        u64::try_from(moving + latency).ok()
    }
}

/// The longest work outside the machine: a minute.
const LONGEST_PICOSECONDS: u64 = 60_000_000_000_000;

pub(super) fn resolve(terms: &[SerialFile]) -> Result<Vec<SerialSpec>, FieldError> {
    let resolved = |(index, term): (usize, &SerialFile)| {
        let here = |error: FieldError| error.inside(format_args!("serial[{index}].time"));
        let range = "a whole number of picoseconds, at most Ms(60000)";
        let time = term.time.picoseconds();
        let picoseconds = time.map_err(|error| here(error.help(range)))?;
        if picoseconds > LONGEST_PICOSECONDS {
            let error = FieldError::new("", format!("work of {}", term.time));
            return Err(here(error.help(range)));
        }
        Ok(SerialSpec {
            what: term.what.clone(),
            each: term.each,
            picoseconds,
        })
    };
    terms.iter().enumerate().map(resolved).collect()
}

pub(super) fn link(file: &LinkFile) -> Result<LinkSpec, FieldError> {
    let inside = |error: FieldError| error.inside("link");
    Ok(LinkSpec {
        bytes_per_second: bandwidth_within(file.bandwidth).map_err(inside)?,
        latency_picoseconds: latency_within(file.latency).map_err(inside)?,
        reach: file.reach,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_all_reduce_sends_twice_all_but_its_own_share() {
        let link = LinkSpec {
            bytes_per_second: 1_000_000_000,
            latency_picoseconds: 500,
            reach: Reach::Board,
        };
        // 4 machines: 6 / 4 of 4000 bytes at a byte a nanosecond, and 6 steps.
        assert_eq!(link.all_reduce_picoseconds(4000, 4), Some(6_000_000 + 3000));
        assert_eq!(link.all_reduce_picoseconds(4000, 1), Some(0));
        assert_eq!(link.all_reduce_picoseconds(u64::MAX, 1 << 40), None);
    }
}
