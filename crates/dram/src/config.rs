//! What a user writes about a memory, and its checked form.

mod check;

use std::collections::BTreeMap;

use config::{FieldError, Whole};
use quantities::Frequency;
use serde::{Deserialize, Deserializer, Serialize};

use crate::address::{AddressMap, Hash};
use crate::ideal::IdealConfig;
use crate::preset::{self, Organisation, Preset};
use crate::standard::{Rule, Standard};

use check::{check_policy, check_refresh, check_timings, warnings};

/// The most channel units of a memory.
const MOST_CHANNELS: u64 = 4096;
/// The most rows of a bank, and bytes of a row.
const MOST_ROWS: u64 = 1 << 30;
const MOST_ROW_BYTES: u64 = 1 << 20;
/// The most cycles of a timing parameter.
const MOST_CYCLES: u64 = 1 << 30;
/// The most bursts that a watermark or a batch counts.
const MOST_BURSTS: u64 = 1 << 20;
/// The most column commands to an open row that pass an older request.
const MOST_ROW_HITS: u64 = 1 << 20;

/// The memory of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum MemoryConfig {
    /// DRAM timed by command.
    Dram(DramConfig),
    /// A fixed bandwidth and a fixed latency.
    Ideal(IdealConfig),
}

/// DRAM: a shipped preset, changed where the user says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DramConfig {
    /// The name of a shipped preset: `"LPDDR5-6400"`.
    pub standard: String,
    /// Channel units: independently scheduled data buses (HBM: pseudo channels).
    #[serde(
        default = "one",
        deserialize_with = "config::whole::<1, MOST_CHANNELS, _, _>"
    )]
    pub channels: u64,
    /// Fields of the address from the most significant; see [`crate::address`].
    #[serde(default = "default_map")]
    pub map: String,
    /// Whether bank bits are mixed with row bits.
    #[serde(default)]
    pub hash: Hash,
    /// Organisation fields that differ from the preset's.
    #[serde(default)]
    pub organisation: OrganisationChange,
    /// Timing parameters in cycles that differ from the preset's: `{"tRFC_ab": 560}`.
    #[serde(default, deserialize_with = "timings")]
    pub timings: BTreeMap<String, u64>,
    /// How the controller decides.
    #[serde(default)]
    pub policy: Policy,
}

/// Organisation fields that a user changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrganisationChange {
    /// Ranks on a channel's bus.
    #[serde(deserialize_with = "config::some_whole::<1, 16, _, _>")]
    pub ranks: Option<u64>,
    /// Bank groups of a rank.
    #[serde(deserialize_with = "config::some_whole::<1, 64, _, _>")]
    pub bank_groups: Option<u64>,
    /// Banks of a group.
    #[serde(deserialize_with = "config::some_whole::<1, 64, _, _>")]
    pub banks_per_group: Option<u64>,
    /// Rows of a bank.
    #[serde(deserialize_with = "config::some_whole::<1, MOST_ROWS, _, _>")]
    pub rows_per_bank: Option<u64>,
    /// Bytes of a row.
    #[serde(deserialize_with = "config::some_whole::<1, MOST_ROW_BYTES, _, _>")]
    pub row_bytes: Option<u64>,
}

/// How the controller decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The order in which queued row visits are served.
    pub scheduler: Scheduler,
    /// When rows close.
    pub page: Page,
    /// Row visits of each direction that the scheduler sees.
    #[serde(deserialize_with = "config::whole::<1, 64, _, _>")]
    pub window: u32,
    /// Requests (ranges of any length) that a channel holds.
    #[serde(deserialize_with = "config::whole::<1, 4096, _, _>")]
    pub queue: u32,
    /// Reads go first until so many bursts of writes wait.
    #[serde(deserialize_with = "config::whole::<0, MOST_BURSTS, _, _>")]
    pub write_high: u64,
    /// A write drain ends when so few bursts of writes are left and reads wait.
    #[serde(deserialize_with = "config::whole::<0, MOST_BURSTS, _, _>")]
    pub write_low: u64,
    /// Bursts after which a direction gives way to the other, if that has enough waiting.
    #[serde(deserialize_with = "config::whole::<1, MOST_BURSTS, _, _>")]
    pub batch: u64,
    /// How rows are refreshed.
    pub refresh: RefreshPolicy,
    /// Refreshes that may be owed while requests wait.
    #[serde(deserialize_with = "config::whole::<0, 8, _, _>")]
    pub postpone: u32,
}

