//! The golden results of `data/dram`, as part of the program.

/// A row a run.
pub(super) const RUNS: &str = include_str!("../../data/dram/golden.csv");

/// The parameters of each configuration.
pub(super) const TIMINGS: &str = include_str!("../../data/dram/timings.csv");

/// Whole command traces of some runs: file name and text.
pub(super) const TRACES: [(&str, &str); 11] = {
    macro_rules! trace {
        ($name:literal) => {
            (
                $name,
                include_str!(concat!("../../data/dram/cmdtrace/", $name)),
            )
        };
    }
    [
        trace!("T01_d3_ddr4_3200_1ch1rk_seq_rd.csv"),
        trace!("T02_d3_ddr4_3200_1ch1rk_rand_rd.csv"),
        trace!("T03_d3_ddr4_3200_1ch2rk_mix_2r1w.csv"),
        trace!("T04_d3_ddr4_3200_1ch1rk_bgil_tile_rdwr.csv"),
        trace!("T05_d3_ddr4_3200_1ch1rk_close_rand_rd.csv"),
        trace!("T06_d3_lpddr4_2400_1ch2rk_mix_2r1w.csv"),
        trace!("T07_d3_hbm2_1ch_rand_rd.csv"),
        trace!("T08_d3_hbm2_1ch_tile_rdwr.csv"),
        trace!("T09_r2_ddr4_3200_1ch1rk_rand_rd.csv"),
        trace!("T10_r2_lpddr5_6400_1ch_mop_mix_2r1w.csv"),
        trace!("T11_r2_hbm3_6400_1ch_mop_mix_2r1w.csv"),
    ]
};
