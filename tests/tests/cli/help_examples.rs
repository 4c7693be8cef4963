//! Every example that `--help` shows can be copied into a shell.

use std::process::Command;

use crate::support::{Folder, program};

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, rest)| rest);
    let lines = listed.lines().take_while(|line| !line.trim().is_empty());
    // The name stands at two spaces; more begin what is said of it.
    let entries = lines.filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|entry| !entry.starts_with(' '));
    let names = entries.filter_map(|entry| entry.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The long help of the program and of all of its commands, by what was typed before `--help`.
fn all_help(folder: &Folder) -> Vec<(Vec<String>, String)> {
    let mut open = vec![Vec::new()];
    let mut all = Vec::new();
    while let Some(command) = open.pop() {
        let words: Vec<&str> = command
            .iter()
            .map(String::as_str)
            .chain(["--help"])
            .collect();
        let help = folder.run(&words).ok().stdout;
        for name in subcommands(&help) {
            open.push([&command[..], &[name]].concat());
        }
        all.push((command, help));
    }
    all
}

/// The examples of a help text, with the lines that a `\` continues.
fn examples(help: &str) -> Vec<String> {
    let mut examples: Vec<String> = Vec::new();
    let mut goes_on = false;
    let after = help.split_once("\nExample").map_or("", |(_, rest)| rest);
    for line in after
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("  "))
    {
        match examples.last_mut() {
            Some(last) if goes_on => *last += &format!("\n{line}"),
            _ => examples.push(line.trim_start().to_owned()),
        }
        goes_on = line.ends_with('\\');
    }
    examples
}

#[test]
fn every_example_of_every_help_runs_in_an_empty_folder() {
    let place = program().parent().expect("the program stands in a folder");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = [place.to_owned()]
        .into_iter()
        .chain(std::env::split_paths(&paths));
    let path = std::env::join_paths(paths).expect("no folder has a colon in its name");
    let all = all_help(&Folder::new());
    let names: Vec<String> = all.iter().map(|(command, _)| command.join(" ")).collect();
    for command in [
        "",
        "simulate",
        "dram check",
        "validate paper",
        "completions",
    ] {
        assert!(names.iter().any(|name| name == command), "{names:?}");
    }
    let mut ran = 0;
    for (command, help) in &all {
        for example in examples(help) {
            assert!(example.contains("ternion "), "{command:?}: {example}");
            let folder = Folder::new();
            let output = Command::new("sh")
                .args(["-ec", &example])
                .env("PATH", &path)
                .current_dir(folder.path(""))
                .output()
                .expect("there is a shell");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{command:?}: {example}\n{stderr}");
            ran += 1;
        }
    }
    assert!(ran >= 18, "{ran} examples");
}

#[test]
fn no_example_is_broken_by_a_terminal_of_80_columns() {
    let folder = Folder::new();
    for (command, help) in all_help(&folder) {
        for line in examples(&help).iter().flat_map(|example| example.lines()) {
            assert!(line.chars().count() < 79, "{command:?}: {line}");
        }
    }
}