/// The order in which queued row visits are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduler {
    /// The oldest row visit whose command can go now is served first.
    #[default]
    FirstReady,
    /// Row visits are served strictly in order of arrival.
    FirstCome,
}

/// When rows close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Page {
    /// Rows close when another row of the bank is wanted, after at most `row_hits` column commands
    /// if younger requests keep hitting the open row.
    Open {
        /// Column commands after which an older request for another row is no longer passed.
        #[serde(deserialize_with = "config::whole::<1, MOST_ROW_HITS, _, _>")]
        row_hits: u32,
    },
    /// Rows close with the last burst of each row visit.
    Closed,
    /// As `Open`, but also with the last burst of a visit if no queued request hits the row.
    Adaptive {
        /// The same number as in `Open`.
        #[serde(deserialize_with = "config::whole::<1, MOST_ROW_HITS, _, _>")]
        row_hits: u32,
    },
}

/// How rows are refreshed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefreshPolicy {
    /// All banks of a rank are refreshed at once; ranks take turns.
    #[default]
    AllBank,
    /// One bank after the other, where the standard has it: in DDR5 the same bank of all groups,
    /// in GDDR6 a pair of banks.
    PerBank,
    /// Rows are never refreshed.
    Off,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            scheduler: Scheduler::FirstReady,
            page: Page::Open { row_hits: 128 },
            window: 12,
            queue: 64,
            write_high: 128,
            write_low: 16,
            batch: 512,
            refresh: RefreshPolicy::AllBank,
            postpone: 0,
        }
    }
}

/// Cycles by the name of the parameter.
fn timings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let cycles = BTreeMap::<String, Whole<0, MOST_CYCLES>>::deserialize(deserializer)?;
    let plain = cycles
        .into_iter()
        .map(|(name, cycles)| (name, cycles.get()));
    Ok(plain.collect())
}

const fn one() -> u64 {
    1
}

fn default_map() -> String {
    "rorabacochbg".to_owned()
}

impl DramConfig {
    /// A shipped preset with everything else at its default.
    #[must_use]
    pub fn preset(name: &str, channels: u64) -> Self {
        Self {
            standard: name.to_owned(),
            channels,
            map: default_map(),
            hash: Hash::None,
            organisation: OrganisationChange::default(),
            timings: BTreeMap::new(),
            policy: Policy::default(),
        }
    }
}

impl DramConfig {
    /// Whether it is a shipped preset as it stands, but for the number of channels.
    #[must_use]
    pub fn is_preset(&self) -> bool {
        *self == Self::preset(&self.standard, self.channels)
    }
}

/// A checked description of DRAM.
#[derive(Clone, Debug)]
pub struct Device {
    /// What the user wrote.
    pub config: DramConfig,
    /// The numbers in force.
    pub preset: Preset,
    /// The standard that the preset belongs to.
    pub standard: Standard,
    /// Its constraint table in cycles.
    pub rules: Vec<Rule>,
    /// The number of channels of the memory, at least 1.
    pub channels: u64,
    /// The address map.
    pub map: AddressMap,
    /// How the controller decides.
    pub policy: Policy,
    /// The clock of commands.
    pub frequency: Frequency,
    /// Warnings about settings that are odd, but can stand.
    pub warnings: Vec<String>,
}

