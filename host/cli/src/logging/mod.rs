//! Log lines: to standard error, as text or JSON with lower-case levels (`json`). Standard output is the audit log's.
//!
//! Libraries below ours are quieter by default, because the API client logs whole requests at debug.
//! A panic is logged by its place only: its text may quote anything.

mod json;

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::JsonFields;

use crate::args::{LogArgs, LogFormat};

/// Libraries that would log request or response bodies, held at `warn` whatever is asked for.
const QUIET: &[&str] =
    &["hyper=warn", "h2=warn", "reqwest=warn", "rustls=warn", "kube_client=info", "tower=warn"];

/// Starts logging, at `default` unless told otherwise. A filter that does not parse is reported and
/// `default` is used.
pub(crate) fn start(args: &LogArgs, default: &str) {
    let level = args.log_level.as_deref().unwrap_or(default);
    let mut filter = filter(level).unwrap_or_else(|why| {
        eprintln!("warning: --log-level {level:?} is {why}; using {default}");
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
    std::panic::set_hook(Box::new(log_panic));
}

/// A level, or a filter. To the library a word that is no level is a module, and nothing else is logged: it has to look like one.
fn filter(level: &str) -> Result<EnvFilter, String> {
    let fits = |part: &str| part.contains(['=', '[', '_', ':']) || part.parse::<LevelFilter>().is_ok();
    if let Some(part) = level.split(',').map(str::trim).find(|part| !fits(part)) {
        return Err(format!("no filter: {part:?} is no level (error, warn, info, debug, trace, off)"));
    }
    EnvFilter::try_new(level).map_err(|error| format!("not a filter ({error})"))
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    tracing::error!(place, "panic");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_module() {
        for (level, fits) in [
            ("info", true),
            ("WARN", true),
            ("off", true),
            ("claviger_operator=debug", true),
            ("warn,claviger_operator::watch=debug", true),
            ("claviger_operator::watch", true),
            ("nope", false),
            ("wran,claviger_operator=debug", false),
            ("claviger_operator=nope", false),
        ] {
            assert_eq!(filter(level).is_ok(), fits, "{level}");
        }
    }

    #[test]
    fn a_panic_is_logged_by_its_place_and_not_by_its_words() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(log_panic));
        let caught = tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| panic!("MARKED {}", 1 + 1))
        });
        std::panic::set_hook(before);
        assert!(caught.is_err());
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(said.contains("panic") && said.contains(file!()), "{said}");
        assert!(!said.contains("MARKED"), "{said}");
    }
}
