//! A Prometheus of a test's own: it scrapes one address each second, and evaluates rules.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::http;
use crate::run::{Process, free_port, write_private};
use crate::tools::Tools;

/// It starts within two seconds; the rest is a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running server; stopped when dropped.
pub struct Prometheus {
    address: String,
    _process: Process,
}

/// One series of an answer: its labels, and its value.
pub type Sample = (BTreeMap<String, String>, f64);

impl Prometheus {
    /// Starts one in `dir` that scrapes `target` (`host:port`) as job `claviger`, with the rule files' texts by name.
    ///
    /// # Errors
    /// [`Error::Missing`] without Prometheus; otherwise why it did not start.
    pub fn start(tools: &Tools, dir: &Path, target: &str, rules: &[(&str, &str)]) -> Result<Self> {
        let program = tools.prometheus()?.join("prometheus");
        for (name, text) in rules {
            write_private(&dir.join(name), text)?;
        }
        let names: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
        let config = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": names,
            "scrape_configs": [{
                "job_name": "claviger", "honor_labels": true, "static_configs": [{"targets": [target]}],
            }],
        });
        let file = dir.join("prometheus.yml");
        // JSON is YAML.
        write_private(&file, &config.to_string())?;
        let port = free_port()?;
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("prometheus-data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start("prometheus", &mut command, dir, dir)?;
        let address = format!("http://127.0.0.1:{port}");
        let ready = format!("{address}/-/ready");
        process.wait_ready(DEADLINE, || {
            http::call("GET", &ready, &[], None).is_ok_and(|(status, _)| status == 200)
        })?;
        Ok(Self { address, _process: process })
    }

    /// What an expression gives now.
    ///
    /// # Errors
    /// If it is no expression.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let coded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.get(&format!("query?query={coded}"))?;
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let sample = |one: &Value| {
            let value = one["value"][1].as_str().and_then(|value| value.parse().ok())?;
            Some((labels(&one["metric"]), value))
        };
        Ok(series.iter().filter_map(sample).collect())
    }

    /// The alerts that are pending or firing: name and labels.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn alerts(&self) -> Result<Vec<(String, BTreeMap<String, String>)>> {
        let answer = self.get("alerts")?;
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let named = |alert: &Value| {
            let labels = labels(&alert["labels"]);
            (labels.get("alertname").cloned().unwrap_or_default(), labels)
        };
        Ok(alerts.iter().map(named).collect())
    }

    /// Why the last scrape failed, if it did: a page that is not what it says it is, for one.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn scrape_error(&self) -> Result<String> {
        let answer = self.get("targets")?;
        let target = &answer["data"]["activeTargets"][0];
        Ok(target["lastError"].as_str().unwrap_or("there is no target").to_owned())
    }

    fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = http::call("GET", &format!("{}/api/v1/{path}", self.address), &[], None)?;
        if status == 200 {
            return Ok(answer);
        }
        Err(Error::Answer { what: format!("Prometheus: {path}"), answer: format!("{status} {answer}") })
    }
}

fn labels(of: &Value) -> BTreeMap<String, String> {
    let all = of.as_object().into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Runs promtool in `dir`.
///
/// # Errors
/// [`Error::Missing`] without Prometheus, or if it cannot be run; that it finds something wrong is in the output.
pub fn promtool(tools: &Tools, dir: &Path, arguments: &[&str]) -> Result<Output> {
    let program = tools.prometheus()?.join("promtool");
    let run = Command::new(&program).args(arguments).current_dir(dir).output();
    run.map_err(|source| Error::Spawn { program: program.display().to_string(), source })
}
