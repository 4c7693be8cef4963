//! `ternion simulate --scalesim-config --scalesim-topology`: another tool's files, as they are.

use std::io::Write;
use std::path::Path;

use config::{ConfigError, read_text};
use pe_array::scalesim::{Config, ReadError, Topology, run as run_layers, write_csv};

use crate::failure::Failure;

/// Prints the tool's columns for each layer, and ours beside them.
pub(crate) fn run(config: &Path, topology: &Path) -> Result<(), Failure> {
    let at = |path: &Path| {
        let name = path.display().to_string();
        move |error: ReadError| ConfigError::new(format!("{name}: {error}"))
    };
    let array = Config::read(&read_text(config)?).map_err(at(config))?;
    let layers = Topology::read(&read_text(topology)?).map_err(at(topology))?;
    let rows = run_layers(&array, &layers).map_err(at(topology))?;
    std::io::stdout()
        .lock()
        .write_all(write_csv(&rows).as_bytes())?;
    Ok(())
}
