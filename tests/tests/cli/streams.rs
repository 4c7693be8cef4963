//! Standard output and error that are closed, full, left by their reader, or terminals of all
//! kinds.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::support::{Folder, program};

/// A run of an instant.
const SMALL: [&str; 5] = [
    "simulate",
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 256)",
    "--set",
    "workload.run=Prefill(tokens: 4)",
];

/// A memory that is warned about.
const WARNED: &str = "(standard: \"DDR4-3200AA\", timings: {\"tFAW\": 1})";

/// A command of each kind that ends well and prints something, and the files that they read.
fn good(folder: &Folder) -> Vec<Vec<&'static str>> {
    folder.write("requests.txt", "0x40 READ 0\n0x80 WRITE 9\n");
    folder.write("warned.ron", WARNED);
    folder.write("layers.csv", "Layer,M,N,K,\none,8,8,8,\n");
    folder
        .run(&[
            "dram",
            "--config",
            "DDR4-3200AA",
            "--trace",
            "requests.txt",
            "--commands",
            "c.csv",
        ])
        .ok();
    let paper = [
        "amdahl",
        "--hw",
        "edge-tpu-paper",
        "--workload",
        "opt-1.3b-decode-paper",
    ];
    vec![
        SMALL.to_vec(),
        [&SMALL[..], &["--json", "-"]].concat(),
        [&SMALL[..], &["--trace", "-"]].concat(),
        vec!["compile", "--workload", "gpt2-124m-prefill"],
        [&paper[..], &["--speedups", "2"]].concat(),
        vec!["check", "edge-hybrid"],
        vec!["machines"],
        vec!["machines", "edge-hybrid"],
        vec!["machines", "--template"],
        vec!["workloads"],
        vec!["models"],
        vec!["dram", "--config", "warned.ron", "--trace", "requests.txt"],
        vec!["dram", "check", "c.csv"],
        vec!["validate", "paper"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["simulate", "--help"],
        vec!["dram", "check", "-h"],
        vec!["--version"],
    ]
}

/// Commands that end in a complaint, with their exit codes.
const BAD: [(&[&str], i32); 9] = [
    (&[], 2),
    (&["simulat"], 2),
    (&["simulate", "--hw"], 2),
    (&["simulate", "--hw", "nothing"], 2),
    (&["simulate", "--set", "hw.clock=3"], 2),
    (&["simulate", "--max-cycles", "10"], 3),
    (&["check", "warned.ron", "nothing"], 2),
    (&["machines", "nothing"], 2),
    (
        &[
            "-vv",
            "dram",
            "--config",
            "warned.ron",
            "--trace",
            "nothing",
        ],
        2,
    ),
];

/// The exit code of a command with its streams as a shell makes them.
fn code(folder: &Folder, arguments: &[&str], streams: &str) -> i32 {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec \"$0\" \"$@\" {streams}")])
        .arg(program())
        .args(arguments)
        .current_dir(folder.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = shell.status().expect("there is a shell");
    status.code().expect("the program ends by itself")
}

#[test]
fn no_state_of_a_stream_ends_in_a_panic() {
    let folder = Folder::new();
    for arguments in good(&folder) {
        for streams in [
            "2>&-",
            "2>/dev/full",
            ">&-",
            ">&- 2>&-",
            "<&-",
            "<&- >&- 2>&-",
        ] {
            let report_is_lost = streams == "2>/dev/full" && arguments.contains(&"-");
            let expected = i32::from(report_is_lost);
            let code = code(&folder, &arguments, streams);
            assert_eq!(code, expected, "{arguments:?} {streams}");
        }
        for streams in [">/dev/full", ">/dev/full 2>/dev/full", ">/dev/full 2>&-"] {
            assert_eq!(
                code(&folder, &arguments, streams),
                1,
                "{arguments:?} {streams}"
            );
        }
    }
    for (arguments, expected) in BAD {
        for streams in ["", "2>&-", "2>/dev/full", ">&- 2>&-", ">&- 2>/dev/full"] {
            let code = code(&folder, arguments, streams);
            assert_eq!(code, expected, "{arguments:?} {streams}");
        }
    }
}

#[test]
fn a_full_standard_output_is_told_by_its_name() {
    let folder = Folder::new();
    for arguments in good(&folder) {
        let mut command = folder.command(&arguments);
        let full = OpenOptions::new().write(true).open("/dev/full");
        command.stdout(full.expect("there is /dev/full"));
        let output = command.output().expect("the program runs");
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(
            stderr.contains("error: cannot write to standard output: No space left"),
            "{arguments:?}: {stderr}"
        );
    }
}

