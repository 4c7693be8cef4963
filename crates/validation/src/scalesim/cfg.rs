//! The tool's configuration file.

use tile_program::Dataflow;

use super::golden::dataflow;
use super::read::{ReadError, lines, number};

/// What a configuration file says of the array and its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `run_name`, if given.
    pub run_name: Option<String>,
    /// Rows of the array, `ArrayHeight` in the file.
    pub rows: u64,
    /// Columns of the array, `ArrayWidth` in the file.
    pub columns: u64,
    /// The mapping of GEMMs to the array, `Dataflow` in the file.
    pub dataflow: Dataflow,
    /// `IfmapSramSzkB`, `FilterSramSzkB`, `OfmapSramSzkB`, in KiB.
    pub sram_kib: [u64; 3],
    /// `Bandwidth` of the private interfaces in words a cycle, if `InterfaceBandwidth` is `USER`;
    /// `None` if it is `CALC`: operands never stall.
    pub bandwidth: Option<Vec<u64>>,
}

/// A `key = value` line in its section.
struct Entry<'a> {
    line: usize,
    section: String,
    key: String,
    value: &'a str,
}

struct Entries<'a>(Vec<Entry<'a>>);

impl<'a> Entries<'a> {
    fn read(text: &'a str) -> Result<Self, ReadError> {
        let mut section = None;
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for (line, text) in lines(text) {
            if text.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = text.strip_prefix('[') {
                let name = name
                    .strip_suffix(']')
                    .ok_or_else(|| ReadError::at(line, "a section without its closing `]`"))?;
                section = Some(name.trim().to_lowercase());
                continue;
            }
            let Some((key, value)) = text.split_once(['=', ':']) else {
                return Err(ReadError::at(line, format!("`{text}` is not a setting"))
                    .help("key = value, [section] or # comment"));
            };
            let Some(section) = section.clone() else {
                return Err(ReadError::at(line, "a setting before the first [section]"));
            };
            let key = key.trim().to_lowercase();
            if let Some(first) = entries
                .iter()
                .find(|entry| entry.section == section && entry.key == key)
            {
                return Err(
                    ReadError::at(line, format!("already set in line {}", first.line)).column(&key),
                );
            }
            entries.push(Entry {
                line,
                section,
                key,
                value: value.trim(),
            });
        }
        Ok(Self(entries))
    }

    fn find(&self, section: &str, key: &str) -> Option<&Entry<'a>> {
        self.0
            .iter()
            .find(|entry| entry.section == section && entry.key.eq_ignore_ascii_case(key))
    }

    fn get(&self, section: &str, key: &str) -> Result<&Entry<'a>, ReadError> {
        self.find(section, key).ok_or_else(|| {
            ReadError::file(format!("the key is missing from [{section}]")).column(key)
        })
    }

    fn size(&self, key: &str) -> Result<u64, ReadError> {
        let entry = self.get("architecture_presets", key)?;
        match number(entry.line, key, entry.value)? {
            0 => Err(ReadError::at(entry.line, "a size of 0")
                .column(key)
                .help("at least 1")),
            value => Ok(value),
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// A missing key, text for a number, a size of zero, an unknown dataflow or mode; sparsity,
    /// which the laws do not know.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let entries = Entries::read(text)?;
        let name = entries.get("architecture_presets", "Dataflow")?;
        let dataflow = dataflow(name.value).ok_or_else(|| {
            ReadError::at(name.line, format!("`{}` is not a dataflow", name.value))
                .column("Dataflow")
                .help("os, ws or is")
        })?;
        if let Some(sparsity) = entries.find("sparsity", "SparsitySupport")
            && sparsity.value.eq_ignore_ascii_case("true")
        {
            return Err(ReadError::at(sparsity.line, "sparsity is not modelled")
                .column("SparsitySupport")
                .help("False"));
        }
        Ok(Self {
            run_name: entries
                .find("general", "run_name")
                .map(|entry| entry.value.to_owned()),
            rows: entries.size("ArrayHeight")?,
            columns: entries.size("ArrayWidth")?,
            dataflow,
            sram_kib: [
                entries.size("IfmapSramSzkB")?,
                entries.size("FilterSramSzkB")?,
                entries.size("OfmapSramSzkB")?,
            ],
            bandwidth: bandwidth(&entries)?,
        })
    }
}

fn bandwidth(entries: &Entries<'_>) -> Result<Option<Vec<u64>>, ReadError> {
    let mode = entries.get("run_presets", "InterfaceBandwidth")?;
    match mode.value {
        "CALC" => Ok(None),
        "USER" => {
            let list = entries.get("architecture_presets", "Bandwidth")?;
            let words = list
                .value
                .split(',')
                .map(|field| super::read::dimension(list.line, "Bandwidth", field.trim()));
            Ok(Some(words.collect::<Result<_, _>>()?))
        }
        other => Err(ReadError::at(mode.line, format!("`{other}` is not a mode"))
            .column("InterfaceBandwidth")
            .help("CALC or USER")),
    }
}