impl Device {
    /// Checks a configuration.
    ///
    /// # Errors
    /// Names the field that cannot stand, and what would be right.
    pub fn new(config: &DramConfig) -> Result<Self, FieldError> {
        let mut preset = preset::named(&config.standard).ok_or_else(|| {
            FieldError::new(
                "standard",
                format!("no preset is called `{}`", config.standard),
            )
            .help(format!("one of {}", preset::names().join(", ")))
        })?;
        config.organisation.apply(&mut preset.organisation)?;
        for (name, &cycles) in &config.timings {
            let Some(value) = preset.timings.get_mut(name) else {
                let known: Vec<&str> = preset.timings.keys().map(String::as_str).collect();
                let message = format!("`{name}` is no timing parameter of {}", preset.standard);
                return Err(FieldError::new("timings", message)
                    .help(format!("one of {}", known.join(", "))));
            };
            *value = cycles;
        }
        if !(1..=MOST_CHANNELS).contains(&config.channels) {
            return Err(
                FieldError::new("channels", format!("{} channels", config.channels))
                    .help(format!("a memory has from 1 to {MOST_CHANNELS} channels")),
            );
        }
        let Some(standard) = Standard::named(&preset.standard) else {
            return Err(FieldError::new("standard", "a preset without its standard"));
        };
        let rules = standard
            .rules(&preset.timings)
            .map_err(|error| FieldError::new("timings", error))?;
        check_timings(&preset)?;
        check_refresh(&preset, &standard, config.policy)?;
        check_policy(&config.policy, &standard, &preset)?;
        let bytes = preset.organisation.capacity_bytes();
        if bytes
            .and_then(|bytes| bytes.checked_mul(config.channels))
            .is_none()
        {
            return Err(FieldError::new("organisation", "more than 2^64 bytes"));
        }
        let frequency = Frequency::from_period_femtoseconds(preset.clock_femtoseconds)
            .map_err(|error| FieldError::new("standard", error))?;
        Ok(Self {
            config: config.clone(),
            map: AddressMap::new(
                &config.map,
                &preset.organisation,
                config.channels,
                config.hash,
            )?,
            warnings: warnings(&preset),
            standard,
            rules,
            channels: config.channels,
            policy: config.policy,
            frequency,
            preset,
        })
    }

    /// A timing parameter in cycles; 0 if the standard has none of that name.
    #[must_use]
    pub fn timing(&self, name: &str) -> u64 {
        self.preset.timings.get(name).copied().unwrap_or(0)
    }
}

impl OrganisationChange {
    fn apply(self, organisation: &mut Organisation) -> Result<(), FieldError> {
        let fields = [
            ("ranks", self.ranks, &mut organisation.ranks, 16),
            (
                "bank_groups",
                self.bank_groups,
                &mut organisation.bank_groups,
                64,
            ),
            (
                "banks_per_group",
                self.banks_per_group,
                &mut organisation.banks_per_group,
                64,
            ),
            (
                "rows_per_bank",
                self.rows_per_bank,
                &mut organisation.rows_per_bank,
                MOST_ROWS,
            ),
            (
                "row_bytes",
                self.row_bytes,
                &mut organisation.row_bytes,
                MOST_ROW_BYTES,
            ),
        ];
        for (name, change, field, most) in fields {
            if let Some(value) = change {
                if value == 0 || value > most {
                    let path = format!("organisation.{name}");
                    return Err(FieldError::new(path, format!("{value}"))
                        .help(format!("a number from 1 to {most}")));
                }
                *field = value;
            }
        }
        if !organisation
            .row_bytes
            .is_multiple_of(organisation.access_bytes)
        {
            let message = format!(
                "{} bytes are no whole number of {}-byte bursts",
                organisation.row_bytes, organisation.access_bytes
            );
            return Err(FieldError::new("organisation.row_bytes", message));
        }
        let banks = organisation.ranks * organisation.bank_groups * organisation.banks_per_group;
        if banks > 128 {
            let message = format!("{banks} banks on one channel");
            return Err(FieldError::new("organisation", message)
                .help("at most 128: fewer ranks, or more channels"));
        }
        Ok(())
    }
}
