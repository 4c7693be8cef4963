//! The passes of a run: which sequences take part in each, with how many tokens, after how many.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::workload::{Run, Workload};

/// Sequences of a pass that are of one length and do the same. Their rows follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sequences {
    /// How many sequences these are.
    pub(crate) count: u64,
    /// New tokens of each sequence.
    pub(crate) tokens: u64,
    /// Positions that are in the caches of each sequence before the pass.
    pub(crate) past: u64,
    /// The first of their rows in the residual stream of the pass.
    pub(crate) row: u64,
    /// Positions that the caches of each sequence have room for.
    pub(crate) room: u64,
    /// Positions that the caches of all sequences before these have room for.
    pub(crate) before: u64,
    /// Whether the last token of each sequence goes through the LM head.
    pub(crate) logits: bool,
}

impl Sequences {
    /// Rows of the residual stream: new tokens of all these sequences.
    pub(crate) const fn rows(&self) -> u64 {
        self.count * self.tokens
    }
}

/// The sequences of one pass, and what the pass does with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassShape {
    /// The name in reports: `decode@2048`.
    pub(crate) name: String,
    pub(crate) sequences: Rc<[Sequences]>,
    /// How many sequences of the pass stand before these, in a microbatch.
    pub(crate) before: u64,
    /// Positions that the caches of all sequences of the run have room for.
    pub(crate) positions: u64,
    /// Whether no earlier pass has used the weights of the blocks.
    pub(crate) first: bool,
    /// Whether no earlier pass has used the weights of the LM head.
    pub(crate) first_head: bool,
    /// Tokens that the pass adds to the result, over the whole batch.
    pub(crate) counted: u64,
}

impl PassShape {
    /// Rows of the residual stream: new tokens over the whole batch.
    pub(crate) fn rows(&self) -> u64 {
        self.sequences.iter().map(Sequences::rows).sum()
    }

    /// How many sequences take part.
    pub(crate) fn count(&self) -> u64 {
        self.sequences.iter().map(|group| group.count).sum()
    }

    /// How many sequences have their last token go through the LM head.
    pub(crate) fn logits(&self) -> u64 {
        let groups = self.sequences.iter().filter(|group| group.logits);
        groups.map(|group| group.count).sum()
    }

    /// The most positions that the caches of a sequence have room for.
    pub(crate) fn longest(&self) -> u64 {
        let rooms = self.sequences.iter().map(|group| group.room);
        rooms.max().unwrap_or(0)
    }
}

impl PassShape {
    /// The pass in so many microbatches of whole sequences, as equal as can be; in fewer if there
    /// are fewer sequences.
    pub(crate) fn microbatches(&self, parts: u64) -> Vec<Self> {
        let parts = parts.min(self.count()).max(1);
        if parts == 1 {
            return vec![self.clone()];
        }
        let bound = |part: u64| part * self.count() / parts;
        let part = |part: u64| {
            let (from, to) = (bound(part), bound(part + 1));
            let (mut first, mut row) = (0, 0);
            let mut sequences = Vec::new();
            for group in self.sequences.iter() {
                let start = from.clamp(first, first + group.count);
                let end = to.clamp(first, first + group.count);
                if end > start {
                    let taken = Sequences {
                        count: end - start,
                        row,
                        before: group.before + (start - first) * group.room,
                        ..*group
                    };
                    row += taken.rows();
                    sequences.push(taken);
                }
                first += group.count;
            }
            Self {
                sequences: sequences.into(),
                before: from,
                ..self.clone()
            }
        };
        (0..parts).map(part).collect()
    }
}

/// Sequences of the run that are of one length, one after another.
#[derive(Clone, Copy, Debug)]
struct Member {
    count: u64,
    length: u64,
}

/// The passes of a run, numbered from zero.
#[derive(Clone, Debug)]
pub(crate) struct Passes {
    run: Run,
    batch: u64,
    members: Vec<Member>,
}

impl Passes {
    pub(crate) fn new(workload: &Workload) -> Self {
        Self::of(workload.run.clone(), workload.batch)
    }

