//! Several cores on a chip, several chips, and the links between them.

use config::{FieldError, Whole};
use serde::{Deserialize, Serialize};

use super::array;
use super::file::{CoreFile, MOST_CORES, MachineFile};
use super::resolve::{dma_of, scratchpads_of, vector_of};
use super::spec::CoreSpec;
use quantities::Frequency;

/// Which chips are joined, each pair in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Topology {
    /// Each chip with the next, the last with the first.
    #[default]
    Ring,
    /// Each chip with the next.
    Line,
    /// Each chip with each other.
    FullyConnected,
    /// Rows of so many chips: each with its neighbours in its row and column.
    Mesh(Whole<1, MOST_CORES>),
    /// The same, with the ends of rows and columns joined too.
    Torus(Whole<1, MOST_CORES>),
    /// The pairs that are named.
    Links(Vec<(ChipNumber, ChipNumber)>),
}

/// The number of a chip, counted from 0.
type ChipNumber = Whole<0, { MOST_CORES - 1 }>;

impl Topology {
    /// The pairs of chips that are joined.
    fn pairs(&self, chips: u16) -> Result<Vec<(u16, u16)>, FieldError> {
        let line = (1..chips).map(|chip| (chip - 1, chip));
        Ok(match self {
            Self::Line => line.collect(),
            // Two chips are one pair, not two.
            Self::Ring if chips > 2 => line.chain([(chips - 1, 0)]).collect(),
            Self::Ring => line.collect(),
            Self::FullyConnected => (0..chips)
                .flat_map(|a| (a + 1..chips).map(move |b| (a, b)))
                .collect(),
            Self::Mesh(columns) => grid(chips, columns.get(), false)?,
            Self::Torus(columns) => grid(chips, columns.get(), true)?,
            Self::Links(pairs) => {
                let number = |chip: ChipNumber| u16::try_from(chip.get()).unwrap_or(u16::MAX);
                let pairs = pairs.iter().map(|&(a, b)| (number(a), number(b)));
                let pairs: Vec<_> = pairs.collect();
                for (index, &(a, b)) in pairs.iter().enumerate() {
                    if a >= chips || b >= chips || a == b {
                        return Err(FieldError::new(
                            format!("topology[{index}]"),
                            format!("no link joins chips {a} and {b}"),
                        )
                        .help(format!("two different chips of 0 to {}", chips - 1)));
                    }
                }
                pairs
            }
        })
    }
}

/// The pairs of a mesh, or of a torus, whose rows are so long.
fn grid(chips: u16, columns: u64, torus: bool) -> Result<Vec<(u16, u16)>, FieldError> {
    let fits = u16::try_from(columns)
        .ok()
        .filter(|columns| *columns > 0 && chips.is_multiple_of(*columns));
    let Some(columns) = fits else {
        return Err(FieldError::new(
            "topology",
            format!("{chips} chips cannot stand in rows of {columns}"),
        )
        .help("a length of rows that divides the chips"));
    };
    let rows = chips / columns;
    let chip = |row: u16, column: u16| row * columns + column;
    let mut pairs = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            if column + 1 < columns {
                pairs.push((chip(row, column), chip(row, column + 1)));
            } else if torus && columns > 2 {
                pairs.push((chip(row, column), chip(row, 0)));
            }
            if row + 1 < rows {
                pairs.push((chip(row, column), chip(row + 1, column)));
            } else if torus && rows > 2 {
                pairs.push((chip(row, column), chip(0, column)));
            }
        }
    }
    Ok(pairs)
}

