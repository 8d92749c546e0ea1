//! Log lines: to standard error, as text or JSON with lower-case levels (`json`). Standard output is the audit log's.
//!
//! Libraries below ours are quieter by default, because the API client logs whole requests at debug.
//! A panic is logged by its place only: its text may quote anything.

mod json;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use crate::args::{LogArgs, LogFormat};

/// Libraries that would log request or response bodies, held at `warn` whatever is asked for.
const QUIET: &[&str] =
    &["hyper=warn", "h2=warn", "reqwest=warn", "rustls=warn", "kube_client=info", "tower=warn"];

/// Starts logging, at `default` unless told otherwise. A filter that does not parse is reported and
/// `default` is used.
pub(crate) fn start(args: &LogArgs, default: &str) {
    let level = args.log_level.as_deref().unwrap_or(default);
    let mut filter = EnvFilter::try_new(level).unwrap_or_else(|error| {
        eprintln!("warning: --log-level {:?} is not a filter ({error}); using {default}", level);
        EnvFilter::new(default)
    });
    for directive in QUIET {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.fmt_fields(JsonFields::new()).event_format(json::JsonLines).init(),
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
