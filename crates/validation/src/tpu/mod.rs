//! The ledger of a machine's array beside the counters of the hardware.
//!
//! The TPU v1 is the one machine of its kind whose counters split every cycle of the matrix unit by
//! cause. Its applications are run as the layers that are known of them, through the same compiler
//! and machine as every other workload, and the buckets of the array's ledger are read as the
//! counters are:
//!
//! | counter | buckets of the array |
//! |---|---|
//! | active | `compute` and `fill`: operands enter the array |
//! | weight shift | `weight_load`: a tile shifts in, and nothing enters; a tile that shifts in behind the stream of the one before is active |
//! | weight stall | `dram_*`, `sram_port`, `drain`: the next tile is not there; results that leave meanwhile leave in its shade |
//! | non-matrix | `dependency`, `buffer_full`, `idle`: not a matter of weights; left out on both sides |

mod golden;

use accelerator::{Machine, MachineSpec};
use config::FieldError;
use simulator::{Point, RunRecord, measure_all};
use tile_program::{Cause, Family};
use workload_compiler::{
    DenseLayer, Format, ModelChoice, Operators, PrecisionFile, Run, Weights, Workload,
    WorkloadFile, resolve,
};

pub use golden::{App, Counters, SHIPPED, parse};

/// The machine that was measured: the name of its file.
pub const TPU_MACHINE: &str = "tpu-v1";

/// Fields of the machine that no source gives and that were chosen with the counters in sight, each
/// with a value that was not: that of the other shipped machines (`map`), the default (`window`),
/// and what the latency of the memory needs (`requests_in_flight`).
pub const CHOSEN: [(&str, &str); 3] = [
    ("memory.map", "\"rorabachbgco\""),
    ("memory.policy.window", "12"),
    ("dma.requests_in_flight", "8"),
];

/// How far the share of the shift may be off, in percentage points.
pub const SHIFT_BOUND: f64 = 1.0;
/// How far active and stall together may be off.
pub const SUM_BOUND: f64 = 1.5;
/// How far active and stall may be off each, where it is known that all activations have 8 bits.
pub const EACH_BOUND: f64 = 1.0;

/// The applications that compute on 8-bit activations alone. Of others the share of 16-bit
/// activations, which the array takes at half rate, is not known, and with it the border between
/// active and stall.
const EIGHT_BITS: [&str; 1] = ["MLP0"];

/// Width of the activations of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activations {
    /// All of 8 bits: a step a cycle.
    Eight,
    /// All of 16 bits: a step every other cycle.
    Sixteen,
}

/// An application as it was counted and as it was simulated.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The application with its published counters.
    pub app: App,
    /// Inputs (and outputs) of each layer that stood for it.
    pub side: u64,
    /// What was simulated, or why the application cannot be run.
    pub simulated: Result<Simulated, String>,
}

/// The simulated counters, in percent of all cycles of the application.
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    /// With 8-bit activations throughout.
    pub eight: Counters,
    /// With 16-bit activations throughout.
    pub sixteen: Counters,
}

/// What is held against a counter, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The counter of weight shifts.
    Shift,
    /// The sum of active and stall.
    Sum,
    /// Active by itself.
    Active,
    /// Stall by itself.
    Stall,
}

impl Held {
    /// As reports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shift => "shift",
            Self::Sum => "active + stall",
            Self::Active => "active",
            Self::Stall => "stall",
        }
    }

    /// How far it may be off, in percentage points.
    #[must_use]
    pub const fn bound(self) -> f64 {
        match self {
            Self::Shift => SHIFT_BOUND,
            Self::Sum => SUM_BOUND,
            Self::Active | Self::Stall => EACH_BOUND,
        }
    }

    const fn of(self, counters: &Counters) -> f64 {
        match self {
            Self::Shift => counters.shift,
            Self::Sum => counters.active + counters.stall,
            Self::Active => counters.active,
            Self::Stall => counters.stall,
        }
    }
}

impl Compared {
    /// What is held for this application. Where the share of 16-bit activations is not known, the
    /// border between active and stall is not either, and neither is held by itself.
    #[must_use]
    pub fn held(&self) -> &'static [Held] {
        const ALL: [Held; 4] = [Held::Shift, Held::Sum, Held::Active, Held::Stall];
        match EIGHT_BITS.contains(&self.app.name.as_str()) {
            true => &ALL,
            false => &ALL[..2],
        }
    }

    /// What is out of bounds, in words; empty if nothing is.
    ///
    /// The bounds hold for 8-bit activations: the shift and the sum of active and stall hardly
    /// depend on the width.
    #[must_use]
    pub fn misses(&self) -> Vec<String> {
        let Ok(Simulated { eight, .. }) = &self.simulated else {
            return Vec::new();
        };
        self.held()
            .iter()
            .map(|&held| (held, held.of(eight) - held.of(&self.app.counters)))
            .filter(|(held, off)| off.abs() > held.bound())
            .map(|(held, off)| {
                format!(
                    "{} is off by {off:+.2}, more than {}",
                    held.name(),
                    held.bound()
                )
            })
            .collect()
    }

    /// How far the counted active share lies on the way from 8-bit to 16-bit activations: 0 at the
    /// one end, 1 at the other.
    #[must_use]
    pub fn sixteen_bit_share(&self) -> Option<f64> {
        let Simulated { eight, sixteen } = self.simulated.as_ref().ok()?;
        let way = sixteen.active - eight.active;
        (way > 0.0).then(|| (self.app.counters.active - eight.active) / way)
    }
}

