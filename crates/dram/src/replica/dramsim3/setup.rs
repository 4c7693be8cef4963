//! A configuration of DRAMsim3, checked: its address map, its constraint table, its numbers.

use crate::address::{AddressMap, Hash};
use crate::command::Command;
use crate::preset::Organisation;
use crate::request::Request;
use crate::standard::{Rule, Standard};
use crate::timing::{Shape, Timing};

use crate::replica::config::{ReplicaConfig, ReplicaError};
use crate::replica::driver::Arrived;
use crate::replica::protocol::Facts;

const STANDARD: &str = include_str!("../../../standards/dramsim3.ron");

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
    pub(super) timing: Timing,
    pub(super) read_return: u64,
    pub(super) write_data: u64,
    pub(super) refresh_interval: u64,
    closes_page: bool,
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
        let closes_page = config.text("row_buf_policy") == Some("CLOSE_PAGE");
        let mut asked = vec![Command::Activate, Command::Precharge, Command::RefreshAll];
        asked.extend(column_commands(closes_page));
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
            timing: Timing::new(shape, &rules, &asked),
            read_return: read + burst,
            write_data: write + burst,
            refresh_interval: (config.positive("tREFI")? / ranks).max(1),
            closes_page,
            two_commands: hbm && config.text("hbm_dual_cmd") != Some("False"),
            queue_depth: config.positive("cmd_queue_size")? as usize,
            buffer_depth: config.positive("trans_queue_size")? as usize,
        })
    }

    /// The read and the write command of the page policy.
    pub(super) const fn column_commands(&self) -> [Command; 2] {
        column_commands(self.closes_page)
    }

    #[inline]
    pub(crate) fn arrived(&self, request: &Request) -> Arrived {
        let burst = request.address >> self.request_shift;
        let location = self.map.locate(burst);
        let group = location.rank as usize * self.shape.groups + location.group as usize;
        Arrived {
            burst,
            channel: location.channel as usize,
            unit: 0,
            bank: group * self.shape.banks + location.bank as usize,
            row: location.row as u32,
            column: location.column as u32,
            write: request.write,
        }
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

const fn column_commands(closes_page: bool) -> [Command; 2] {
    if closes_page {
        [Command::ReadAuto, Command::WriteAuto]
    } else {
        [Command::Read, Command::Write]
    }
}