/// Runs a command whose output nobody reads.
fn unread(folder: &Folder, arguments: &[&str]) -> i32 {
    let mut command = folder.command(arguments);
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    drop(run.stdout.take());
    let status = run.wait().expect("it ends");
    status.code().expect("the program ends by itself")
}

#[test]
fn a_reader_that_goes_away_changes_neither_files_nor_exit_codes() {
    let folder = Folder::new();
    for arguments in good(&folder) {
        assert_eq!(unread(&folder, &arguments), 0, "{arguments:?}");
    }
    let compile = [
        "compile",
        "--workload",
        "gpt2-124m-prefill",
        "--json",
        "all.json",
    ];
    assert_eq!(unread(&folder, &compile), 0);
    assert!(serde_json::from_str::<Value>(&folder.read("all.json")).is_ok());
    assert_eq!(unread(&folder, &["check", "edge-hybrid", "nothing"]), 2);
    let folder = Folder::new();
    folder.write(
        "some.csv",
        "model,context_length,tokens_per_second\nopt-1.3b,128,9.99\n",
    );
    assert_eq!(unread(&folder, &["validate", "paper", "--golden", "."]), 1);
}

/// What a command prints on a terminal, on both streams.
fn on_terminal(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut keyboard =
        File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal"));
    grantpt(&keyboard).expect("it is ours");
    unlockpt(&keyboard).expect("it can be opened");
    let name = ptsname(&keyboard, Vec::new()).expect("it has a name");
    let name = name.into_string().expect("UTF-8");
    let screen = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .expect("it opens");
    let mut command = folder.command(arguments);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"] {
        command.env_remove(variable);
    }
    command.envs(variables.iter().copied());
    command.stdout(screen.try_clone().expect("a descriptor"));
    command.stderr(screen);
    let mut run = command.spawn().expect("the program runs");
    drop(command);
    let mut text = Vec::new();
    // The end of a terminal is an error on some systems.
    let _ = keyboard.read_to_end(&mut text);
    run.wait().expect("it ends");
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn only_a_terminal_that_takes_colours_is_given_any() {
    let folder = Folder::new();
    folder.write("requests.txt", "0x40 READ 0\n");
    folder.write("warned.ron", WARNED);
    let warned = ["dram", "--config", "warned.ron", "--trace", "requests.txt"];
    let report: Vec<&str> = SMALL.to_vec();
    for (arguments, words) in [
        (&report[..], "makespan"),
        (&["--help"], "Usage"),
        (&["simulat"], "error"),
        (&["simulate", "--hw", "nothing"], "error"),
        (&warned, "never binds"),
    ] {
        let able = on_terminal(&folder, arguments, &[("TERM", "xterm-256color")]);
        assert!(
            able.contains(words) && able.contains('\u{1b}'),
            "{arguments:?}: {able}"
        );
        for variables in [
            &[("TERM", "dumb")][..],
            &[("TERM", "dumb"), ("CI", "true")],
            &[("TERM", "xterm"), ("NO_COLOR", "1")],
            &[],
        ] {
            let plain = on_terminal(&folder, arguments, variables);
            // A progress bar moves the cursor, without colours, on terminals that can.
            let text = plain.split('\r').next_back().unwrap_or_default();
            let shown = if variables.iter().any(|(name, _)| *name == "NO_COLOR") {
                text
            } else {
                &plain
            };
            assert!(
                plain.contains(words),
                "{arguments:?} {variables:?}: {plain}"
            );
            assert!(
                !shown.contains('\u{1b}'),
                "{arguments:?} {variables:?}: {plain:?}"
            );
        }
        let piped = folder.run(arguments);
        assert!(
            !(piped.stdout + &piped.stderr).contains('\u{1b}'),
            "{arguments:?}"
        );
    }
}

#[test]
fn verbose_runs_tell_phases_and_choices_on_stderr_and_report_the_same() {
    let folder = Folder::new();
    let arguments = [
        "simulate",
        "--hw",
        "edge-hybrid",
        "--workload",
        "gpt2-124m-prefill",
        "--set",
        "workload.run=Prefill(tokens: 1)",
    ];
    let run = |more: &[&str]| folder.run(&[&arguments, more].concat()).ok();
    let (quiet, phases, choices) = (run(&[]), run(&["-v"]), run(&["-vv"]));
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.stdout, phases.stdout);
    assert_eq!(quiet.stdout, choices.stdout);
    for told in ["begins cycle=0", "ends cycle="] {
        assert!(phases.stderr.contains(told), "{}", phases.stderr);
        assert!(choices.stderr.contains(told), "{}", choices.stderr);
    }
    for told in ["tiling chosen", "operator=q_proj", "kept_matrices="] {
        assert!(!phases.stderr.contains(told), "{}", phases.stderr);
        assert!(choices.stderr.contains(told), "{}", choices.stderr);
    }
}
