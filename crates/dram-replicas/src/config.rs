//! Parameter sets of the two simulators, as `presets/replicas.csv` and golden folders have them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Why a configuration cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// There is no configuration of that name.
    #[error("no configuration is called `{0}`")]
    Unknown(String),
    /// A parameter is missing or no number.
    #[error("configuration `{config}`: `{parameter}` {message}")]
    Parameter {
        /// The name of the configuration that was read.
        config: String,
        /// The name of the parameter as the file writes it.
        parameter: String,
        /// What is wrong.
        message: String,
    },
    /// The policy is held up for ever: writes wait for reads that wait for the writes.
    #[error("no request can go on from tick {0}: the simulator's policy is held up for ever")]
    Stuck(u64),
}

/// One parameter of a configuration, as a table of them has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Parameter {
    /// The configuration's name.
    pub config: String,
    /// The parameter's name.
    pub param: String,
    /// The value of a parameter as the file writes it.
    pub value: String,
}

/// One simulator configuration: every parameter in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// Its name: `d3_...` for DRAMsim3, `r2_...` for Ramulator 2.
    pub name: String,
    values: BTreeMap<String, String>,
}

const SHIPPED: &str = include_str!("../presets/replicas.csv");

/// The configurations that parameters make up, by name.
#[must_use]
pub fn by_name(parameters: impl IntoIterator<Item = Parameter>) -> BTreeMap<String, ReplicaConfig> {
    let mut configs = BTreeMap::<String, ReplicaConfig>::new();
    for parameter in parameters {
        let name = parameter.config;
        let config = configs
            .entry(name)
            .or_insert_with_key(|name| ReplicaConfig {
                name: name.clone(),
                values: BTreeMap::new(),
            });
        config.values.insert(parameter.param, parameter.value);
    }
    configs
}

/// The shipped configurations.
///
/// # Panics
/// If the shipped table does not parse: our own mistake, caught by a test.
#[must_use]
pub fn shipped() -> BTreeMap<String, ReplicaConfig> {
    let rows = csv::Reader::from_reader(SHIPPED.as_bytes()).into_deserialize();
    by_name(rows.map(|row| row.expect("the shipped table parses")))
}

impl ReplicaConfig {
    /// A shipped configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        shipped().remove(name)
    }

    /// Whether this is a configuration of DRAMsim3.
    #[must_use]
    pub fn is_dramsim3(&self) -> bool {
        self.values.contains_key("address_mapping")
    }

    /// A parameter as text.
    #[must_use]
    pub fn text(&self, parameter: &str) -> Option<&str> {
        self.values.get(parameter).map(String::as_str)
    }

    fn error(&self, parameter: &str, message: &str) -> ReplicaError {
        ReplicaError::Parameter {
            config: self.name.clone(),
            parameter: parameter.to_owned(),
            message: message.to_owned(),
        }
    }

    /// A parameter that must be a whole number.
    ///
    /// # Errors
    /// If it is missing or no number.
    pub fn number(&self, parameter: &str) -> Result<u64, ReplicaError> {
        self.text(parameter)
            .ok_or_else(|| self.error(parameter, "is missing"))?
            .parse()
            .map_err(|_| self.error(parameter, "must be a whole number"))
    }

    /// A parameter that must be a whole number above zero.
    ///
    /// # Errors
    /// If it is missing, zero or no number.
    pub fn positive(&self, parameter: &str) -> Result<u64, ReplicaError> {
        match self.number(parameter)? {
            0 => Err(self.error(parameter, "must be above zero")),
            value => Ok(value),
        }
    }

    /// A whole number, or a default if it is missing.
    ///
    /// # Errors
    /// If it is no number.
    pub fn number_or(&self, parameter: &str, default: u64) -> Result<u64, ReplicaError> {
        match self.text(parameter) {
            None => Ok(default),
            Some(_) => self.number(parameter),
        }
    }

    /// A parameter that must be a number, perhaps with a fraction.
    ///
    /// # Errors
    /// If it is missing or no number.
    pub fn fraction(&self, parameter: &str) -> Result<f64, ReplicaError> {
        self.text(parameter)
            .ok_or_else(|| self.error(parameter, "is missing"))?
            .parse()
            .map_err(|_| self.error(parameter, "must be a number"))
    }

    /// The channels that the name of a Ramulator configuration states (`r2_..._8ch..._mop`): its
    /// own parameters count the levels of one channel.
    ///
    /// # Errors
    /// If the name states none and no parameter does.
    pub fn channels_by_name(&self) -> Result<u64, ReplicaError> {
        self.name
            .split('_')
            .find_map(|part| part.split_once("ch")?.0.parse().ok())
            .map_or_else(|| self.positive("count_Channel"), Ok)
    }

    /// An error about a parameter's value.
    #[must_use]
    pub fn wrong(&self, parameter: &str, message: &str) -> ReplicaError {
        self.error(parameter, message)
    }

    /// All parameters that are whole numbers, for latency expressions.
    #[must_use]
    pub fn parameters(&self) -> BTreeMap<String, u64> {
        self.values
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.parse().ok()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shipped_configurations_are_there() {
        let configs = shipped();
        assert_eq!(configs.len(), 22);
        assert_eq!(configs.values().filter(|c| c.is_dramsim3()).count(), 11);
    }

    #[test]
    fn a_missing_number_names_configuration_and_parameter() {
        let configs = by_name([Parameter {
            config: "x".to_owned(),
            param: "tCL".to_owned(),
            value: "fast".to_owned(),
        }]);
        let error = configs["x"].number("tCL").unwrap_err().to_string();
        assert_eq!(error, "configuration `x`: `tCL` must be a whole number");
        assert!(configs["x"].number("tRP").is_err());
    }
}
