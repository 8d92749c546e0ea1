//! `claviger completions`: a script for a shell, made from the command line as it is.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::{Cli, CompletionsArgs, ShellArg};

/// Prints it.
///
/// # Errors
/// If standard output is closed.
pub(crate) fn print(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(&script(args.shell)).context("the script cannot be printed")?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: ShellArg) -> Vec<u8> {
    let shell = match shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Zsh => Shell::Zsh,
        ShellArg::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "claviger", &mut script);
    script
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn each_shell_s_script_names_the_commands_and_their_flags() {
        let parts = [
            "run",
            "render",
            "diff",
            "takeover",
            "plugin",
            "crds",
            "completions",
            "controller-class",
            "inspect",
        ];
        for shell in [ShellArg::Bash, ShellArg::Zsh, ShellArg::Fish] {
            let text = String::from_utf8(script(shell)).unwrap();
            for part in parts {
                assert!(text.contains(part), "{shell:?} does not name {part}");
            }
        }
    }

    /// A shell that is not there is passed over: each reads the script without running it.
    #[test]
    fn the_shells_take_their_scripts() {
        for (program, shell) in [("bash", ShellArg::Bash), ("zsh", ShellArg::Zsh), ("fish", ShellArg::Fish)] {
            let started =
                Command::new(program).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let Ok(mut child) = started else {
                eprintln!("SKIPPED: {program} is not here");
                continue;
            };
            child.stdin.take().unwrap().write_all(&script(shell)).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
