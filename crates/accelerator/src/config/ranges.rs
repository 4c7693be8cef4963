//! Quantities within reason: past these ranges, a file holds a slip of the keyboard.

use config::{Bandwidth, Clock, FieldError, Size, Time};
use quantities::{Bytes, Frequency};

/// The largest port or request: 1 MiB.
pub(super) const WIDEST: Bytes = Bytes(1 << 20);

/// A clock within reason; the error stands at `clock`.
pub(super) fn frequency(clock: Clock) -> Result<Frequency, FieldError> {
    let frequency = clock.frequency().map_err(|error| error.inside("clock"))?;
    let hertz = frequency.as_hertz_f64();
    if (1e6..=1e11).contains(&hertz) {
        return Ok(frequency);
    }
    Err(FieldError::new("clock", format!("a clock of {clock}")).help("from MHz(1) to GHz(100)"))
}

/// A size of at least a byte and at most `most`; the error stands at `field`.
pub(super) fn bytes_within(field: &str, size: Size, most: Bytes) -> Result<Bytes, FieldError> {
    let range = format!("a whole number of bytes from 1 B to {most}");
    let bytes = size
        .bytes()
        .map_err(|error| error.help(&range).inside(field))?;
    if bytes == Bytes::ZERO || bytes > most {
        return Err(FieldError::new(field, format!("{size} is {bytes}")).help(range));
    }
    Ok(bytes)
}

/// A size of hardware that counts in powers of two; the error names those beside it.
pub(super) fn power_of_two(field: &str, size: Size) -> Result<Bytes, FieldError> {
    let bytes = bytes_within(field, size, WIDEST)?;
    if bytes.get().is_power_of_two() {
        return Ok(bytes);
    }
    let above = bytes.get().next_power_of_two();
    let below = above / 2;
    Err(FieldError::new(field, format!("{size} is no power of two"))
        .help(format!("Bytes({below}) or Bytes({above})")))
}

/// A bandwidth within reason; the error stands at `bandwidth`.
pub(super) fn bandwidth_within(bandwidth: Bandwidth) -> Result<u64, FieldError> {
    let range = "a whole number of bytes a second from MBps(1) to TBps(1000)";
    let rate = bandwidth
        .bytes_per_second()
        .map_err(|error| error.help(range).inside("bandwidth"))?;
    if (1_000_000..=1_000_000_000_000_000).contains(&rate) {
        return Ok(rate);
    }
    Err(FieldError::new("bandwidth", format!("a bandwidth of {bandwidth}")).help(range))
}

/// A latency within reason, in picoseconds; the error stands at `latency`.
pub(super) fn latency_within(latency: Time) -> Result<u64, FieldError> {
    let range = "a whole number of picoseconds, at most Ms(1)";
    let picoseconds = latency
        .picoseconds()
        .map_err(|error| error.help(range).inside("latency"))?;
    if picoseconds <= 1_000_000_000 {
        return Ok(picoseconds);
    }
    Err(FieldError::new("latency", format!("a latency of {latency}")).help(range))
}
