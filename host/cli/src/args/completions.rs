//! The command line of `claviger completions`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: ShellArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellArg {
    /// source <(claviger completions bash)
    Bash,
    /// claviger completions zsh > a folder of $fpath, as _claviger
    Zsh,
    /// claviger completions fish > ~/.config/fish/completions/claviger.fish
    Fish,
}
