//! Requests, one burst each: traces as text, and the generator of the reference traces.

use std::fmt::Write as _;

use dram::Direction;

/// A request for one burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The byte address.
    pub address: u64,
    /// Whether it writes.
    pub direction: Direction,
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
        direction: match kind {
            "READ" => Direction::Read,
            "WRITE" => Direction::Write,
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
        let kind = match request.direction {
            Direction::Read => "READ",
            Direction::Write => "WRITE",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:#x} {kind} {}", request.address, request.arrival);
    }
    text
}

/// Why a generator cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// There is no request family of that name.
    #[error("`{0}` is no family of requests")]
    Family(String),
    /// A parameter is missing, zero where it divides, or no number.
    #[error("the family `{family}` needs the parameter `{parameter}` as a whole number above zero")]
    Parameter {
        /// The name of the request family.
        family: String,
        /// The name of the parameter that was given.
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

/// The parameters of a family, as `base=0;stride=1024`.
#[derive(Clone, Copy)]
struct Parameters<'a> {
    family: &'a str,
    text: &'a str,
}

impl Parameters<'_> {
    fn find(self, wanted: &str) -> Option<u64> {
        let mut pairs = self.text.split(';').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        value.parse().ok()
    }

    fn missing(self, parameter: &str) -> GenerateError {
        GenerateError::Parameter {
            family: self.family.to_owned(),
            parameter: parameter.to_owned(),
        }
    }

    fn need(self, name: &str) -> Result<u64, GenerateError> {
        self.find(name).ok_or_else(|| self.missing(name))
    }

    fn above_zero(self, name: &str) -> Result<u64, GenerateError> {
        match self.need(name)? {
            0 => Err(self.missing(name)),
            value => Ok(value),
        }
    }
}

/// Where a request goes, from the trace's base address on, and in which direction data moves.
#[derive(Clone, Copy)]
struct Access {
    address: u64,
    direction: Direction,
}

/// The order in which the requests of a family go over addresses.
enum Pattern {
    /// Requests follow one another in address order.
    Sequential { direction: Direction },
    /// Requests lie at a stride, within a span of bytes.
    Stride { stride: u64, span: u64 },
    /// Anywhere among so many places; every third in a direction of its own, the others reads.
    Random {
        random: Lcg,
        places: u64,
        third: Direction,
    },
    /// Two streams by turns, so many bytes apart: the first of reads, the second in a direction of
    /// its own.
    Two { offset: u64, second: Direction },
    /// Requests cover a matrix tile by tile.
    Tiles(Tile),
}

impl Pattern {
    fn of(parameters: Parameters<'_>, request_bytes: u64) -> Result<Self, GenerateError> {
        let family = parameters.family;
        Ok(match family {
            "seq_rd" => Self::Sequential {
                direction: Direction::Read,
            },
            "seq_wr" => Self::Sequential {
                direction: Direction::Write,
            },
            "stride_rd" => Self::Stride {
                stride: parameters.need("stride")?,
                span: parameters.above_zero("span")?,
            },
            "rand_rd" => Self::random(parameters, request_bytes, Direction::Read)?,
            "mix_2r1w" => Self::random(parameters, request_bytes, Direction::Write)?,
            "two_rd" => Self::Two {
                offset: parameters.need("offset")?,
                second: Direction::Read,
            },
            "two_rdwr" => Self::Two {
                offset: parameters.need("offset")?,
                second: Direction::Write,
            },
            "tile_rd" => Self::Tiles(Tile::of(parameters, request_bytes, None)?),
            "tile_rdwr" => {
                let offset = parameters.need("offset")?;
                Self::Tiles(Tile::of(parameters, request_bytes, Some(offset))?)
            }
            _ => return Err(GenerateError::Family(family.to_owned())),
        })
    }

    fn random(
        parameters: Parameters<'_>,
        request_bytes: u64,
        third: Direction,
    ) -> Result<Self, GenerateError> {
        let random = Lcg(parameters.need("seed")?);
        let places = parameters.above_zero("span")? / request_bytes;
        if places == 0 {
            return Err(parameters.missing("span"));
        }
        Ok(Self::Random {
            random,
            places,
            third,
        })
    }

    /// The `i`-th request, from 0; requests are asked for in order.
    fn access(&mut self, i: u64, request_bytes: u64) -> Access {
        match self {
            Self::Sequential { direction } => Access {
                address: i * request_bytes,
                direction: *direction,
            },
            Self::Stride { stride, span } => Access {
                address: (i * *stride) % *span,
                direction: Direction::Read,
            },
            Self::Random {
                random,
                places,
                third,
            } => Access {
                address: (random.next() % *places) * request_bytes,
                direction: if i % 3 == 2 { *third } else { Direction::Read },
            },
            Self::Two { offset, second } => {
                let (from, direction) = match i % 2 {
                    0 => (0, Direction::Read),
                    _ => (*offset, *second),
                };
                Access {
                    address: from + i / 2 * request_bytes,
                    direction,
                }
            }
            Self::Tiles(tile) => tile.access(i),
        }
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
    let parameters = Parameters {
        family,
        text: parameters,
    };
    let base = parameters.find("base").unwrap_or(0);
    let mut pattern = Pattern::of(parameters, request_bytes)?;
    let requests = (0..count).map(|i| {
        let Access { address, direction } = pattern.access(i, request_bytes);
        Request {
            address: base + address,
            direction,
            arrival: i * interval,
        }
    });
    Ok(requests.collect())
}

/// Tiles of a matrix, left to right, then down; each read row by row and, with an offset, then
/// written likewise.
struct Tile {
    rows: u64,
    /// Bytes of a row of a tile.
    width: u64,
    /// Bytes of a row of the matrix.
    pitch: u64,
    request_bytes: u64,
    /// Bytes from what is read to what is written; `None` where nothing is.
    offset: Option<u64>,
}

impl Tile {
    fn of(
        parameters: Parameters<'_>,
        request_bytes: u64,
        offset: Option<u64>,
    ) -> Result<Self, GenerateError> {
        let tile = Self {
            rows: parameters.above_zero("rows")?,
            width: parameters.above_zero("width")?,
            pitch: parameters.above_zero("pitch")?,
            request_bytes,
            offset,
        };
        if tile.width < request_bytes || tile.pitch < tile.width {
            return Err(parameters.missing("width"));
        }
        Ok(tile)
    }

    fn access(&self, i: u64) -> Access {
        let per_row = self.pitch / self.width;
        let per_line = self.width / self.request_bytes;
        let phases = if self.offset.is_some() { 2 } else { 1 };
        let per_phase = self.rows * per_line;
        let (phase, rest) = (i / per_phase, i % per_phase);
        let tile = phase / phases;
        let origin = (tile / per_row) * self.rows * self.pitch + (tile % per_row) * self.width;
        let (from, direction) = match phase % phases {
            0 => (0, Direction::Read),
            _ => (self.offset.unwrap_or(0), Direction::Write),
        };
        let address =
            from + origin + rest / per_line * self.pitch + rest % per_line * self.request_bytes;
        Access { address, direction }
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
