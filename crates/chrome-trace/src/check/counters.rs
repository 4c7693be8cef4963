//! What counters show, added up in whole numbers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Track;

/// A counter: its process and its name.
type Key = (u64, String);

/// The series of a counter of a level, which may end above zero: what is held stays.
const LEVEL: &str = "bytes held";

/// The series of a counter of bytes that move.
const BANDWIDTH: &str = "GB/s";

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: u128,
    /// How many of the digits stand behind the point.
    places: u32,
}

impl Decimal {
    /// `None` if it is no number, negative, or longer than any that a trace holds.
    fn read(value: &Value) -> Option<Self> {
        let Value::Number(number) = value else {
            return None;
        };
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()? - exponent;
        match u32::try_from(places) {
            Ok(places) => Some(Self { digits, places }),
            Err(_) => Some(Self {
                digits: digits.checked_mul(10_u128.checked_pow(places.unsigned_abs())?)?,
                places: 0,
            }),
        }
    }

    /// The number times a fraction, rounded to the nearest whole number.
    fn times(self, (numerator, denominator): (u128, u128)) -> Option<u128> {
        let product = self.digits.checked_mul(numerator)?;
        let divisor = 10_u128.checked_pow(self.places)?.checked_mul(denominator)?;
        Some(product.checked_add(divisor / 2)? / divisor)
    }
}

/// One counter, as far as it has been read.
struct Seen {
    series: String,
    samples: u64,
    first: u64,
    /// The last sample.
    at: u64,
    value: Decimal,
    peak: Decimal,
    total: Option<u128>,
}

/// All counters of a trace.
#[derive(Default)]
pub(super) struct Counters {
    seen: BTreeMap<Key, Seen>,
    /// Bytes that one GB/s moves in a cycle, as a fraction.
    bytes_per_cycle: Option<(u128, u128)>,
}

impl Counters {
    /// The clock of the trace, as a fraction in hertz.
    pub(super) fn set_clock(&mut self, fraction: &Value) {
        let part = |index: usize| fraction[index].as_u64().filter(|part| *part > 0);
        self.bytes_per_cycle = part(0).zip(part(1)).map(|(hertz, divisor)| {
            let (numerator, denominator) = (u128::from(divisor) * 1_000_000_000, u128::from(hertz));
            let common = greatest_common_divisor(numerator, denominator);
            (numerator / common, denominator / common)
        });
    }

    /// Takes a sample; the answer is what is wrong with it.
    pub(super) fn sample(&mut self, pid: u64, name: &str, at: u64, args: &Value) -> Option<String> {
        let args = args.as_object();
        let mut series = args.into_iter().flatten();
        let (Some((series, value)), None) = (series.next(), series.next()) else {
            return Some(format!("the counter {name} does not have one number"));
        };
        let Some(value) = Decimal::read(value) else {
            return Some(format!("the counter {name} does not have one number"));
        };
        let scale = match series.as_str() {
            BANDWIDTH => self.bytes_per_cycle,
            _ => Some((1, 1)),
        };
        let key = (pid, name.to_owned());
        let Some(seen) = self.seen.get_mut(&key) else {
            let seen = Seen {
                series: series.clone(),
                samples: 1,
                first: at,
                at,
                value,
                peak: value,
                total: Some(0),
            };
            self.seen.insert(key, seen);
            return None;
        };
        if at <= seen.at {
            return Some(format!("the counter {name} goes back in time at {at}"));
        }
        let cycles = u128::from(at - seen.at);
        seen.total = scale.and_then(|(numerator, denominator)| {
            let part = seen.value.times((numerator * cycles, denominator))?;
            seen.total?.checked_add(part)
        });
        let thousandths = |value: Decimal| value.times((1000, 1));
        if thousandths(value) > thousandths(seen.peak) {
            seen.peak = value;
        }
        (seen.at, seen.value) = (at, value);
        seen.samples += 1;
        None
    }

    /// The processes that have counters.
    pub(super) fn processes(&self) -> impl Iterator<Item = u64> {
        self.seen.keys().map(|(pid, _)| *pid)
    }

    /// Of each counter, by its name: its samples.
    pub(super) fn samples(&self) -> BTreeMap<String, u64> {
        self.by_name(|seen| Some(seen.samples))
    }

    /// Of each counter, by its name: the largest sample, in thousandths.
    pub(super) fn peaks(&self) -> BTreeMap<String, u64> {
        self.by_name(|seen| u64::try_from(seen.peak.times((1000, 1))?).ok())
    }

    /// Of each counter, by its name: what it adds up to.
    pub(super) fn totals(&self) -> BTreeMap<String, u128> {
        self.by_name(|seen| seen.total)
    }

    fn by_name<T>(&self, of: impl Fn(&Seen) -> Option<T>) -> BTreeMap<String, T> {
        let named = |((_, name), seen): (&Key, &Seen)| Some((name.clone(), of(seen)?));
        self.seen.iter().filter_map(named).collect()
    }

    /// All counters begin together and end together: none holds its last value beyond what was
    /// counted. Rates end at zero.
    pub(super) fn ends(&self) -> Vec<String> {
        let first = self.seen.values().map(|seen| seen.first).min();
        let last = self.seen.values().map(|seen| seen.at).max();
        let mut problems = Vec::new();
        for ((_, name), seen) in &self.seen {
            if Some(seen.first) != first {
                problems.push(format!(
                    "the counter {name} begins at {}, later than others",
                    seen.first
                ));
            }
            if Some(seen.at) != last {
                problems.push(format!(
                    "the counter {name} ends at {}, before others",
                    seen.at
                ));
            }
            if seen.series != LEVEL && seen.value.digits != 0 {
                problems.push(format!("the counter {name} does not end at 0"));
            }
        }
        problems
    }

    /// Each rate adds up to what the tiles of its unit did; `tiles` has their MACs and bytes, by
    /// track. `instants` says that some tiles have no slice, as they took no time.
    pub(super) fn compare(
        &self,
        tiles: &BTreeMap<Track, [u128; 2]>,
        threads: &BTreeMap<Track, String>,
        instants: bool,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let counters = self.seen.iter().filter(|(_, seen)| seen.series != LEVEL);
        for ((pid, name), seen) in counters {
            let Some(total) = seen.total else {
                continue;
            };
            let (unit, what) = unit_of(name, &seen.series);
            let tracks = threads.iter().filter(|((process, _), thread)| {
                **thread == unit && (process == pid || seen.series == BANDWIDTH)
            });
            let did: Vec<u128> = tracks
                .map(|(track, _)| tiles.get(track).map_or(0, |sums| sums[what]))
                .collect();
            let is_right = |did: &u128| total == *did || (total > *did && instants);
            if !did.iter().any(is_right) {
                problems.push(format!(
                    "the counter {name} adds up to {total}, the tiles of {unit} to {did:?}"
                ));
            }
        }
        problems
    }
}

/// The unit whose tiles a counter counts, and which of their sums: MACs or bytes.
fn unit_of(name: &str, series: &str) -> (String, usize) {
    if series != BANDWIDTH {
        return (name.to_owned(), 0);
    }
    let ends = [
        ("dram read", "dma.load"),
        ("dram write", "dma.store"),
        ("received", "receive"),
    ];
    let unit = ends
        .into_iter()
        .find_map(|(end, unit)| Some(format!("{}{unit}", name.strip_suffix(end)?)));
    (unit.unwrap_or_default(), 1)
}

fn greatest_common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}
