//! Requests, one burst each: traces as text, and the generator of the reference traces.

use std::fmt::Write as _;

/// A request for one burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The byte address.
    pub address: u64,
    /// Whether it writes.
    pub write: bool,
    /// The cycle of its arrival.
    pub arrival: u64,
}

/// A line of a trace that is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}: `{text}`")]
pub struct TraceError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The line's text.
    pub text: String,
}

/// Reads a request trace: a line a request, `0xADDRESS READ|WRITE CYCLE`, arrivals in order.
///
/// Empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// The first line that is no request, lies beyond `capacity_bytes`, or arrives before the line
/// above it.
pub fn parse_trace(text: &str, capacity_bytes: u64) -> Result<Vec<Request>, TraceError> {
    let mut requests = Vec::new();
    let mut last = 0;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let error = |message: String| TraceError {
            line: index + 1,
            message,
            text: raw.chars().take(80).collect(),
        };
        let request = parse_line(line).map_err(|message| error(message.to_owned()))?;
        if request.address >= capacity_bytes {
            return Err(error(format!(
                "the address lies beyond the memory's {capacity_bytes} bytes"
            )));
        }
        if request.arrival < last {
            return Err(error(format!(
                "cycle {} is before cycle {last} of the request above",
                request.arrival
            )));
        }
        last = request.arrival;
        requests.push(request);
    }
    Ok(requests)
}

/// Arrivals lie below this cycle: hours of any memory's time.
const LAST_ARRIVAL: u64 = 1 << 44;

fn parse_line(line: &str) -> Result<Request, &'static str> {
    let mut words = line.split_whitespace();
    let (Some(address), Some(kind), Some(arrival), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a request is `0xADDRESS READ|WRITE CYCLE`");
    };
    let digits = address
        .strip_prefix("0x")
        .or_else(|| address.strip_prefix("0X"))
        .ok_or("the address must be hexadecimal, `0x1f40`")?;
    Ok(Request {
        address: u64::from_str_radix(digits, 16)
            .map_err(|_| "the address must be hexadecimal, `0x1f40`")?,
        write: match kind {
            "READ" => false,
            "WRITE" => true,
            _ => return Err("a request is a READ or a WRITE"),
        },
        arrival: arrival
            .parse()
            .ok()
            .filter(|&arrival| arrival < LAST_ARRIVAL)
            .ok_or("the cycle must be a whole number below 2^44")?,
    })
}

/// The text of a trace, as [`parse_trace`] reads it.
#[must_use]
pub fn trace_text(requests: &[Request]) -> String {
    let mut text = String::new();
    for request in requests {
        let kind = if request.write { "WRITE" } else { "READ" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:#x} {kind} {}", request.address, request.arrival);
    }
    text
}

/// Why a generator cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// No such family.
    #[error("`{0}` is no family of requests")]
    Family(String),
    /// A parameter is missing, zero where it divides, or no number.
    #[error("the family `{family}` needs the parameter `{parameter}` as a whole number above zero")]
    Parameter {
        /// The family.
        family: String,
        /// The parameter.
        parameter: String,
    },
}

/// The pseudo-random numbers of the generator: a 64-bit linear congruence, upper 31 bits.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

