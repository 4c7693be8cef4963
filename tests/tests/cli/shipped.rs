//! What is shipped can be run, and is listed.

use crate::support::{Folder, root};

/// The paths of all RON files of a folder of the workspace.
fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let mut paths: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .filter(|path| path.ends_with(".ron"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_shipped_file_is_in_order() {
    let all = files("hw-configs");
    assert!(all.len() >= 7);
    let arguments: Vec<&str> = std::iter::once("check")
        .chain(all.iter().map(String::as_str))
        .collect();
    let run = Folder::new().run(&arguments).ok();
    assert_eq!(run.stdout.lines().count(), all.len(), "{}", run.stdout);
}

#[test]
fn machines_are_listed() {
    insta::assert_snapshot!(Folder::new().run(&["machines"]).ok().stdout);
}

#[test]
fn a_listed_machine_prints_its_file_which_is_in_order() {
    let folder = Folder::new();
    for argument in ["edge-hybrid", "--template"] {
        folder.write("mine.ron", folder.run(&["machines", argument]).ok().stdout);
        folder.run(&["check", "mine.ron"]).ok();
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = Folder::new().run(&["completions", shell]).ok();
        assert!(run.stdout.contains("simulate"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let folder = Folder::new();
    let mut child = folder
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