/// The cores of a chip: at least one.
pub(super) fn cores(file: &MachineFile, clock: Frequency) -> Result<Vec<CoreSpec>, FieldError> {
    let mut cores = Vec::new();
    for (index, core) in file.cores.iter().enumerate() {
        let inside = |error: FieldError| error.inside(format_args!("cores[{index}]"));
        let all = cores.len() as u64 + core.count.get();
        if all > MOST_CORES {
            return Err(FieldError::new("cores", format!("{all} cores"))
                .help(format!("at most {MOST_CORES} in all")));
        }
        let spec = resolve_core(file, core, clock, &inside)?;
        cores.extend((0..core.count.get()).map(|_| spec.clone()));
    }
    if cores.is_empty() {
        return Err(FieldError::new("cores", "no cores").help("[(count: 1)], or leave it out"));
    }
    Ok(cores)
}

/// A core: what it does not say is the machine's, and errors there stand at the machine's fields.
fn resolve_core(
    file: &MachineFile,
    core: &CoreFile,
    clock: Frequency,
    inside: &dyn Fn(FieldError) -> FieldError,
) -> Result<CoreSpec, FieldError> {
    Ok(CoreSpec {
        arrays: match &core.arrays {
            Some(arrays) => array::resolve_all(arrays, clock).map_err(inside)?,
            None => array::resolve_all(&file.arrays, clock)?,
        },
        vector: match &core.vector {
            Some(vector) => vector_of(vector).map_err(inside)?,
            None => vector_of(&file.vector)?,
        },
        scratchpads: match &core.scratchpads {
            Some(pads) => scratchpads_of(pads).map_err(inside)?,
            None => scratchpads_of(&file.scratchpads)?,
        },
        dma: match &core.dma {
            Some(dma) => dma_of(dma).map_err(inside)?,
            None => dma_of(&file.dma)?,
        },
    })
}

/// The number of chips, and which of them are joined.
pub(super) fn joined(
    file: &MachineFile,
    cores: usize,
) -> Result<(u16, Vec<(u16, u16)>), FieldError> {
    let most = MOST_CORES / cores as u64;
    let chips = u16::try_from(file.chips.get())
        .ok()
        .filter(|chips| (1..=most).contains(&u64::from(*chips)));
    let Some(chips) = chips else {
        return Err(
            FieldError::new("chips", format!("{} chips", file.chips)).help(format!(
                "from 1 to {most}: a machine has at most {MOST_CORES} cores"
            )),
        );
    };
    let Some(link) = &file.link else {
        if chips > 1 {
            return Err(
                FieldError::new("link", format!("no link joins {chips} chips"))
                    .help("link: (bandwidth: GBps(100), latency: Ns(500), topology: Ring)"),
            );
        }
        return Ok((chips, Vec::new()));
    };
    let pairs = if chips == 1 {
        Vec::new()
    } else {
        link.topology
            .pairs(chips)
            .map_err(|error| error.inside("link"))?
    };
    let network = tile_program::Network::new(chips, &pairs);
    if let Some((from, to)) = network.unreachable() {
        return Err(FieldError::new(
            "link.topology",
            format!("chip {to} cannot be reached from chip {from}"),
        )
        .help("a link on the way, or fewer chips"));
    }
    Ok((chips, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topologies_join_the_pairs_that_they_say() {
        let pairs = |topology: Topology, chips| topology.pairs(chips).expect("it stands").len();
        assert_eq!(pairs(Topology::Ring, 8), 8);
        assert_eq!(pairs(Topology::Ring, 2), 1);
        assert_eq!(pairs(Topology::Line, 8), 7);
        assert_eq!(pairs(Topology::FullyConnected, 8), 28);
        assert_eq!(pairs(Topology::Mesh(Whole::new(4)), 8), 10);
        // Rows of four wrap; columns of two are joined already.
        assert_eq!(pairs(Topology::Torus(Whole::new(4)), 8), 12);
        assert_eq!(pairs(Topology::Torus(Whole::new(3)), 9), 18);
        assert!(Topology::Mesh(Whole::new(3)).pairs(8).is_err());
        assert!(
            Topology::Links(vec![(Whole::new(0), Whole::new(8))])
                .pairs(8)
                .is_err()
        );
    }
}
