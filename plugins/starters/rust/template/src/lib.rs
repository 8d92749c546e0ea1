//! The template engine `plugin-name`: `${key}` is the value of that key of the data, and `$$` is a dollar sign. There is
//! no more to its language.

use claviger_plugin_sdk::prelude::*;

struct PluginName;

impl Engine for PluginName {
    const NAME: &'static str = "plugin-name";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn render(text: &str, data: &Data<'_>, options: &Options) -> Result<Rendered, Failure> {
        let mut made = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('$') {
            let dollar = at + found;
            made.extend_from_slice(text[at..dollar].as_bytes());
            let rest = &text[dollar + 1..];
            if let Some(inside) = rest.strip_prefix('{') {
                let Some((key, _)) = inside.split_once('}') else {
                    return Err(Failure::at(text, dollar, "${ without its }"));
                };
                match data.get(key) {
                    Some(value) => made.extend_from_slice(value),
                    // Names of keys may be shown, and values never.
                    None if options.strict => {
                        return Err(Failure::at(text, dollar, format!("the data has no key {key:?}")));
                    }
                    None => {}
                }
                at = dollar + "${}".len() + key.len();
            } else {
                made.push(b'$');
                at = dollar + if rest.starts_with('$') { 2 } else { 1 };
            }
        }
        made.extend_from_slice(text[at..].as_bytes());
        // It reads neither the clock nor the seed, so the same data give the same text.
        Ok(Rendered::from(made))
    }
}

export_engine!(PluginName);

#[cfg(test)]
mod tests;
