//! Collectives as moves: who sends which part to whom, step by step.
//!
//! What is reduced or gathered is cut into as many parts as there are ranks. Ring: each rank talks
//! to the next one only; an all-reduce moves 2 (n - 1) / n of the data in 2 (n - 1) steps
//! (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", JPDC 2009). Tree: halves of the
//! ranks meet in pairs, and the result goes back the same way: 2 ⌈log2 n⌉ steps, all of the data in
//! each.

use std::ops::Range;

use crate::workload::Algorithm;

/// What a collective is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Collective {
    /// Each rank has a vector; all get the sum.
    AllReduce,
    /// Each rank has a part, numbered like itself; all get the whole.
    AllGather,
}

/// One transfer from rank to rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// Moves of a step do not depend on each other.
    pub(crate) step: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// The parts that move.
    pub(crate) parts: Range<u64>,
    pub(crate) combine: Combine,
}

/// What the receiver of a part does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    /// The receiver adds the part to its own.
    Add,
    /// The part takes the place of the receiver's own.
    Replace,
}

/// The moves of a collective over so many ranks, in the order of their steps.
pub(crate) fn moves(algorithm: Algorithm, collective: Collective, ranks: u64) -> Vec<Move> {
    if ranks < 2 {
        return Vec::new();
    }
    match (algorithm, collective) {
        (Algorithm::Ring, Collective::AllReduce) => {
            let mut all = around(ranks, 0, 0, Combine::Add);
            // Each rank has then summed up the part after its own.
            all.extend(around(ranks, 1, ranks - 1, Combine::Replace));
            all
        }
        (Algorithm::Ring, Collective::AllGather) => around(ranks, 0, 0, Combine::Replace),
        (Algorithm::Tree, collective) => tree(ranks, collective),
    }
}

/// Each rank sends a part to the next, then what it has received, until all but its own have
/// passed; rank r begins with part r + `lead`.
fn around(ranks: u64, lead: u64, from_step: u64, combine: Combine) -> Vec<Move> {
    let steps = 0..ranks - 1;
    let each = steps.flat_map(|step| (0..ranks).map(move |from| (step, from)));
    each.map(|(step, from)| {
        let part = (from + lead + ranks - step) % ranks;
        Move {
            step: number(from_step + step),
            from,
            to: (from + 1) % ranks,
            parts: part..part + 1,
            combine,
        }
    })
    .collect()
}

/// Up to rank 0 by pairs, and down again.
fn tree(ranks: u64, collective: Collective) -> Vec<Move> {
    let levels = ranks.next_power_of_two().trailing_zeros();
    // At each level those who are so far apart meet.
    let pairs = |level: u32| {
        let apart = 1 << level;
        let seconds = (apart..ranks).step_by(2 << level);
        seconds.map(move |second| (second - apart, second))
    };
    let mut all = Vec::new();
    for level in 0..levels {
        all.extend(pairs(level).map(|(to, from)| match collective {
            Collective::AllReduce => Move {
                step: level,
                from,
                to,
                parts: 0..ranks,
                combine: Combine::Add,
            },
            Collective::AllGather => Move {
                step: level,
                from,
                to,
                parts: from..(from + (1 << level)).min(ranks),
                combine: Combine::Replace,
            },
        }));
    }
    for level in (0..levels).rev() {
        all.extend(pairs(level).map(|(from, to)| Move {
            step: 2 * levels - 1 - level,
            from,
            to,
            parts: 0..ranks,
            combine: Combine::Replace,
        }));
    }
    all
}

fn number(step: u64) -> u32 {
    u32::try_from(step).expect("a machine has few cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the moves on sets of ranks: for each rank and part, the ranks that have contributed.
    fn run(algorithm: Algorithm, collective: Collective, ranks: u64) -> Vec<Vec<u64>> {
        let start = |rank: u64, part: u64| match collective {
            Collective::AllReduce => 1 << rank,
            Collective::AllGather => u64::from(rank == part) << part,
        };
        let mut state: Vec<Vec<u64>> = (0..ranks)
            .map(|rank| (0..ranks).map(|part| start(rank, part)).collect())
            .collect();
        let all = moves(algorithm, collective, ranks);
        let mut step = 0;
        let mut before = state.clone();
        for turn in all {
            assert!(turn.step >= step, "moves stand in the order of their steps");
            if turn.step > step {
                step = turn.step;
                before.clone_from(&state);
            }
            for part in turn.parts.clone() {
                let part = usize::try_from(part).unwrap();
                let sent = before[usize::try_from(turn.from).unwrap()][part];
                let own = &mut state[usize::try_from(turn.to).unwrap()][part];
                if turn.combine == Combine::Add {
                    assert_eq!(*own & sent, 0, "nothing is added twice");
                    *own |= sent;
                } else {
                    *own = sent;
                }
            }
        }
        state
    }

    #[test]
    fn every_collective_leaves_each_rank_with_all_of_it() {
        for ranks in 1..=17 {
            for algorithm in [Algorithm::Ring, Algorithm::Tree] {
                let sums = run(algorithm, Collective::AllReduce, ranks);
                let all = (1 << ranks) - 1;
                assert!(
                    sums.iter().flatten().all(|&sum| sum == all),
                    "{algorithm:?} {ranks}"
                );
                for parts in run(algorithm, Collective::AllGather, ranks) {
                    let whole = (0..ranks).map(|part| 1 << part);
                    assert!(parts.into_iter().eq(whole), "{algorithm:?} {ranks}");
                }
            }
        }
    }

    #[test]
    fn a_ring_moves_the_least_bytes_and_a_tree_takes_the_least_steps() {
        let ring = moves(Algorithm::Ring, Collective::AllReduce, 8);
        let sent = ring.iter().filter(|turn| turn.from == 3).count();
        assert_eq!((sent, ring.last().map(|turn| turn.step)), (14, Some(13)));
        let tree = moves(Algorithm::Tree, Collective::AllReduce, 8);
        assert_eq!(tree.last().map(|turn| turn.step), Some(5));
    }
}
