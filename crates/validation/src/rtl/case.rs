//! One GEMM on one array, as the testbench reads it.

use std::fmt;
use std::str::FromStr;

use pe_array::{
    ArrayConfig, ArrayModel, Convention, Element, Feed, TileError, TileTiming, Variant,
};
use quantities::Ratio;
use strum::VariantArray;
use tile_program::{Dataflow, GemmTile};

use super::random::SplitMix;

/// The PE kinds that the RTL has, in the order of the testbench's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Kind {
    /// Weights −1 and +1, INT8 activations.
    Binary,
    /// Weights −1, 0 and +1, INT8 activations.
    Ternary,
    /// INT8 on both sides.
    Int8,
    /// BF16 products, FP32 sums.
    Bf16,
}

impl Kind {
    /// The element as an architect writes it. Integer sums are 32 bits wide in the RTL.
    #[must_use]
    pub const fn element(self) -> Element {
        let accumulator = Some(pe_array::NumberFormat::Int32);
        match self {
            Self::Binary => Element::Binary {
                activation: None,
                accumulator,
                variant: Variant::Parallel,
            },
            Self::Ternary => Element::Ternary {
                activation: None,
                accumulator,
                variant: Variant::Parallel,
            },
            Self::Int8 => Element::Int8 {
                activation: None,
                weight: None,
                accumulator,
                variant: Variant::Parallel,
            },
            Self::Bf16 => Element::Bf16 { accumulator: None },
        }
    }
}

/// All dataflows; the index is the testbench's number.
pub(crate) const DATAFLOWS: [Dataflow; 3] = [
    Dataflow::OutputStationary,
    Dataflow::WeightStationary,
    Dataflow::InputStationary,
];

/// How folds follow one another in the RTL, in the order of the testbench's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Folds {
    /// A fold begins when the last result of the one before is out.
    Serial,
    /// A fold begins while the one before still computes, by shadow registers.
    Overlapped,
}

impl Folds {
    const fn convention(self) -> Convention {
        match self {
            Self::Serial => Convention::Serial,
            Self::Overlapped => Convention::Overlapped,
        }
    }
}

/// An array, but for the interval and the latency of its PEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// The number of rows of PEs.
    pub rows: u64,
    /// The number of columns of PEs.
    pub columns: u64,
    /// What the PEs compute with.
    pub kind: Kind,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// How folds follow one another.
    pub folds: Folds,
}

/// The dimensions of a GEMM: C\[m, n\] = A\[m, k\] · B\[k, n\].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of A and C.
    pub m: u64,
    /// Columns of B and C.
    pub n: u64,
    /// Columns of A, rows of B.
    pub k: u64,
}

/// A scratchpad port of limited rate, as the testbench is told of it. The fraction stands as it was
/// drawn and is not reduced, so that a recorded case reads back as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Elements that pass in so many cycles; at least 1.
    pub elements: u64,
    /// Cycles; at least 1.
    pub cycles: u64,
}

impl Port {
    /// A port of a rate; `None` if either number is zero: a port that never waits.
    const fn new(elements: u64, cycles: u64) -> Option<Self> {
        if elements == 0 || cycles == 0 {
            return None;
        }
        Some(Self { elements, cycles })
    }

    const fn rate(self) -> Option<Ratio> {
        Ratio::new(self.elements, self.cycles)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.elements, self.cycles)
    }
}

/// One GEMM on one array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The array that computes it.
    pub design: Design,
    /// Cycles from the start of one step of a PE to that of the next.
    pub interval: u64,
    /// Cycles from the operands of a PE to its sum.
    pub latency: u64,
    /// The dimensions of the GEMM.
    pub shape: Shape,
    /// GEMMs of that shape, one after another.
    pub repeat: u64,
    /// The scratchpad ports of A, B and C; `None` for one that never waits.
    pub ports: [Option<Port>; 3],
    /// From which the operands are drawn.
    pub seed: u64,
}

