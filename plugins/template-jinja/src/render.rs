//! One template against the data: an environment without loaders, a bounded text, and a failure that
//! names the place and no value. What the words of a failure may be is decided in `failure`.

use std::sync::Arc;

use claviger_plugin_sdk::engine::{Failure, Rendered};
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};

use crate::data::{NOT_TEXT, Spoiled, is_binary};
use crate::failure::{self, refuse};
use crate::filters::{self, Clock};
use crate::limits::{Bounded, FUEL, RECURSION};

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is undefined is an error; otherwise it is empty.
    pub strict: bool,
    /// Before an expression; empty is `{{`.
    pub left: String,
    /// Behind it; empty is `}}`.
    pub right: String,
    /// What `now` says, unix milliseconds.
    pub now_ms: u64,
}

/// Renders one template.
///
/// # Errors
/// Where and why it failed.
pub fn render(text: &str, data: &[(String, Vec<u8>)], options: &Options) -> Result<Rendered, Failure> {
    let spoiled = Spoiled::default();
    let clock = Clock::new(options.now_ms);
    let rendered = run(text, data, options, &clock, &spoiled);
    rendered
        .map(|text| Rendered { text, varies: clock.was_read() })
        .map_err(|error| failure::describe(text, &error))
}

fn run(
    text: &str,
    data: &[(String, Vec<u8>)],
    options: &Options,
    clock: &Clock,
    spoiled: &Spoiled,
) -> Result<Vec<u8>, Error> {
    let environment = environment(text, options, clock, spoiled)?;
    let template = environment.template_from_str(text)?;
    let mut out = Bounded::default();
    let rendered = template.render_captured_to(spoiled.context(data), &mut out).map(|_| ());
    if out.full {
        return Err(refuse("the rendered text would be larger than 4 MiB"));
    }
    rendered?;
    match spoiled.why() {
        Some(why) => Err(refuse(why)),
        None => Ok(out.bytes),
    }
}

fn environment<'a>(
    text: &str,
    options: &Options,
    clock: &Clock,
    spoiled: &Spoiled,
) -> Result<Environment<'a>, Error> {
    let mut environment = Environment::new();
    let or = |given: &str, default: &str| if given.is_empty() { default } else { given }.to_owned();
    environment.set_syntax(
        SyntaxConfig::builder()
            .variable_delimiters(or(&options.left, "{{"), or(&options.right, "}}"))
            .keep_trailing_newline(true)
            .build()?,
    );
    environment.set_undefined_behavior(if options.strict {
        UndefinedBehavior::Strict
    } else {
        UndefinedBehavior::Lenient
    });
    // Secrets are no web pages.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_unknown_method_callback(|state, value, method, args| {
        // Its widths are not bounded; the filter `format` is there.
        if method == "format" {
            return Err(Error::from(ErrorKind::UnknownMethod));
        }
        minijinja_contrib::pycompat::unknown_method_callback(state, value, method, args)
    });
    let watched = spoiled.clone();
    environment.set_formatter(move |out, state, value: &Value| {
        if is_binary(value) {
            return Err(refuse(NOT_TEXT));
        }
        escape_formatter(out, state, value)?;
        // Whatever was made text here or on the way here has its place here.
        watched.why().map_or(Ok(()), |why| Err(refuse(why)))
    });
    filters::add(&mut environment, &Arc::from(text), clock, spoiled);
    Ok(environment)
}