/// The requests of a reference trace: a family, how many, their size, cycles between arrivals, and
/// parameters as `base=0;stride=1024`.
///
/// # Errors
/// If the family is unknown or lacks a parameter.
pub fn generate(
    family: &str,
    count: u64,
    request_bytes: u64,
    interval: u64,
    parameters: &str,
) -> Result<Vec<Request>, GenerateError> {
    let find = |wanted: &str| {
        parameters
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| *name == wanted)
            .and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let missing = |parameter: &str| GenerateError::Parameter {
        family: family.to_owned(),
        parameter: parameter.to_owned(),
    };
    let need = |name| find(name).ok_or_else(|| missing(name));
    let above_zero =
        |name| need(name).and_then(|v| if v == 0 { Err(missing(name)) } else { Ok(v) });
    let base = find("base").unwrap_or(0);
    let request = |i: u64, address: u64, write| Request {
        address,
        write,
        arrival: i * interval,
    };
    let each = |f: &mut dyn FnMut(u64) -> (u64, bool)| {
        (0..count)
            .map(|i| {
                let (address, write) = f(i);
                request(i, address, write)
            })
            .collect()
    };
    Ok(match family {
        "seq_rd" | "seq_wr" => each(&mut |i| (base + i * request_bytes, family == "seq_wr")),
        "stride_rd" => {
            let (stride, span) = (need("stride")?, above_zero("span")?);
            each(&mut |i| (base + (i * stride) % span, false))
        }
        "rand_rd" | "mix_2r1w" => {
            let mut random = Lcg(need("seed")?);
            let places = above_zero("span")? / request_bytes;
            if places == 0 {
                return Err(missing("span"));
            }
            each(&mut |i| {
                let write = family == "mix_2r1w" && i % 3 == 2;
                (base + (random.next() % places) * request_bytes, write)
            })
        }
        "two_rd" | "two_rdwr" => {
            let offset = need("offset")?;
            each(&mut |i| {
                let second = i % 2 == 1;
                let from = if second { base + offset } else { base };
                (from + i / 2 * request_bytes, second && family == "two_rdwr")
            })
        }
        "tile_rd" | "tile_rdwr" => {
            let offset = if family == "tile_rdwr" {
                Some(need("offset")?)
            } else {
                None
            };
            let tile = Tile {
                rows: above_zero("rows")?,
                width: above_zero("width")?,
                pitch: above_zero("pitch")?,
                request_bytes,
            };
            if tile.width < request_bytes || tile.pitch < tile.width {
                return Err(missing("width"));
            }
            each(&mut |i| tile.address(i, base, offset))
        }
        _ => return Err(GenerateError::Family(family.to_owned())),
    })
}

/// Tiles of a matrix, left to right, then down; each read row by row and, with an offset, then
/// written likewise.
struct Tile {
    rows: u64,
    width: u64,
    pitch: u64,
    request_bytes: u64,
}

impl Tile {
    fn address(&self, i: u64, base: u64, offset: Option<u64>) -> (u64, bool) {
        let per_row = self.pitch / self.width;
        let per_line = self.width / self.request_bytes;
        let phases = if offset.is_some() { 2 } else { 1 };
        let per_phase = self.rows * per_line;
        let (phase, rest) = (i / per_phase, i % per_phase);
        let (tile, writes) = (phase / phases, phase % phases == 1);
        let origin = (tile / per_row) * self.rows * self.pitch + (tile % per_row) * self.width;
        let from = base + if writes { offset.unwrap_or(0) } else { 0 };
        let address =
            from + origin + rest / per_line * self.pitch + rest % per_line * self.request_bytes;
        (address, writes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_reads_back_what_was_written() {
        let requests = generate("mix_2r1w", 50, 64, 3, "seed=5;span=65536").unwrap();
        let text = trace_text(&requests);
        assert_eq!(parse_trace(&text, 65536).unwrap(), requests);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, line, part) in [
            ("0x0 READ 0\njunk\n", 2, "a request is"),
            ("0x0 READ 5\n0x40 READ 4\n", 2, "before cycle 5"),
            ("# head\n\n0x10000 READ 0\n", 3, "beyond the memory"),
            ("0x0 FETCH 0\n", 1, "READ or a WRITE"),
            ("12 READ 0\n", 1, "hexadecimal"),
            ("0x0 READ -1\n", 1, "whole number"),
        ] {
            let error = parse_trace(text, 65536).unwrap_err();
            assert_eq!(error.line, line);
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn a_family_without_its_parameter_is_refused() {
        assert!(generate("stride_rd", 1, 64, 0, "base=0;span=64").is_err());
        assert!(generate("rand_rd", 1, 64, 0, "seed=1;span=0").is_err());
        assert!(generate("walk", 1, 64, 0, "").is_err());
    }
}
