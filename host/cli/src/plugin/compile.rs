//! `claviger plugin compile`: the process of its own in which the operator compiles one component.
//!
//! It works on one thread, logs nothing and keeps nothing: its answer is what it writes to standard
//! output, its exit code, and one line on standard error. How it is started and judged is the plugin
//! host's business.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use claviger_plugins::{EXIT_NO_ROOM, EXIT_NOT_A_COMPONENT, PluginsError, child_main};

use crate::args::CompileArgs;

/// Compiles standard input to standard output.
pub(crate) fn compile(args: &CompileArgs) -> ExitCode {
    // Somebody is trying it by hand.
    for (terminal, what) in [
        (std::io::stdin().is_terminal(), "standard input is a terminal: it takes a component"),
        (std::io::stdout().is_terminal(), "standard output is a terminal: it writes machine code"),
    ] {
        if terminal {
            eprintln!("error: {what}, as in claviger plugin compile < FILE.wasm > FILE.cwasm");
            return ExitCode::FAILURE;
        }
    }
    // The usual two lines and a hint about backtraces would hide what happened from the parent, who reads
    // one. The text may quote the component, which is no secret, and the parent cuts it.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let text = panic.payload_as_str().unwrap_or_default().replace(char::is_control, " ");
        eprintln!("the compiler panicked at {place}: {text}");
        std::process::exit(1);
    }));
    match child_main(args.memory_mib, Duration::from_secs(args.cpu_seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", words(&error));
            code(&error)
        }
    }
}

/// Without what the parent says itself around it.
fn words(error: &PluginsError) -> String {
    let words = match error {
        PluginsError::NotAComponent(why) | PluginsError::Compile(why) | PluginsError::NoRoom(why) => {
            why.clone()
        }
        other => other.to_string(),
    };
    words.replace(char::is_control, " ")
}

fn code(error: &PluginsError) -> ExitCode {
    let code = match error {
        PluginsError::NotAComponent(_) => EXIT_NOT_A_COMPONENT,
        PluginsError::NoRoom(_) => EXIT_NO_ROOM,
        _ => return ExitCode::FAILURE,
    };
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_one_line_and_a_code() {
        let bad = PluginsError::NotAComponent("it is a core\nmodule".to_owned());
        assert_eq!(words(&bad), "it is a core module");
        // ExitCode compares by nothing but how it is shown.
        assert_eq!(format!("{:?}", code(&bad)), format!("{:?}", ExitCode::from(65)));
        let full = PluginsError::NoRoom("No space left on device".to_owned());
        assert_eq!(words(&full), "No space left on device");
        assert_eq!(format!("{:?}", code(&full)), format!("{:?}", ExitCode::from(74)));
        let other = PluginsError::Compile("no".to_owned());
        assert_eq!(format!("{:?}", code(&other)), format!("{:?}", ExitCode::FAILURE));
    }
}
