//! `completions`: what the shells take.

use bulkhead_test_support::{BulkheadHost, HostOptions, process};

#[test]
fn each_shell_is_told_the_commands() {
    let host = BulkheadHost::prepare(HostOptions::default()).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = host.run_with(&[], &["completions", shell]).unwrap().ok().unwrap().stdout;
        for word in ["configure", "reset", "no-backup", "retention"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    // Bash itself completes with it.
    let script = host.run_with(&[], &["completions", "bash"]).unwrap().stdout;
    let ask = "COMP_WORDS=(bulkhead backup res); COMP_CWORD=2; _bulkhead bulkhead res backup; echo \"${COMPREPLY[@]}\"";
    let mut bash = process::command("bash");
    let answer =
        process::run(bash.arg("-s"), format!("{script}\n{ask}\n").as_bytes(), std::time::Duration::from_secs(30))
            .unwrap();
    let words: Vec<String> = String::from_utf8(answer.stdout).unwrap().split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["restore", "reset"], "{}", answer.stderr);
    let unknown = host.run_with(&[], &["completions", "tcsh"]).unwrap();
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}
