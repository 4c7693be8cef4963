//! Several cores: what each is, and the links between their chips.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{CoreId, Role, Target, UnitId};

/// What a compiler must know of a whole machine: its cores, and how their chips are joined.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The cores that are simulated, chip after chip, their units numbered densely from zero.
    pub cores: Vec<Target>,
    /// How many cores each chip has, simulated or not.
    pub cores_per_chip: usize,
    /// How the chips are joined.
    pub network: Network,
    /// How many equal chips each simulated one stands for: all do the same in the same cycles, so
    /// that one of them says it all.
    pub replicas: u64,
}

impl Platform {
    /// A machine of one core.
    #[must_use]
    pub fn single(core: Target) -> Self {
        Self {
            cores: vec![core],
            cores_per_chip: 1,
            network: Network::default(),
            replicas: 1,
        }
    }

    /// The chip of a core, simulated or not.
    ///
    /// # Panics
    /// If there are more than 2^16 chips: a caller's mistake.
    #[must_use]
    pub fn chip_of(&self, core: CoreId) -> u16 {
        let chip = core.index() / self.cores_per_chip;
        u16::try_from(chip).expect("chips are numbered in 16 bits")
    }

    /// The number of units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.cores.iter().map(|core| core.units().count()).sum()
    }

    /// All units in the order of their numbers: core, number, what it is.
    pub fn all_units(&self) -> impl Iterator<Item = (&Target, UnitId, Role)> {
        let cores = self.cores.iter();
        cores.flat_map(|core| core.units().map(move |(unit, role)| (core, unit, role)))
    }

    /// Of each unit, the place of its core in [`Platform::cores`].
    #[must_use]
    pub fn core_places(&self) -> Vec<usize> {
        let places = (0..).zip(&self.cores);
        let units = places.flat_map(|(place, core)| core.units().map(move |_| place));
        units.collect()
    }

    /// The simulated cores among a choice of them, renumbered; each chip stands for `replicas`.
    #[must_use]
    pub fn representatives(&self, chosen: &[CoreId], replicas: u64) -> Self {
        let mut next = 0;
        let cores = self.cores.iter().filter(|core| chosen.contains(&core.core));
        let cores = cores.map(|core| {
            let (core, after) = core.clone().numbered_from(next);
            next = after;
            core
        });
        Self {
            cores: cores.collect(),
            cores_per_chip: self.cores_per_chip,
            network: self.network.clone(),
            replicas,
        }
    }
}

/// How far a link goes: what a bit on it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// The link joins dies of a package.
    Package,
    /// The link joins packages of a board.
    #[default]
    Board,
    /// The link joins boards of a system.
    System,
}

impl Reach {
    /// All, the shortest first.
    pub const ALL: [Self; 3] = [Self::Package, Self::Board, Self::System];

    /// The name in machine files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Package => "Package",
            Self::Board => "Board",
            Self::System => "System",
        }
    }
}

/// A link of the machine in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

impl LinkId {
    /// As an index into per-link tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Chips and the links between them, each with two directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    chips: u16,
    /// From chip, to chip; the place is the [`LinkId`].
    links: Vec<(u16, u16)>,
    /// `toward[from][to]`: the first link of a shortest way, the one that was named first among
    /// equals.
    toward: Vec<Vec<Option<LinkId>>>,
}

impl Network {
    /// Chips joined by pairs; each pair is a link in either direction.
    ///
    /// # Panics
    /// If a pair names a chip that is not there: a caller's mistake.
    #[must_use]
    pub fn new(chips: u16, pairs: &[(u16, u16)]) -> Self {
        let links: Vec<_> = pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
        let mut from_chip: Vec<Vec<(LinkId, u16)>> = vec![Vec::new(); usize::from(chips)];
        for (link, &(from, to)) in (0..).map(LinkId).zip(&links) {
            from_chip[usize::from(from)].push((link, to));
        }
        let toward = (0..chips).map(|from| ways(&from_chip, from)).collect();
        Self {
            chips,
            links,
            toward,
        }
    }

    /// How many links there are, each direction counted.
    #[must_use]
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// The ends of a link: from chip, to chip.
    #[must_use]
    pub fn ends(&self, link: LinkId) -> (u16, u16) {
        self.links[link.index()]
    }

    /// The links from a chip to another in the order in which data passes them; empty from a chip
    /// to itself, `None` if there is no way.
    #[must_use]
    pub fn route(&self, from: u16, to: u16) -> Option<Vec<LinkId>> {
        let mut route = Vec::new();
        let mut at = from;
        while at != to {
            let link = self.toward.get(usize::from(at))?[usize::from(to)]?;
            route.push(link);
            at = self.links[link.index()].1;
        }
        Some(route)
    }

    /// The first pair of chips between which there is no way.
    #[must_use]
    pub fn unreachable(&self) -> Option<(u16, u16)> {
        let pairs = (0..self.chips).flat_map(|a| (0..self.chips).map(move |b| (a, b)));
        let mut pairs = pairs.filter(|(a, b)| a != b);
        pairs.find(|&(a, b)| self.toward[usize::from(a)][usize::from(b)].is_none())
    }
}

/// The first link from a chip on a shortest way to each other, breadth first; the links of each
/// chip, with where they lead, are given in the order of their numbers.
fn ways(links: &[Vec<(LinkId, u16)>], from: u16) -> Vec<Option<LinkId>> {
    let mut first: Vec<Option<LinkId>> = vec![None; links.len()];
    let mut queue = VecDeque::from([(from, None)]);
    let mut unknown = links.len() - 1;
    while let Some((at, way)) = queue.pop_front() {
        for &(link, to) in &links[usize::from(at)] {
            let place = &mut first[usize::from(to)];
            if to != from && place.is_none() {
                *place = Some(way.unwrap_or(link));
                queue.push_back((to, *place));
                unknown -= 1;
            }
        }
        if unknown == 0 {
            break;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_takes_a_shortest_way_and_the_first_named_among_equals() {
        let ring = Network::new(4, &[(0, 1), (1, 2), (2, 3), (3, 0)]);
        let ends = |from, to| -> Vec<_> {
            let route = ring.route(from, to).expect("a ring joins all");
            route.into_iter().map(|link| ring.ends(link)).collect()
        };
        assert_eq!(ends(0, 1), [(0, 1)]);
        assert_eq!(ends(3, 0), [(3, 0)]);
        assert_eq!(ends(0, 2), [(0, 1), (1, 2)]);
        assert!(ends(2, 2).is_empty());
        assert_eq!(ring.unreachable(), None);
    }

    #[test]
    fn chips_without_a_way_between_them_are_named() {
        let broken = Network::new(4, &[(0, 1), (2, 3)]);
        assert_eq!(broken.unreachable(), Some((0, 2)));
        assert_eq!(broken.route(0, 3), None);
    }
}
