//! One GEMM on one array, as the testbench reads it.

use std::fmt;
use std::str::FromStr;

use quantities::Ratio;
use tile_program::{Dataflow, GemmTile};

use super::random::SplitMix;
use pe_array::{
    ArrayConfig, ArrayModel, Convention, Element, Feed, TileError, TileTiming, Variant,
};

/// The PE kinds that the RTL has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// All kinds; the index is the testbench's number.
    pub const ALL: [Self; 4] = [Self::Binary, Self::Ternary, Self::Int8, Self::Bf16];

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

/// One GEMM on one array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// PE rows.
    pub rows: u64,
    /// PE columns.
    pub columns: u64,
    /// What the PEs compute with.
    pub kind: Kind,
    /// What stays in the array.
    pub dataflow: Dataflow,
    /// `Overlapped`, else `Serial`.
    pub overlapped: bool,
    /// Initiation interval.
    pub interval: u64,
    /// Pipeline latency.
    pub latency: u64,
    /// M, N, K.
    pub shape: (u64, u64, u64),
    /// GEMMs of that shape, one after another.
    pub repeat: u64,
    /// The ports' rates.
    pub feed: Feed,
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

    /// A small case on an array of the given size, drawn from a seed.
    #[must_use]
    pub fn small(
        (rows, columns): (u64, u64),
        kind: Kind,
        dataflow: Dataflow,
        overlapped: bool,
        seed: u64,
    ) -> Self {
        let mut random = SplitMix(seed);
        let case = Self::on(rows, columns, &mut random);
        let mut size = |side: u64| random.within(1, 2 * side + 3);
        let (sr, sc, steps) = (size(rows), size(columns), size(8));
        Self {
            kind,
            dataflow,
            overlapped,
            shape: shape(dataflow, sr, sc, steps),
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
            Ratio::new(elements, cycles)
        };
        Self {
            rows,
            columns,
            kind: random.of(&Kind::ALL),
            dataflow,
            overlapped: random.within(0, 1) == 1,
            interval: random.of(&[1, 1, 2, 4]),
            latency: random.within(1, 5),
            shape: shape(dataflow, sr, sc, steps),
            repeat: random.of(&[1, 1, 1, 2, 3]),
            feed: Feed {
                a: rate(random, rows),
                b: rate(random, columns),
                c: rate(random, columns),
            },
            seed: random.next() >> 1,
        }
    }

    /// About how much a simulator of RTL has to do: cycles times PEs.
    fn cost(&self) -> u64 {
        self.timing().map_or(u64::MAX, |timing| {
            timing.total.get() * (self.rows.max(8) * self.columns.max(8))
        })
    }

    /// The case in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let (m, n, k) = self.shape;
        let port = |rate: Option<Ratio>| {
            rate.map_or_else(
                || "-".to_owned(),
                |rate| format!("{}/{}", rate.numerator(), rate.denominator()),
            )
        };
        format!(
            "{} x {} {:?} {:?} {}, interval {}, latency {}, ports {} {} {}, M {m} N {n} K {k}, {} times",
            self.rows,
            self.columns,
            self.kind,
            self.dataflow,
            if self.overlapped {
                "overlapped"
            } else {
                "serial"
            },
            self.interval,
            self.latency,
            port(self.feed.a),
            port(self.feed.b),
            port(self.feed.c),
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
        let config = ArrayConfig {
            rows: self.rows,
            columns: self.columns,
            element: self.kind.element(),
            dataflow: self.dataflow,
            timing: if self.overlapped {
                Convention::Overlapped
            } else {
                Convention::Serial
            },
            initiation_interval: Some(self.interval),
            latency: Some(self.latency),
        };
        let model = ArrayModel::new(&config).expect("a case describes an array");
        let (m, n, k) = self.shape;
        let tile = GemmTile {
            m,
            n,
            k,
            repeat: self.repeat,
            side_by_side: 1,
            accumulate: false,
            packed: None,
        };
        model.tile(&tile, &self.feed)
    }
}

/// Cycles times PEs of the largest random case: about 0.1 s of simulation.
const GREATEST_COST: u64 = 2_000_000;

fn shape(dataflow: Dataflow, sr: u64, sc: u64, steps: u64) -> (u64, u64, u64) {
    match dataflow {
        Dataflow::OutputStationary => (sr, sc, steps),
        Dataflow::WeightStationary => (steps, sc, sr),
        Dataflow::InputStationary => (sc, steps, sr),
    }
}

/// As the testbench reads it.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |place: Option<usize>| place.expect("a kind and dataflow of the lists");
        let (m, n, k) = self.shape;
        write!(
            f,
            "{} {} {} {} {} {} {} {m} {n} {k} {}",
            self.rows,
            self.columns,
            number(Kind::ALL.iter().position(|kind| *kind == self.kind)),
            number(DATAFLOWS.iter().position(|flow| *flow == self.dataflow)),
            u8::from(self.overlapped),
            self.interval,
            self.latency,
            self.repeat,
        )?;
        for rate in [self.feed.a, self.feed.b, self.feed.c] {
            let (elements, cycles) =
                rate.map_or((0, 0), |rate| (rate.numerator(), rate.denominator()));
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
            overlapped,
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
        let rate = |elements: u64, cycles: u64| Ratio::new(elements, cycles);
        Ok(Self {
            rows,
            columns,
            kind: *Kind::ALL.get(kind as usize).ok_or(())?,
            dataflow: *DATAFLOWS.get(dataflow as usize).ok_or(())?,
            overlapped: overlapped == 1,
            interval,
            latency,
            shape: (m, n, k),
            repeat,
            feed: Feed {
                a: rate(a, a_cycles),
                b: rate(b, b_cycles),
                c: rate(c, c_cycles),
            },
            seed,
        })
    }
}
