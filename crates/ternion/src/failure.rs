//! How a command ends when it does not end well.

use std::process::ExitCode;

use accelerator::MachineError;
use config::{ConfigError, Paint};

use crate::console::{Stream, complain};

/// Why a command failed; each kind has its exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user's files or arguments: exit code 2.
    Input(Vec<ConfigError>),
    /// The simulated machine cannot go on: deadlock, or a limit. Exit code 3.
    Stopped(String),
    /// A mistake of the program's own, found by its checks: exit code 4.
    Internal(String),
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
            Self::Internal(message) => {
                let help =
                    "no number of this run can be believed; please report it, with the files";
                show(&ConfigError::new(message).help(help));
                ExitCode::from(4)
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
    let paint = match Stream::Stderr.takes_colour() {
        true => Paint::Coloured,
        false => Paint::Plain,
    };
    complain(&error.render(paint));
}

impl From<MachineError> for Failure {
    fn from(error: MachineError) -> Self {
        let message = error.to_string();
        match error {
            // The program asks of an array what it cannot do: the two files do not go together.
            MachineError::Array { .. } => ConfigError::new(message).into(),
            MachineError::Shortfall(_) => Self::Internal(message),
            _ => Self::Stopped(message),
        }
    }
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

#[cfg(test)]
mod tests {
    use quantities::Bytes;
    use tile_program::{Moved, Shortfall};

    use super::*;

    #[test]
    fn a_run_that_moves_less_than_it_must_has_an_exit_code_of_its_own() {
        let compulsory = Moved {
            read: Bytes(1),
            written: Bytes(0),
        };
        let shortfall = Shortfall::check(&"q_proj", Moved::default(), compulsory).unwrap_err();
        let failure = Failure::from(MachineError::from(shortfall));
        assert_eq!(failure.report(), ExitCode::from(4));
    }
}
