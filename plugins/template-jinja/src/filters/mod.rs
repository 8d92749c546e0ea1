//! The filters and functions beside minijinja's own: encodings, hashes, JSON, YAML, time, `required`.
//! Names are Jinja's and Ansible's where those have them. None of them reaches outside.

mod encode;
mod json;
mod text;
mod time;
mod yaml_read;
mod yaml_write;

use std::sync::Arc;

use minijinja::Environment;

pub(crate) use time::Clock;

use crate::data::Spoiled;

/// minijinja's that are not wanted: they show everything there is, for debugging.
const NOT_FILTERS: [&str; 1] = ["pprint"];
const NOT_FUNCTIONS: [&str; 1] = ["debug"];

/// Adds them all.
pub(crate) fn add(environment: &mut Environment<'_>, text: &Arc<str>, clock: &Clock, spoiled: &Spoiled) {
    for name in NOT_FILTERS {
        environment.remove_filter(name);
    }
    for name in NOT_FUNCTIONS {
        environment.remove_global(name);
    }
    encode::add(environment, spoiled);
    text::add(environment, text);
    json::add(environment);
    time::add(environment, clock);
    environment.add_filter("toyaml", yaml_write::toyaml);
    environment.add_filter("to_yaml", yaml_write::toyaml);
    environment.add_filter("fromyaml", yaml_read::fromyaml);
    environment.add_filter("from_yaml", yaml_read::fromyaml);
}

/// Ours, and minijinja's that stay; in order.
const NAMES: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "b64urldecode",
    "b64urlencode",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "datetimeformat",
    "default",
    "dict",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "from_json",
    "from_yaml",
    "fromjson",
    "fromyaml",
    "groupby",
    "hexdecode",
    "hexencode",
    "indent",
    "int",
    "isoformat",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "namespace",
    "nindent",
    "now",
    "quote",
    "range",
    "reject",
    "rejectattr",
    "replace",
    "required",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sha1",
    "sha256",
    "sha512",
    "slice",
    "sort",
    "split",
    "squote",
    "strftime",
    "string",
    "sum",
    "title",
    "to_json",
    "to_yaml",
    "tojson",
    "toyaml",
    "trim",
    "unique",
    "upper",
    "urlencode",
    "zip",
];

/// The names of all filters and functions.
pub fn names() -> Vec<String> {
    NAMES.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_there() {
        let mut environment = Environment::new();
        add(&mut environment, &Arc::from(""), &Clock::new(0), &Spoiled::default());
        for name in NAMES {
            let template = format!("{{{{ \"{name}\" is filter or {name} is defined }}}}");
            assert_eq!(environment.render_str(&template, ()).ok().as_deref(), Some("True"), "{name}");
        }
        assert!(NAMES.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
    }
}
