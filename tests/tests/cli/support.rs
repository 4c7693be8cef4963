//! Runs the program in an empty folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent()
        .expect("the tests stand in the workspace")
        .into()
}

/// The program, built once in the profile of the tests.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let own = std::env::current_exe().expect("a test knows where it stands");
        let profile = own
            .parent()
            .and_then(Path::parent)
            .expect("target/PROFILE/deps/test");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "ternion", "--target-dir"]);
        build.arg(profile.parent().expect("target/PROFILE"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.current_dir(root()).status().expect("cargo runs");
        assert!(built.success(), "the program does not build");
        profile.join(format!("ternion{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A machine of one dot-product unit, with serial work outside it and a link.
pub(crate) const UNIT: &str = "Machine(name: \"unit\", clock: MHz(100), arrays: [(name: \"dot\", \
     element: Int8(variant: Dot(lanes: 4)), rows: 1, columns: 1, dataflow: OutputStationary)], \
     vector: Free, scratchpads: (activations: Unlimited, weights: Unlimited, outputs: Unlimited), \
     memory: Ideal(bandwidth: Unlimited), \
     serial: [(what: \"start\", each: Gemm, time: Us(10)), (what: \"host\", each: Token, time: Us(5))], \
     link: (bandwidth: GBps(1)))";

/// A folder to run the program in, gone afterwards.
pub(crate) struct Folder(TempDir);

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("the folder can be written to");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// The names of all files in the folder, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into()
            })
            .collect();
        names.sort();
        names
    }

    /// The program with arguments, ready to run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("RUST_LOG");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().expect("the program runs");
        Run {
            code: status.code().expect("the program ends by itself"),
            stdout: String::from_utf8(stdout).expect("UTF-8"),
            stderr: String::from_utf8(stderr).expect("UTF-8"),
        }
    }
}

impl Run {
    /// Asserts that the program ended with exit code 0, and gives the run back.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }
}
