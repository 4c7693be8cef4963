//! `ternion simulate --scalesim-config --scalesim-topology`: another tool's files, as they are.

use std::io::Write;
use std::path::Path;

use config::{ConfigError, printable_lines};
use validation::scalesim::{Config, ReadError, Topology, run as run_layers, write_csv};

use crate::console::Console;
use crate::failure::Failure;
use crate::input;

/// Prints the tool's columns for each layer, and ours beside them.
pub(crate) fn run(config: &Path, topology: &Path) -> Result<(), Failure> {
    let at = |path: &Path| {
        let name = input::name(path);
        move |error: ReadError| ConfigError::new(format!("{name}: {error}"))
    };
    let array = Config::read(&input::text(config)?).map_err(at(config))?;
    let layers = Topology::read(&input::text(topology)?).map_err(at(topology))?;
    let rows = run_layers(&array, &layers).map_err(at(topology))?;
    write!(Console::stdout(), "{}", printable_lines(&write_csv(&rows)))?;
    Ok(())
}