    fn of(run: Run, batch: u64) -> Self {
        let lengths = match &run {
            Run::Prefill { tokens, .. } => tokens,
            Run::Decode { context } => context,
            Run::Generate { prompt, .. } => prompt,
            Run::Mixed { decode, .. } => decode,
        };
        let mut members: Vec<Member> = Vec::new();
        for &length in lengths.as_slice() {
            match members.last_mut() {
                Some(last) if last.length == length => last.count += batch,
                _ => members.push(Member {
                    count: batch,
                    length,
                }),
            }
        }
        Self {
            run,
            batch,
            members,
        }
    }

    fn longest(&self) -> u64 {
        let lengths = self.members.iter().map(|member| member.length);
        lengths.max().unwrap_or(0)
    }

    /// The most tokens of a prompt that a pass takes.
    fn chunk(&self) -> u64 {
        match self.run {
            Run::Prefill { chunk, .. } | Run::Generate { chunk, .. } => {
                chunk.unwrap_or(u64::MAX).min(self.longest())
            }
            Run::Decode { .. } | Run::Mixed { .. } => 1,
        }
    }

    /// How many passes prefill. They come before those that decode.
    fn prefills(&self) -> u64 {
        match self.run {
            Run::Prefill { .. } | Run::Generate { .. } => self.longest().div_ceil(self.chunk()),
            Run::Decode { .. } | Run::Mixed { .. } => 0,
        }
    }

    /// How many passes there are.
    pub(crate) fn count(&self) -> u64 {
        match self.run {
            Run::Prefill { .. } => self.prefills(),
            Run::Generate { tokens, .. } => self.prefills() + tokens,
            Run::Decode { .. } | Run::Mixed { .. } => 1,
        }
    }

    /// For each pass in which prompts end, how many do.
    fn ends(&self) -> BTreeMap<u64, u64> {
        let mut ends = BTreeMap::new();
        if self.prefills() > 0 {
            for member in &self.members {
                let last = member.length.div_ceil(self.chunk()) - 1;
                *ends.entry(last).or_insert(0) += member.count;
            }
        }
        ends
    }

    /// How many passes use the weights of the LM head.
    pub(crate) fn with_head(&self) -> u64 {
        self.ends().len() as u64 + self.count() - self.prefills()
    }

    /// Passes that stand for all: the longest of each kind, the last whole chunk, and the one with
    /// the most logits. Each comes with the number of passes that it stands for.
    pub(crate) fn representatives(&self) -> BTreeMap<u64, u64> {
        let (count, prefills) = (self.count(), self.prefills());
        let mut stand_for = BTreeMap::new();
        let ends = self.ends();
        let busiest = ends.iter().max_by_key(|(_, logits)| **logits);
        stand_for.extend(busiest.map(|(&pass, _)| (pass, 0)));
        // The rest of a prompt is shorter than the chunk before it.
        if let Some(before) = ends.keys().last().and_then(|last| last.checked_sub(1)) {
            stand_for.insert(before, 0);
        }
        if prefills > 0 {
            stand_for.insert(0, 0);
            stand_for.insert(prefills - 1, prefills);
        }
        if count > prefills {
            stand_for.insert(prefills, 0);
            stand_for.insert(count - 1, count - prefills);
        }
        stand_for
    }

    /// The shape of the pass of a number.
    pub(crate) fn shape(&self, index: u64) -> PassShape {
        let (chunk, prefills) = (self.chunk(), self.prefills());
        let mut sequences = Vec::with_capacity(self.members.len() + 1);
        let (mut row, mut before) = (0, 0);
        let mut add = |count, past, tokens, room, logits| {
            if tokens > 0 {
                sequences.push(Sequences {
                    count,
                    tokens,
                    past,
                    row,
                    room,
                    before,
                    logits,
                });
            }
            row += count * tokens;
            before += count * room;
        };
        let first_end = self.ends().keys().next().copied().unwrap_or(0);
        for &Member { count, length } in &self.members {
            let further = match self.run {
                Run::Generate { tokens, .. } => tokens,
                _ => 0,
            };
            let room = length + further;
            if index < prefills {
                let past = (index * chunk).min(length);
                let tokens = chunk.min(length - past);
                add(count, past, tokens, room, past + tokens == length);
            } else if prefills > 0 {
                add(count, length + index - prefills, 1, room, true);
            } else {
                add(count, length - 1, 1, room, true);
            }
        }
        if let Run::Mixed { prefill, after, .. } = self.run {
            add(self.batch, after, prefill, after + prefill, false);
        }
        let rows = row;
        let counted = match self.run {
            Run::Generate { .. } if index < prefills => 0,
            _ => rows,
        };
        PassShape {
            name: self.name(index, &sequences),
            sequences: sequences.into(),
            before: 0,
            positions: before,
            first: index == 0,
            first_head: index <= first_end,
            counted,
        }
    }

