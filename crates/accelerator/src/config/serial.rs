//! Work outside the machine, and the link to its equals: serial terms, which add to the time of a
//! run without being part of any ledger.

use config::FieldError;

use super::file::{LinkFile, SerialFile};
use super::ranges::{bandwidth_within, latency_within};
use super::spec::{LinkSpec, SerialSpec};

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
