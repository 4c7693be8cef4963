//! `cargo xtask`: run the simulator, test everything, keep the tree tidy and its figures true.
//!
//! It has no dependencies, so that it compiles in a second, and knows nothing of the simulator: it
//! builds the binary `ternion` and hands over.

mod cost;
mod docs;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
Usage: cargo xtask COMMAND

  simulate ARGS...   build `ternion` in release mode and run `ternion simulate ARGS...`
  ternion ARGS...    the same for any other command: `cargo xtask ternion machines`
  test               everything the tests need, and the tests
  cost               how host time and instructions grow with layers and tokens
  docs [--check]     make the figures in the documents anew, or check them; `--all` also those that
                     take minutes, `--with BINARY` by a `ternion` that is built already
  tidy               check file lengths, headers and forbidden words
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "simulate" => ternion(&[vec!["simulate".into()], rest].concat()),
        "ternion" => ternion(&rest),
        "test" => test(&rest),
        "cost" => built().and_then(|binary| cost::cost(&binary).map(|()| ExitCode::SUCCESS)),
        "docs" => docs(&rest),
        "tidy" => tidy::tidy(&root()).map(|()| ExitCode::SUCCESS),
        "" | "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(format!("no command is called `{other}`\n\n{HELP}")),
    };
    done.unwrap_or_else(|message| {
        eprintln!("error: {message}");
        ExitCode::from(2)
    })
}

/// The root of the workspace.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The cargo that runs us.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Builds the simulator in release mode.
fn built() -> Result<PathBuf, String> {
    let mut build = cargo();
    build
        .args(["build", "--release", "--quiet", "--package", "ternion"])
        .current_dir(root());
    if !run(&mut build)? {
        return Err("the simulator does not build".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |dir| root().join(dir));
    let name = format!("ternion{}", std::env::consts::EXE_SUFFIX);
    Ok(target.join("release").join(name))
}

/// Builds the simulator and runs it where the user stands; its exit code is ours.
fn ternion(arguments: &[String]) -> Result<ExitCode, String> {
    let binary = built()?;
    let status = Command::new(&binary)
        .args(arguments)
        .status()
        .map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        // Killed by a signal.
        None => ExitCode::from(1),
    })
}

/// The figures in the documents.
fn docs(arguments: &[String]) -> Result<ExitCode, String> {
    let (mut mode, mut which) = (docs::Mode::Write, docs::Which::Quick);
    let mut binary = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => mode = docs::Mode::Check,
            "--all" => which = docs::Which::All,
            "--with" => {
                let path = arguments.next().ok_or("--with: the path of a `ternion`")?;
                binary = Some(std::path::absolute(path).map_err(|error| error.to_string())?);
            }
            other => {
                return Err(format!(
                    "`docs` does not know `{other}`: --check, --all, --with BINARY"
                ));
            }
        }
    }
    docs::docs(mode, which, binary).map(|()| ExitCode::SUCCESS)
}

/// All tests; arguments go to `cargo test`.
fn test(arguments: &[String]) -> Result<ExitCode, String> {
    let mut tests = cargo();
    tests
        .args(["test", "--workspace"])
        .args(arguments)
        .current_dir(root());
    Ok(if run(&mut tests)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn run(command: &mut Command) -> Result<bool, String> {
    command
        .status()
        .map(|status| status.success())
        .map_err(|error| format!("cannot run {}: {error}", command.get_program().display()))
}
