//! A configuration of DRAMsim3, checked: its address map, its constraint table, its numbers.

use crate::request::Request;
use dram::address::{AddressMap, Hash};
use dram::command::Command;
use dram::preset::Organisation;
use dram::standard::{Rule, Standard};
use dram::timing::Shape;

use crate::config::{ReplicaConfig, ReplicaError};
use crate::driver::{Arrived, Locate};
use crate::protocol::Facts;

use super::PagePolicy;
use super::gates::{Gates, Kind};

const STANDARD: &str = include_str!("../../standards/dramsim3.ron");

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) channels: u64,
    pub(crate) tick_ps: f64,
    pub(crate) request_bytes: u64,
    pub(crate) burst: u64,
    map: AddressMap,
    request_shift: u32,
    pub(super) shape: Shape,
    rows: u64,
    columns: u64,
    pub(super) gates: Gates,
    pub(super) read_return: u64,
    pub(super) write_data: u64,
    pub(super) refresh_interval: u64,
    pub(super) page: PagePolicy,
    pub(super) two_commands: bool,
    pub(super) queue_depth: usize,
    pub(super) buffer_depth: usize,
}

impl Setup {
    pub(crate) fn new(config: &ReplicaConfig) -> Result<Self, ReplicaError> {
        let hbm = config.text("protocol") == Some("HBM");
        let ranks = config.positive("ranks")?;
        let groups = config.positive("bankgroups")?;
        let banks = config.positive("banks_per_group")?;
        let burst_length = config.positive("BL")?;
        let request_bytes = config.positive("bus_width")? / 8 * burst_length;
        let columns = config.positive("columns")? * if hbm { 2 } else { 1 };
        let organisation = Organisation {
            ranks,
            bank_groups: groups,
            banks_per_group: banks,
            rows_per_bank: config.positive("rows")?,
            row_bytes: columns / burst_length * request_bytes,
            access_bytes: request_bytes,
        };
        if ranks.saturating_mul(groups).saturating_mul(banks) > 64 {
            return Err(config.wrong("ranks", "must give at most 64 banks on a channel"));
        }
        let channels = config.positive("channels")?;
        let mapping = config.text("address_mapping").unwrap_or_default();
        let map = AddressMap::new(mapping, &organisation, channels, Hash::None)
            .map_err(|error| config.wrong("address_mapping", &error.to_string()))?;
        for depth in ["cmd_queue_size", "trans_queue_size"] {
            if config.positive(depth)? > 4096 {
                return Err(config.wrong(depth, "must be at most 4096"));
            }
        }
        if !request_bytes.is_power_of_two() {
            return Err(config.wrong("bus_width", "must give bursts of a power of two of bytes"));
        }
        let (_, rules, [read, write, burst]) = constraints(config)?;
        let page = match config.text("row_buf_policy") {
            Some("CLOSE_PAGE") => PagePolicy::Closed,
            _ => PagePolicy::Open,
        };
        let shape = Shape {
            ranks: ranks as usize,
            groups: groups as usize,
            banks: banks as usize,
        };
        Ok(Self {
            channels,
            tick_ps: config.fraction("tCK")? * 1000.0,
            request_bytes,
            burst,
            map,
            request_shift: request_bytes.trailing_zeros(),
            shape,
            rows: organisation.rows_per_bank,
            columns: organisation.columns(),
            gates: Gates::new(shape, &rules, &commands(page)),
            read_return: read + burst,
            write_data: write + burst,
            refresh_interval: (config.positive("tREFI")? / ranks).max(1),
            page,
            two_commands: hbm && config.text("hbm_dual_cmd") != Some("False"),
            queue_depth: config.positive("cmd_queue_size")? as usize,
            buffer_depth: config.positive("trans_queue_size")? as usize,
        })
    }

    /// The commands of each kind, by the page policy.
    pub(super) const fn commands(&self) -> [Command; Kind::COUNT] {
        commands(self.page)
    }

    /// What finds the places of requests.
    pub(crate) fn locator(&self) -> Locator<'_> {
        let lowest = self.columns.is_power_of_two()
            && self.map.rows_interleaved() == 1
            && self.map.stripe_bursts().is_multiple_of(self.columns);
        Locator {
            setup: self,
            column_bits: if lowest { self.columns - 1 } else { 0 },
        }
    }
}

/// Finds the places of requests.
pub(crate) struct Locator<'a> {
    setup: &'a Setup,
    /// If columns are the lowest bits of a burst's number, these: the next burst is the next column
    /// unless they begin anew.
    column_bits: u64,
}

impl Locate for Locator<'_> {
    #[inline(always)]
    fn locate(&self, request: &Request, at: &mut Arrived) {
        let burst = request.address >> self.setup.request_shift;
        if burst == at.burst.wrapping_add(1) && burst & self.column_bits != 0 {
            at.column += 1;
        } else {
            let shape = self.setup.shape;
            let place = self.setup.map.locate(burst);
            let group = place.rank as usize * shape.groups + place.group as usize;
            at.bank = (group * shape.banks + place.bank as usize) as u16;
            at.row = place.row as u32;
            at.column = place.column as u32;
            at.channel = place.channel as u32;
        }
        at.burst = burst;
        at.arrival = request.arrival;
        at.direction = request.direction;
    }
}

/// DRAMsim3's constraint table, in cycles for a configuration, and RL, WL and the burst.
fn constraints(config: &ReplicaConfig) -> Result<(Standard, Vec<Rule>, [u64; 3]), ReplicaError> {
    let mut parameters = config.parameters();
    let mut derive = |name: &str, value: u64| parameters.insert(name.to_owned(), value);
    let additive = config.number_or("AL", 0)?;
    let read = config.positive("CL")? + additive;
    let write = config.positive("CWL")? + additive;
    let burst = (config.positive("BL")? / 2).max(1);
    derive("RL", read);
    derive("WL", write);
    derive("B", burst);
    if config.positive("bankgroups")? == 1 {
        for short in ["tRRD", "tCCD", "tWTR"] {
            derive(&format!("{short}_L"), config.number(&format!("{short}_S"))?);
        }
    }
    if config.text("protocol") != Some("HBM") {
        derive("tRCDRD", config.number("tRCD")?);
        derive("tRCDWR", config.number("tRCD")?);
    }
    let standard: Standard = match ron::from_str(STANDARD) {
        Ok(standard) => standard,
        Err(error) => panic!("standards/dramsim3.ron: {error}"),
    };
    let rules = standard
        .rules(&parameters)
        .map_err(|error| config.wrong("timings", &error.to_string()))?;
    Ok((standard, rules, [read, write, burst]))
}

/// What the checker must know.
pub(crate) fn facts(config: &ReplicaConfig) -> Result<Facts, ReplicaError> {
    let setup = Setup::new(config)?;
    let (standard, rules, [read_latency, write_latency, burst]) = constraints(config)?;
    Ok(Facts {
        standard,
        rules,
        shape: setup.shape,
        rows: setup.rows,
        columns: setup.columns,
        pseudo_channels: 1,
        two_buses: setup.two_commands,
        read_latency,
        write_latency,
        burst,
        refresh_interval: Some(config.positive("tREFI")?),
        two_step: None,
    })
}

const fn commands(page: PagePolicy) -> [Command; Kind::COUNT] {
    let [read, write] = match page {
        PagePolicy::Open => [Command::Read, Command::Write],
        PagePolicy::Closed => [Command::ReadAuto, Command::WriteAuto],
    };
    [
        Command::Activate,
        Command::Precharge,
        read,
        write,
        Command::RefreshAll,
    ]
}
