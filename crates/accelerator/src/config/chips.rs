//! Several chips, and the links between them.

use config::FieldError;

use super::file::{ChipNumber, MOST_CORES, MachineFile, Topology};

/// The pairs of chips that a topology joins.
fn pairs(topology: &Topology, chips: u16) -> Result<Vec<(u16, u16)>, FieldError> {
    let line = (1..chips).map(|chip| (chip - 1, chip));
    Ok(match topology {
        Topology::Line => line.collect(),
        // Two chips are one pair, not two.
        Topology::Ring if chips > 2 => line.chain([(chips - 1, 0)]).collect(),
        Topology::Ring => line.collect(),
        Topology::FullyConnected => (0..chips)
            .flat_map(|a| (a + 1..chips).map(move |b| (a, b)))
            .collect(),
        Topology::Mesh(columns) => grid(chips, columns.get(), Edges::Open)?,
        Topology::Torus(columns) => grid(chips, columns.get(), Edges::Joined)?,
        Topology::Links(pairs) => {
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

/// Whether a grid of chips has links from its last row and column to the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    /// No such links: a mesh.
    Open,
    /// Such links: a torus.
    Joined,
}

/// The pairs of chips that a grid with rows of a number of columns joins.
fn grid(chips: u16, columns: u64, edges: Edges) -> Result<Vec<(u16, u16)>, FieldError> {
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
    let is_torus = edges == Edges::Joined;
    let mut pairs = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            if column + 1 < columns {
                pairs.push((chip(row, column), chip(row, column + 1)));
            } else if is_torus && columns > 2 {
                pairs.push((chip(row, column), chip(row, 0)));
            }
            if row + 1 < rows {
                pairs.push((chip(row, column), chip(row + 1, column)));
            } else if is_torus && rows > 2 {
                pairs.push((chip(row, column), chip(0, column)));
            }
        }
    }
    Ok(pairs)
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
        pairs(&link.topology, chips).map_err(|error| error.inside("link"))?
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
    use config::Whole;

    #[test]
    fn topologies_join_the_pairs_that_they_say() {
        let count = |topology: Topology, chips| pairs(&topology, chips).expect("it stands").len();
        assert_eq!(count(Topology::Ring, 8), 8);
        assert_eq!(count(Topology::Ring, 2), 1);
        assert_eq!(count(Topology::Line, 8), 7);
        assert_eq!(count(Topology::FullyConnected, 8), 28);
        assert_eq!(count(Topology::Mesh(Whole::new(4)), 8), 10);
        // Rows of four wrap; columns of two are joined already.
        assert_eq!(count(Topology::Torus(Whole::new(4)), 8), 12);
        assert_eq!(count(Topology::Torus(Whole::new(3)), 9), 18);
        assert!(pairs(&Topology::Mesh(Whole::new(3)), 8).is_err());
        assert!(pairs(&Topology::Links(vec![(Whole::new(0), Whole::new(8))]), 8).is_err());
    }
}