/// Runs each application on the machine with 8-bit and with 16-bit activations.
///
/// # Errors
/// If the machine has no array that takes dense layers, or cannot be built.
pub fn compare(spec: &MachineSpec, apps: Vec<App>) -> Result<Vec<Compared>, FieldError> {
    let machines = [
        Machine::new(with_activations(spec, Activations::Eight))?,
        Machine::new(with_activations(spec, Activations::Sixteen))?,
    ];
    let sides: Vec<u64> = apps.iter().map(side).collect();
    let workloads: Vec<Result<Workload, String>> = apps
        .iter()
        .zip(&sides)
        .map(|(app, &side)| workload(app, side))
        .collect();
    let points: Vec<Point<'_>> = workloads
        .iter()
        .flatten()
        .flat_map(|workload| {
            machines.iter().map(|machine| Point {
                machine,
                workload: workload.clone(),
            })
        })
        .collect();
    let mut runs = measure_all(&points).into_iter();
    let mut simulate = |app: &App| {
        let mut end = |machine: &Machine| {
            let run = runs.next().expect("two runs for each workload");
            run.map(|run| counters(machine, &run, app.non_matrix))
                .map_err(|error| error.to_string())
        };
        let (eight, sixteen) = (end(&machines[0]), end(&machines[1]));
        Ok(Simulated {
            eight: eight?,
            sixteen: sixteen?,
        })
    };
    let compared = apps.into_iter().zip(sides).zip(workloads);
    Ok(compared
        .map(|((app, side), workload)| Compared {
            simulated: workload.and_then(|_| simulate(&app)),
            app,
            side,
        })
        .collect())
}

/// The side of square layers of equal size that hold an application's weights.
fn side(app: &App) -> u64 {
    let each = app.weights / app.layers.max(1);
    let side = each.isqrt();
    // The nearer of the two whole sides.
    if each - side * side > side {
        side + 1
    } else {
        side.max(1)
    }
}

fn workload(app: &App, side: u64) -> Result<Workload, String> {
    if app.layers == 0 {
        return Err("it has no fully connected layers, and convolutions are not lowered".into());
    }
    let layers = DenseLayer {
        count: app.layers,
        ..DenseLayer::new(side, side)
    };
    let file = WorkloadFile {
        precision: PrecisionFile {
            projection: Some(Format::Int8),
            activation: Some(Format::Int8),
            ..PrecisionFile::default()
        },
        weights: Weights::Streamed,
        // The counters keep host and vector work apart.
        operators: Operators::Gemms,
        beyond_max_context: true,
        ..WorkloadFile::new(ModelChoice::Dense(vec![layers]), Run::prefill(app.batch))
    };
    resolve(&file, |path| Err(format!("{path} is not asked for"))).map_err(|error| {
        let help = error
            .help
            .map_or_else(String::new, |help| format!("; {help}"));
        format!("{}: {}{help}", error.path, error.message)
    })
}

/// The machine, its arrays taking activations of a width.
fn with_activations(spec: &MachineSpec, width: Activations) -> MachineSpec {
    let mut spec = spec.clone();
    for array in spec.cores.iter_mut().flat_map(|core| &mut core.arrays) {
        if width == Activations::Sixteen {
            array.kind.initiation_interval *= 2;
            array.array.initiation_interval = Some(array.kind.initiation_interval);
        }
    }
    spec
}

/// The ledger of the array that takes dense layers, read as the counters are.
fn counters(machine: &Machine, run: &RunRecord, non_matrix: f64) -> Counters {
    let array = machine.platform().cores[0].array_for(Family::Projection);
    let unit = array.expect("the program was compiled for it").unit;
    let ledger = &run.summary.units[unit.index()];
    let sum = |causes: &[Cause]| -> u64 {
        let cycles = causes.iter().map(|&cause| ledger.by_cause(cause).get());
        cycles.sum()
    };
    let active = sum(&[Cause::Compute, Cause::Fill]);
    let shift = sum(&[Cause::WeightLoad]);
    let memory = Cause::ALL.into_iter().filter(|cause| cause.is_of_memory());
    let memory: Vec<Cause> = memory.collect();
    let stall = sum(&[Cause::Drain, Cause::SramPort, Cause::DmaPort]) + sum(&memory);
    let all = (active + shift + stall).max(1) as f64;
    let percent = |cycles: u64| cycles as f64 / all * (100.0 - non_matrix);
    Counters {
        active: percent(active),
        stall: percent(stall),
        shift: percent(shift),
    }
}