    /// `prefill(128)`, `prefill(512 after 1024)`, `decode@2048`, `decode@33-2048`.
    fn name(&self, index: u64, sequences: &[Sequences]) -> String {
        let span = |lengths: &dyn Fn(&Sequences) -> u64, groups: &[Sequences]| {
            let least = groups.iter().map(lengths).min().unwrap_or(0);
            let most = groups.iter().map(lengths).max().unwrap_or(0);
            if least == most {
                most.to_string()
            } else {
                format!("{least}-{most}")
            }
        };
        let context = |group: &Sequences| group.past + group.tokens;
        if index < self.prefills() {
            let tokens = span(&|group| group.tokens, sequences);
            return match sequences.first().map_or(0, |group| group.past) {
                0 => format!("prefill({tokens})"),
                past => format!("prefill({tokens} after {past})"),
            };
        }
        if let Run::Mixed { prefill, after, .. } = self.run {
            let decode = span(&context, &sequences[..sequences.len() - 1]);
            return format!("mixed({prefill} after {after}, decode@{decode})");
        }
        format!("decode@{}", span(&context, sequences))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Lengths;

    #[test]
    fn a_prompt_goes_in_chunk_by_chunk_and_ends_with_the_rest() {
        let run = Run::Prefill {
            tokens: Lengths::Each(vec![10, 4]),
            chunk: Some(4),
        };
        let passes = Passes::of(run, 2);
        assert_eq!((passes.count(), passes.with_head()), (3, 2));
        let shapes: Vec<PassShape> = (0..3).map(|index| passes.shape(index)).collect();
        let of = |shape: &PassShape| (shape.name.clone(), shape.rows(), shape.logits());
        assert_eq!(of(&shapes[0]), ("prefill(4)".into(), 16, 2));
        assert_eq!(of(&shapes[1]), ("prefill(4 after 4)".into(), 8, 0));
        assert_eq!(of(&shapes[2]), ("prefill(2 after 8)".into(), 4, 2));
        let tokens: u64 = shapes.iter().map(|shape| shape.counted).sum();
        assert_eq!(tokens, 28);
        assert!(shapes.iter().all(|shape| shape.positions == 28));
        assert!(shapes[0].first_head && !shapes[1].first_head);
    }

    #[test]
    fn microbatches_are_the_pass_in_parts() {
        let run = Run::Decode {
            context: Lengths::Each(vec![7, 3]),
        };
        let whole = Passes::of(run, 3).shape(0);
        for parts in 1..=8 {
            let all = whole.microbatches(parts);
            assert_eq!(all.len() as u64, parts.min(6));
            let rows: u64 = all.iter().map(PassShape::rows).sum();
            assert_eq!(rows, whole.rows());
            // Each sequence once, at its own place in the caches.
            let mut places: Vec<u64> = all
                .iter()
                .flat_map(|part| part.sequences.iter())
                .flat_map(|group| (0..group.count).map(|index| group.before + index * group.room))
                .collect();
            places.sort_unstable();
            assert_eq!(places, [0, 7, 14, 21, 24, 27]);
        }
    }

    #[test]
    fn each_sequence_decodes_at_its_own_context() {
        let run = Run::Generate {
            prompt: Lengths::Each(vec![7, 3]),
            tokens: 2,
            chunk: None,
        };
        let passes = Passes::of(run, 1);
        assert_eq!(passes.count(), 3);
        let last = passes.shape(2);
        assert_eq!(last.name, "decode@5-9");
        let pasts: Vec<u64> = last.sequences.iter().map(|group| group.past).collect();
        assert_eq!(pasts, [8, 4]);
        assert_eq!(last.sequences[1].before, 9);
    }
}
