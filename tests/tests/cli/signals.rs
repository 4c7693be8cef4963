//! What a run leaves that was interrupted, killed, or ran at the same time as another.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Folder;

/// A run of many seconds.
const LONG: [&str; 5] = [
    "simulate",
    "--set",
    "workload.run=Decode(context: [2048, 2049, 2050])",
    "--json",
    "run.json",
];

/// The same run, ended soon by itself.
const SHORT: [&str; 7] = [
    "simulate",
    "--quiet",
    "--set",
    "workload.model=Variant(of: \"gpt2-124m\", layers: 1, vocab: 256)",
    "--set",
    "workload.run=Prefill(tokens: 4)",
    "--json=run.json",
];

/// Starts a long run that writes a trace, and waits until some of that is on the disk.
fn started(folder: &Folder, trace: &str) -> Child {
    let mut command = folder.command(&[&LONG[..], &["--trace", trace]].concat());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let run = command.spawn().expect("the program runs");
    let partial = folder.path(&format!("{trace}.partial"));
    let begun = Instant::now();
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) < 100_000 {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "nothing is written"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    run
}

fn send(signal: &str, run: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), run.id().to_string()])
        .status();
    assert!(sent.expect("there is kill").success());
}

#[test]
fn an_interrupted_run_leaves_what_was_there_and_nothing_else() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = Folder::new();
        folder.write("run.json", "old");
        let mut run = started(&folder, "trace.json.gz");
        send(signal, &run);
        let status = run.wait().expect("it ends");
        assert_eq!(status.code(), Some(code), "{signal}");
        assert_eq!(folder.files(), ["run.json"], "{signal}");
        assert_eq!(folder.read("run.json"), "old");
    }
}

#[test]
fn a_killed_run_leaves_a_trace_that_opens_as_told_until_the_next_run() {
    for (trace, opened) in [
        ("trace.json", "cat trace.json.partial"),
        (
            "trace.json.gz",
            "gzip -dc < trace.json.gz.partial 2> /dev/null | sed '$d'",
        ),
    ] {
        let folder = Folder::new();
        folder.write("run.json", "old");
        let mut run = started(&folder, trace);
        send("KILL", &run);
        run.wait().expect("it ends");
        let partial = format!("{trace}.partial");
        assert_eq!(folder.files(), ["run.json", "run.json.partial", &partial]);
        assert_eq!(folder.read("run.json"), "old");
        let mut shell = Command::new("sh");
        let output = shell
            .args(["-c", opened])
            .current_dir(folder.path(""))
            .output()
            .expect("there is a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let whole = format!("{}]", text.trim_end().trim_end_matches(','));
        let events: Vec<Value> = serde_json::from_str(&whole).expect("whole events");
        assert!(events.len() > 100, "{}", events.len());
        folder.run(&[&SHORT[..], &["--trace", trace]].concat()).ok();
        assert_eq!(folder.files(), ["run.json", trace]);
    }
}

#[test]
fn runs_that_write_the_same_file_at_once_do_not_mix() {
    let folder = Folder::new();
    let mut long = started(&folder, "trace.json");
    folder
        .run(&[&SHORT[..], &["--trace", "trace.json"]].concat())
        .ok();
    let short = folder.read("trace.json");
    let is_whole = |text: &str| serde_json::from_str::<Vec<Value>>(text).is_ok();
    assert!(is_whole(&short));
    assert!(
        long.try_wait().expect("it can be asked").is_none(),
        "it goes on"
    );
    // Killed, it leaves its own file; the next run takes that away.
    send("KILL", &long);
    long.wait().expect("it ends");
    assert_eq!(folder.read("trace.json"), short);
    folder
        .run(&[&SHORT[..], &["--trace", "trace.json"]].concat())
        .ok();
    assert_eq!(folder.read("trace.json"), short);
    assert_eq!(folder.files(), ["run.json", "trace.json"]);
}

#[test]
fn many_runs_of_one_output_at_once_all_succeed() {
    let folder = Folder::new();
    let mut runs: Vec<Child> = (0..6)
        .map(|_| {
            let mut command = folder.command(&SHORT);
            command
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program runs")
        })
        .collect();
    for run in &mut runs {
        let mut stderr = String::new();
        let pipe = run.stderr.as_mut().expect("it is piped");
        pipe.read_to_string(&mut stderr).expect("UTF-8");
        assert!(run.wait().expect("it ends").success(), "{stderr}");
    }
    assert_eq!(folder.files(), ["run.json"]);
    assert!(serde_json::from_str::<Value>(&folder.read("run.json")).is_ok());
}

#[test]
fn what_is_ignored_from_the_start_stays_ignored() {
    let folder = Folder::new();
    let line = "trap '' HUP; exec \"$0\" \"$@\"";
    let program = folder.command(&[&LONG[..], &["--trace", "trace.json", "--quiet"]].concat());
    let mut command = Command::new("sh");
    command.args(["-c", line]).arg(program.get_program());
    command
        .args(program.get_args())
        .current_dir(folder.path(""));
    let mut run = command.spawn().expect("there is a shell");
    let begun = Instant::now();
    while !folder.path("trace.json.partial").exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    send("HUP", &run);
    std::thread::sleep(Duration::from_millis(300));
    assert!(
        run.try_wait().expect("it can be asked").is_none(),
        "it goes on"
    );
    send("TERM", &run);
    assert_eq!(run.wait().expect("it ends").code(), Some(143));
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}
