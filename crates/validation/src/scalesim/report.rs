//! The tool's report for its own files, and our columns beside it.

use super::cfg::Config;
use super::figures::{Figures, array, timing};
use super::read::ReadError;
use super::topology::Layer;
use pe_array::{ArrayModel, Convention};

/// The columns of [`write_csv`]: those of the tool's `COMPUTE_REPORT.csv`, then ours.
pub const HEADER: &str = "LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, \
Overall Util %, Mapping Efficiency %, Compute Util %, Layer, M, N, K, SRAM IFMAP Reads, \
SRAM Filter Reads, SRAM OFMAP Writes, Cycles (ScaleSim), Cycles (Serial), Cycles (Overlapped),";

/// What is reported for a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The layer of the topology file.
    pub layer: Layer,
    /// The tool's figures, without stalls.
    pub figures: Figures,
    /// Stall cycles: 0 where `InterfaceBandwidth` is `CALC`; `None` where it is `USER`, since
    /// they come from the tool's three private memory ports, which no machine here has.
    pub stall_cycles: Option<u64>,
    /// True cycles in the `ScaleSim` convention: one more than the tool's index of the last.
    pub scale_sim_cycles: u64,
    /// Cycles on causal hardware, fold after fold.
    pub serial_cycles: u64,
    /// Cycles on hardware with shadow registers.
    pub overlapped_cycles: u64,
}

/// Runs the layers of a topology on the array of a configuration.
///
/// # Errors
/// An array too large, or a layer whose cycles leave 64 bits, by line.
pub fn run(config: &Config, layers: &[Layer]) -> Result<Vec<Row>, ReadError> {
    let model = |timing| {
        ArrayModel::new(&array(config.rows, config.columns, config.dataflow, timing)).map_err(
            |error| {
                let key = match error.path.as_str() {
                    "rows" => "ArrayHeight",
                    _ => "ArrayWidth",
                };
                let help = error.help.unwrap_or_default();
                ReadError::file(error.message).column(key).help(help)
            },
        )
    };
    let scale_sim = model(Convention::ScaleSim)?;
    let serial = model(Convention::Serial)?;
    let overlapped = model(Convention::Overlapped)?;
    layers
        .iter()
        .map(|layer| {
            let at = |error| ReadError::at(layer.line, error);
            let &Layer { m, n, k, .. } = layer;
            let cycles = |model| Ok(timing(model, m, n, k).map_err(at)?.total.get());
            let figures = Figures::of(&scale_sim, m, n, k).map_err(at)?;
            Ok(Row {
                layer: layer.clone(),
                figures,
                stall_cycles: config.bandwidth.is_none().then_some(0),
                scale_sim_cycles: figures.total_cycles + 1,
                serial_cycles: cycles(&serial)?,
                overlapped_cycles: cycles(&overlapped)?,
            })
        })
        .collect()
}

/// The report as CSV, each line ending with a comma as the tool's do. What is not modelled is `-`.
#[must_use]
pub fn write_csv(rows: &[Row]) -> String {
    let mut text = format!("{HEADER}\n");
    for (id, row) in rows.iter().enumerate() {
        let Row { layer, figures, .. } = row;
        let stalls = row
            .stall_cycles
            .map_or_else(|| "-".to_owned(), |cycles| cycles.to_string());
        let fields = [
            id.to_string(),
            "-".to_owned(),
            figures.total_cycles.to_string(),
            stalls,
            figures.utilization.to_string(),
            figures.mapping_efficiency.to_string(),
            figures.compute_util.to_string(),
            layer.name.clone(),
            layer.m.to_string(),
            layer.n.to_string(),
            layer.k.to_string(),
            figures.ifmap_reads.to_string(),
            figures.filter_reads.to_string(),
            figures.ofmap_writes.to_string(),
            row.scale_sim_cycles.to_string(),
            row.serial_cycles.to_string(),
            row.overlapped_cycles.to_string(),
        ];
        text.push_str(&fields.join(", "));
        text.push_str(",\n");
    }
    text
}
