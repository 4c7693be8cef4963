//! Where the time of a transfer went: the split of a span of the DMA by cause.

use dram::{Causes, Memory};
use quantities::Cycles;
use tile_program::Cause;

use crate::config::DmaSpec;
use crate::unit::pipe::Parts;

/// What is known of a transfer's time when it is complete, in cycles of the reference clock.
///
/// The span is charged to what stood last between the data and the scratchpad, then to the busier
/// of the memory channel that the last data came from and the port of the DMA that they passed,
/// then to the other one. What neither explains is the latency of the memory.
#[derive(Clone, Debug)]
pub(crate) struct TransferTime {
    /// What is split: from the end of the side's account to the end of the transfer.
    pub(crate) span: Cycles,
    /// From when the last data had passed the DMA's port until it had passed the scratchpad's.
    pub(crate) scratchpad_tail: Cycles,
    /// From when the last data had left (entered) memory until it had passed the DMA's port.
    pub(crate) port_tail: Cycles,
    /// For how long the port that the last data passed was at work on the transfer's data.
    pub(crate) port_busy: Cycles,
    /// What the channel of the last data did. Its idle time is nobody's: nothing was asked of it.
    pub(crate) channel: Causes,
    /// For how long the channels' data buses moved data in the span, on average over all channels;
    /// `None` where there is one channel alone.
    pub(crate) even: Option<Cycles>,
    /// What is left of the span is charged to this; see [`remainder`].
    pub(crate) remainder: Cause,
}

/// What the time of a transfer is charged to that no data bus, row, refresh or port explains: the
/// memory's latency, or, where it has none, what its data pass.
pub(crate) fn remainder(memory: &Memory, dma: &DmaSpec) -> Cause {
    if memory.idle_latency_picoseconds() > 0 {
        Cause::DramLatency
    } else if dma.port.is_some() {
        Cause::DmaPort
    } else if memory.peak_bytes_per_second().is_some() {
        Cause::DramBandwidth
    } else {
        Cause::SramPort
    }
}

impl TransferTime {
    /// The span by cause, in the order of time, without empty parts; the parts sum to the span.
    pub(crate) fn parts(&self) -> Parts {
        let mut left = self.span;
        let mut charge = |wanted: Cycles| {
            let charged = wanted.min(left);
            left -= charged;
            charged
        };
        let scratchpad = charge(self.scratchpad_tail);
        let mut port = charge(self.port_tail);
        let Causes {
            bandwidth,
            row_conflict,
            refresh,
            turnaround,
            ..
        } = self.channel;
        let behind = self.port_busy.saturating_sub(port);
        let port_is_busier = self.port_busy
            > [bandwidth, row_conflict, refresh, turnaround]
                .into_iter()
                .sum();
        if port_is_busier {
            port += charge(behind);
        }
        let data = charge(bandwidth);
        let row_conflict = charge(row_conflict);
        let refresh = charge(refresh);
        let turnaround = charge(turnaround);
        if !port_is_busier {
            port += charge(behind);
        }
        let bandwidth = self.even.map_or(data, |even| even.min(data));
        let mut parts = [
            (Cause::DramLatency, Cycles::ZERO),
            (Cause::DramRowConflict, row_conflict),
            (Cause::DramRefresh, refresh),
            (Cause::DramTurnaround, turnaround),
            (Cause::DramChannelImbalance, data - bandwidth),
            (Cause::DramBandwidth, bandwidth),
            (Cause::DmaPort, port),
            (Cause::SramPort, scratchpad),
        ];
        for (cause, cycles) in &mut parts {
            if *cause == self.remainder {
                *cycles += left;
            }
        }
        let parts = parts.into_iter();
        parts.filter(|(_, cycles)| !cycles.is_zero()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times() -> impl Strategy<Value = TransferTime> {
        let cycles = || prop_oneof![Just(0u64), 0u64..50, 0u64..2000].prop_map(Cycles);
        (
            (cycles(), cycles(), cycles(), cycles()),
            (cycles(), cycles(), cycles(), cycles(), cycles(), cycles()),
            prop::option::of(cycles()),
            prop::sample::select(vec![
                Cause::DramLatency,
                Cause::DmaPort,
                Cause::DramBandwidth,
                Cause::SramPort,
            ]),
        )
            .prop_map(|(spans, causes, even, remainder)| TransferTime {
                span: spans.0,
                scratchpad_tail: spans.1,
                port_tail: spans.2,
                port_busy: spans.3,
                channel: Causes {
                    bandwidth: causes.0,
                    row_conflict: causes.1,
                    refresh: causes.2,
                    turnaround: causes.3,
                    latency: causes.4,
                    idle: causes.5,
                },
                even,
                remainder,
            })
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_span_and_bandwidth_is_no_more_than_an_even_spread(time in times()) {
            let parts = time.parts();
            let of = |wanted: Cause| -> Cycles {
                let found = parts.iter().filter(|(cause, _)| *cause == wanted);
                found.map(|(_, cycles)| *cycles).sum()
            };
            prop_assert_eq!(parts.iter().map(|(_, cycles)| *cycles).sum::<Cycles>(), time.span);
            prop_assert!(of(Cause::DramChannelImbalance) <= time.channel.bandwidth);
            if time.even.is_none() {
                prop_assert_eq!(of(Cause::DramChannelImbalance), Cycles::ZERO);
            } else if time.remainder != Cause::DramBandwidth {
                prop_assert!(Some(of(Cause::DramBandwidth)) <= time.even);
            }
            if time.remainder != Cause::DramLatency {
                prop_assert_eq!(of(Cause::DramLatency), Cycles::ZERO);
            }
        }
    }
}
