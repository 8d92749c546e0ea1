//! templates: rendering 1, 10 and 100 keys with the built-in engines: a whole call, as for one ExternalSecret, and what each
//! further key costs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use claviger_core::secret::SecretBytes;
use claviger_plugins::{Compiler, HostConfig, PluginHost, RenderOptions, builtin_grants};
use claviger_testenv::Progress;

use crate::Product;
use crate::report::{Row, percentile};

const NAME: &str = "templates";

/// Renderings of each.
const RENDERINGS: usize = 500;

/// Engine, component, and a text as users write them: a URL out of two values, with a function.
const ENGINES: [(&str, &str, &str); 2] = [
    (
        "v2",
        "template-go",
        "postgres://{{ .user | lower }}:{{ .password | b64enc }}@db.example.com/orders-NUMBER",
    ),
    (
        "jinja",
        "template-jinja",
        "postgres://{{ user | lower }}:{{ password | b64encode }}@db.example.com/orders-NUMBER",
    ),
];

pub(crate) async fn run(progress: &Progress, product: &Product) -> Result<Vec<Row>> {
    progress.say(format_args!("{NAME}: {RENDERINGS} renderings of each"));
    let cache_dir = Some(product.cache_dir.clone());
    let host =
        PluginHost::new(HostConfig { cache_dir, compiler: Compiler::InProcess, ..HostConfig::default() })?;
    let data: BTreeMap<String, Arc<SecretBytes>> =
        [("user", "App"), ("password", "correct-horse-battery-staple")]
            .map(|(key, value)| (key.to_owned(), Arc::new(SecretBytes::copied_from(value.as_bytes()))))
            .into();
    let options = RenderOptions {
        strict: true,
        left: "{{".to_owned(),
        right: "}}".to_owned(),
        now_ms: 1_700_000_000_000,
        seed: [7; 32],
    };
    let mut rows = Vec::new();
    for (engine, component, text) in ENGINES {
        let file = product.plugin_dir.join(format!("{component}.wasm"));
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let plugin = host.load(engine, bytes, builtin_grants(engine)).await?;
        for keys in [1, 10, 100] {
            let templates: Vec<(String, String)> = (0..keys)
                .map(|key| (format!("key-{key}"), text.replace("NUMBER", &key.to_string())))
                .collect();
            let mut times = Vec::with_capacity(RENDERINGS);
            for _ in 0..RENDERINGS {
                let begin = Instant::now();
                let rendered = plugin.render(&templates, &data, &options).await;
                times.push(begin.elapsed());
                rendered.map_err(|error| anyhow::anyhow!("{engine}: {error:?}"))?;
            }
            let median = percentile(&mut times, 50).as_secs_f64() * 1e6;
            rows.push(Row::plain(NAME, format!("{engine}, keys: {keys}"), median, "µs"));
        }
    }
    Ok(rows)
}