impl Case {
    /// A case drawn from a seed: arrays up to 32 × 32, K up to 300, every kind, dataflow and
    /// convention, intervals 1, 2 and 4, latencies 1 to 5, most ports unlimited.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = SplitMix(seed);
        loop {
            let side = |random: &mut SplitMix| {
                let most = random.of(&[4, 8, 12, 16, 32]);
                random.within(1, most)
            };
            let (rows, columns) = (side(&mut random), side(&mut random));
            let case = Self::on(rows, columns, &mut random);
            if case.cost() <= GREATEST_COST {
                return case;
            }
        }
    }

    /// A small case on an array, drawn from a seed.
    #[must_use]
    pub fn small(design: Design, seed: u64) -> Self {
        let mut random = SplitMix(seed);
        let case = Self::on(design.rows, design.columns, &mut random);
        let mut size = |side: u64| random.within(1, 2 * side + 3);
        let (sr, sc, steps) = (size(design.rows), size(design.columns), size(8));
        Self {
            design,
            shape: shape(design.dataflow, sr, sc, steps),
            repeat: random.within(1, 2),
            ..case
        }
    }

    fn on(rows: u64, columns: u64, random: &mut SplitMix) -> Self {
        let dataflow = random.of(&DATAFLOWS);
        let several = |random: &mut SplitMix, side: u64| match random.within(0, 3) {
            0 => random.within(1, side),
            1 => side * random.within(1, 3),
            _ => random.within(1, 3 * side),
        };
        let (mut sr, sc) = (several(random, rows), several(random, columns));
        let reduction = random.of(&[8, 40, 300]);
        let reduction = random.within(1, reduction);
        let steps = if dataflow == Dataflow::OutputStationary {
            reduction
        } else {
            // K lies along the rows: long reductions are many folds.
            sr = if random.within(0, 3) == 0 {
                reduction
            } else {
                sr
            };
            random.of(&[1, 2, rows, 64]).min(random.within(1, 64))
        };
        let rate = |random: &mut SplitMix, side: u64| {
            if random.within(0, 2) > 0 {
                return None;
            }
            let cycles = random.within(1, 4);
            let elements = random.within(1, side * cycles + 2);
            Port::new(elements, cycles)
        };
        Self {
            design: Design {
                rows,
                columns,
                kind: random.of(Kind::VARIANTS),
                dataflow,
                folds: match random.within(0, 1) {
                    0 => Folds::Serial,
                    _ => Folds::Overlapped,
                },
            },
            interval: random.of(&[1, 1, 2, 4]),
            latency: random.within(1, 5),
            shape: shape(dataflow, sr, sc, steps),
            repeat: random.of(&[1, 1, 1, 2, 3]),
            ports: [rows, columns, columns].map(|side| rate(random, side)),
            seed: random.next() >> 1,
        }
    }

    /// About how much a simulator of RTL has to do: cycles times PEs.
    fn cost(&self) -> u64 {
        self.timing().map_or(u64::MAX, |timing| {
            timing.total.get() * (self.design.rows.max(8) * self.design.columns.max(8))
        })
    }

    /// The case in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let Shape { m, n, k } = self.shape;
        let [a, b, c] = self
            .ports
            .map(|port| port.map_or("-".to_owned(), |port| port.to_string()));
        format!(
            "{} x {} {:?} {:?} {}, interval {}, latency {}, ports {a} {b} {c}, M {m} N {n} K {k}, {} times",
            self.design.rows,
            self.design.columns,
            self.design.kind,
            self.design.dataflow,
            self.design.folds,
            self.interval,
            self.latency,
            self.repeat,
        )
    }

    /// What the laws say.
    ///
    /// # Errors
    /// A dimension of zero, or a tile past 64 bits.
    ///
    /// # Panics
    /// If the case describes no array at all: rows, columns, interval or latency of zero.
    pub fn timing(&self) -> Result<TileTiming, TileError> {
        let Design {
            rows,
            columns,
            kind,
            dataflow,
            folds,
        } = self.design;
        let config = ArrayConfig {
            rows,
            columns,
            element: kind.element(),
            dataflow,
            timing: folds.convention(),
            initiation_interval: Some(self.interval),
            latency: Some(self.latency),
        };
        let model = ArrayModel::new(&config).expect("a case describes an array");
        let Shape { m, n, k } = self.shape;
        let tile = GemmTile {
            m,
            n,
            k,
            repeat: self.repeat,
            side_by_side: 1,
            accumulate: false,
            packed: None,
        };
        let [a, b, c] = self.ports.map(|port| port.and_then(Port::rate));
        model.tile(&tile, &Feed { a, b, c })
    }
}

/// Cycles times PEs of the largest random case: about 0.1 s of simulation.
const GREATEST_COST: u64 = 2_000_000;

fn shape(dataflow: Dataflow, sr: u64, sc: u64, steps: u64) -> Shape {
    let (m, n, k) = match dataflow {
        Dataflow::OutputStationary => (sr, sc, steps),
        Dataflow::WeightStationary => (steps, sc, sr),
        Dataflow::InputStationary => (sc, steps, sr),
    };
    Shape { m, n, k }
}

/// As the testbench reads it.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dataflow = DATAFLOWS
            .iter()
            .position(|flow| *flow == self.design.dataflow);
        let Shape { m, n, k } = self.shape;
        write!(
            f,
            "{} {} {} {} {} {} {} {m} {n} {k} {}",
            self.design.rows,
            self.design.columns,
            self.design.kind as u8,
            dataflow.expect("the list holds every dataflow"),
            self.design.folds as u8,
            self.interval,
            self.latency,
            self.repeat,
        )?;
        for port in self.ports {
            let (elements, cycles) = port.map_or((0, 0), |port| (port.elements, port.cycles));
            write!(f, " {elements} {cycles}")?;
        }
        write!(f, " {}", self.seed)
    }
}

impl FromStr for Case {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fields: Vec<u64> = text
            .split(' ')
            .map(|field| field.parse().map_err(|_| ()))
            .collect::<Result<_, _>>()?;
        let &[
            rows,
            columns,
            kind,
            dataflow,
            folds,
            interval,
            latency,
            m,
            n,
            k,
            repeat,
            ref rest @ ..,
        ] = fields.as_slice()
        else {
            return Err(());
        };
        let &[a, a_cycles, b, b_cycles, c, c_cycles, seed] = rest else {
            return Err(());
        };
        Ok(Self {
            design: Design {
                rows,
                columns,
                kind: *Kind::VARIANTS.get(kind as usize).ok_or(())?,
                dataflow: *DATAFLOWS.get(dataflow as usize).ok_or(())?,
                folds: *Folds::VARIANTS.get(folds as usize).ok_or(())?,
            },
            interval,
            latency,
            shape: Shape { m, n, k },
            repeat,
            ports: [
                Port::new(a, a_cycles),
                Port::new(b, b_cycles),
                Port::new(c, c_cycles),
            ],
            seed,
        })
    }
}
