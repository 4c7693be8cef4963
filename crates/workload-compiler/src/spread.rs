//! Distances between pieces of data that spread them over the channels of main memory.
//!
//! A tile takes a piece of each of several strips, and strips lie at an even distance, their pitch.
//! If the pitch is a multiple of `stripe x channels`, as products of powers of two tend to be, all
//! pieces start on the same channel: it works while the others idle. A pitch that is a stripe or a
//! few longer lets successive pieces start on different channels.

use tile_program::Interleave;

use crate::tuning::BYTES_PER_PADDING;

/// The least distance, `bytes` or some stripes more, at which as many pieces as there are channels
/// start on the most channels.
pub(crate) fn pitch(bytes: u64, interleave: Interleave) -> u64 {
    let Interleave { stripe, channels } = interleave;
    let most = (bytes / BYTES_PER_PADDING / stripe.get()).min(channels - 1);
    let mut best = (channels_met(bytes, interleave), bytes);
    for stripes in 1..=most {
        if best.0 == channels {
            break;
        }
        let Some(pitch) = bytes.checked_add(stripes * stripe.get()) else {
            break;
        };
        let met = channels_met(pitch, interleave);
        if met > best.0 {
            best = (met, pitch);
        }
    }
    best.1
}

/// On how many channels the first pieces start at a distance, of as many as there are channels.
fn channels_met(pitch: u64, Interleave { stripe, channels }: Interleave) -> u64 {
    let turn = u128::from(stripe.get()) * u128::from(channels);
    let step = u128::from(pitch) % turn;
    let mut starts: Vec<u128> = (0..u128::from(channels))
        .map(|piece| piece * step % turn / u128::from(stripe.get()))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quantities::Bytes;

    fn interleave(stripe: u64, channels: u64) -> Interleave {
        Interleave {
            stripe: Bytes(stripe),
            channels,
        }
    }

    #[test]
    fn a_pitch_of_whole_turns_is_a_stripe_longer() {
        let hbm = interleave(4096, 32);
        assert_eq!(pitch(512 << 10, hbm), (512 << 10) + 4096);
    }

    proptest! {
        #[test]
        fn padding_is_little_and_never_costs_a_channel(
            bytes in 1u64..1 << 24, stripe in 0u32..14, channels in 1u64..65,
        ) {
            let interleave = interleave(32 << stripe, channels);
            let bytes = bytes.next_multiple_of(32);
            let pitch = pitch(bytes, interleave);
            prop_assert!(pitch >= bytes && pitch - bytes <= bytes / BYTES_PER_PADDING);
            prop_assert!(channels_met(pitch, interleave) >= channels_met(bytes, interleave));
        }

        /// Long strips reach all channels, or all but the few that an odd number of them leaves
        /// out.
        #[test]
        fn pieces_of_long_strips_start_on_every_channel(
            turns in 8u64..64, extra in 0u64..4096, stripe in 0u32..8, log_channels in 0u32..7,
        ) {
            let interleave = interleave(64 << stripe, 1 << log_channels);
            let turn = interleave.stripe.get() * interleave.channels;
            let bytes = turns * turn + extra * 64 % turn;
            let pitch = pitch(bytes, interleave);
            prop_assert!(4 * channels_met(pitch, interleave) >= 3 * interleave.channels);
        }
    }
}
