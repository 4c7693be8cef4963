//! How a command ends when it does not end well.

use std::process::ExitCode;

use config::ConfigError;

use crate::console::{Stream, complain};

/// Why a command failed; each kind has its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user's files or arguments: exit code 2.
    Input(Vec<ConfigError>),
    /// The simulated machine cannot go on: deadlock, or a limit. Exit code 3.
    Stopped(String),
    /// Anything else, such as a full disk: exit code 1.
    Other(anyhow::Error),
}

impl Failure {
    /// Shows the failure on stderr and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Input(errors) => {
                for error in &errors {
                    show(error);
                }
                ExitCode::from(2)
            }
            Self::Stopped(message) => {
                show(&ConfigError::new(message));
                ExitCode::from(3)
            }
            Self::Other(error) => {
                show(&ConfigError::new(format!("{error:#}")));
                ExitCode::from(1)
            }
        }
    }
}

/// Shows an error on stderr, in colour on a terminal.
pub(crate) fn show(error: &ConfigError) {
    complain(&error.render(Stream::Stderr.takes_colour()));
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Input(vec![error])
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}
