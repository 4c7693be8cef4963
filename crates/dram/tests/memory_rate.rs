//! The rate that decisions compare times by, beside the one that reports show.

use dram::{Bandwidth, DramConfig, IdealConfig, Memory, MemoryConfig};
use proptest::prelude::*;
use quantities::Frequency;

fn memory(config: &MemoryConfig) -> Memory {
    Memory::new(config, Frequency::from_hertz(500_000_000).unwrap()).unwrap()
}

proptest! {
    /// The whole rate is the exact one rounded down, for every preset and number of channels.
    #[test]
    fn the_whole_rate_is_the_rate_rounded_down(doublings in 0_u32..6, bytes in 1_u64..1 << 50) {
        let mut memories: Vec<_> = dram::preset::names()
            .iter()
            .map(|name| memory(&MemoryConfig::Dram(DramConfig::preset(name, 1 << doublings))))
            .collect();
        memories.push(memory(&MemoryConfig::Ideal(IdealConfig {
            bandwidth: Bandwidth::BytesPerSecond(bytes),
            latency_picoseconds: 0,
            capacity_bytes: u64::MAX,
            access_bytes: None,
        })));
        for memory in memories {
            let shown = memory.peak_bytes_per_second().unwrap();
            let whole = memory.peak_whole_bytes_per_second().unwrap() as f64;
            prop_assert!(whole <= shown * (1.0 + 1e-12) && shown < whole + 1.0 + shown * 1e-12);
        }
    }
}
