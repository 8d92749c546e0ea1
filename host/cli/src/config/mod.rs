//! Where the settings of `claviger run` come from: a flag goes before an environment variable, that before the file of
//! `--config`, that before the default. `claviger doctor` reads the same file, for the settings that it shares.
//!
//! One meaning for all four: what the file says becomes the default of the flag that its key stands for, so that the
//! command line's own rules do the rest. What the settings lead to is in `settings`.

mod file;
mod keys;
mod settings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::OsStr;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

pub(crate) use self::file::FileError;
use self::keys::{KEYS, Key};
pub(crate) use self::settings::{authorities, egress, operator, own_egress, proxies};
use crate::args::{Cli, Command};

/// The period of store validation, in milliseconds; the one variable whose unit is not its flag's.
const POLLER: &str = "POLLER_INTERVAL_MILLISECONDS";
const POLLER_FLAG: &str = "store-interval";
/// What reads the file.
const RUN: &str = "run";
const DOCTOR: &str = "doctor";
/// What only the operator's own authority has.
const AUTHORITY: [&str; 3] = ["secret_name", "service_name", "configuration_name"];

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Of the command line: help that was asked for, too.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// Of the file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Of the variable.
    #[error("{POLLER}: expected a whole number of milliseconds above zero, such as 30000")]
    Poller,
}

/// The command line, with what environment and file add to it.
///
/// # Errors
/// What is wrong with one of the three.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, ConfigError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let matches = command(&[]).try_get_matches_from(&args)?;
    let Some((name @ (RUN | DOCTOR), given)) = matches.subcommand() else {
        return Ok(Cli::from_arg_matches(&matches)?);
    };
    let mut defaults = Vec::new();
    if let Some(path) = given.get_one::<PathBuf>("config") {
        defaults.extend(file::read(path)?);
    }
    if name == RUN {
        defaults.extend(poller()?);
    } else {
        // How the operator logs is no business of who looks at it.
        let own = flags_of(DOCTOR);
        defaults.retain(|(key, _)| own.iter().any(|flag| flag == key.flag));
    }
    let matches = match defaults.is_empty() {
        true => matches,
        false => command(&defaults).try_get_matches_from(&args)?,
    };
    let mut cli = Cli::from_arg_matches(&matches)?;
    match (&mut cli.command, matches.subcommand()) {
        (Command::Run(run), Some((_, given))) if names_authority(given, "cert_dir", &AUTHORITY) => {
            run.webhook.cert_dir = None;
        }
        (Command::Doctor(doctor), Some((_, given)))
            if names_authority(given, "webhook_cert_dir", &AUTHORITY.map(|id| format!("webhook_{id}"))) =>
        {
            doctor.settings.webhook_cert_dir = None;
        }
        _ => {}
    }
    Ok(cli)
}

/// Long names of a command's own flags.
fn flags_of(name: &str) -> Vec<String> {
    let all = Cli::command();
    let flags = all.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
    flags.filter_map(|arg| arg.get_long().map(ToOwned::to_owned)).collect()
}

/// Whether flags name the operator's own authority, and the file a folder with a certificate: flags go before the file.
fn names_authority(given: &ArgMatches, cert_dir: &str, authority: &[impl AsRef<str>]) -> bool {
    let by_flag = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    !by_flag(cert_dir) && authority.iter().any(|id| by_flag(id.as_ref()))
}

/// The variable's value, as the flag takes it.
fn poller() -> Result<Option<(&'static Key, String)>, ConfigError> {
    let Some(value) = std::env::var_os(POLLER).filter(|value| !value.is_empty()) else { return Ok(None) };
    let text = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let period = text.and_then(|text| text.parse().ok()).filter(|period: &u64| *period > 0);
    let period = period.ok_or(ConfigError::Poller)?;
    Ok(KEYS.iter().find(|key| key.flag == POLLER_FLAG).map(|key| (key, format!("{period}ms"))))
}

/// The command, with other defaults for the flags of `run` and `doctor`; of two for one flag the later counts.
fn command(defaults: &[(&'static Key, String)]) -> clap::Command {
    let with_key = |arg: clap::Arg, of: &str| {
        let Some(key) = KEYS.iter().find(|key| arg.get_long() == Some(key.flag)) else { return arg };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let arg = arg.help(format!("{help} [{of}: {}]", key.path));
        match defaults.iter().rfind(|(known, _)| known.path == key.path) {
            Some((_, text)) => arg.default_value(OsStr::from(text.clone())),
            None => arg,
        }
    };
    Cli::command()
        .mut_args(|arg| with_key(without_empty(arg), "file of run"))
        .mut_subcommand(RUN, |run| run.mut_args(|arg| with_key(in_its_unit(without_empty(arg)), "file")))
        .mut_subcommand(DOCTOR, |doctor| doctor.mut_args(|arg| with_key(without_empty(arg), "file")))
}

/// A variable that is empty is not set.
fn without_empty(arg: clap::Arg) -> clap::Arg {
    let empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    if empty { arg.env(None::<&str>) } else { arg }
}

/// Its flag counts seconds; it is read by [`poller`].
fn in_its_unit(arg: clap::Arg) -> clap::Arg {
    let is_set = arg.get_long() == Some(POLLER_FLAG) && std::env::var_os(POLLER).is_some();
    if is_set { arg.env(None::<&str>) } else { arg }
}
