//! `process_*`, as every exporter has them: CPU, memory, files, since when. Read from `/proc` at each scrape; what cannot be
//! read is left out.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// This process.
#[derive(Debug)]
pub(super) struct Process;

/// What `/proc/self/stat` has of it, in clock ticks and pages.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    started_ticks: u64,
    resident_pages: u64,
}

impl Stat {
    /// The second field is the program's name in brackets, which may hold anything, brackets too.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.rsplit_once(')')?.1;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // The first of them is the third of proc(5).
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)?.checked_add(field(15)?)?,
            started_ticks: field(22)?,
            resident_pages: field(24)?,
        })
    }
}

/// Unix time of the machine's start, from `/proc/stat`.
fn booted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "ticks and bytes of a process fit a double's 53 bits")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: Option<f64>| match value {
            Some(value) => {
                let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(metric)
            }
            None => Ok(()),
        };
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let stat = Stat::parse(&read("/proc/self/stat"));
        let ticks = float(rustix::param::clock_ticks_per_second());
        let page = float(u64::try_from(rustix::param::page_size()).unwrap_or(0));
        let stat = stat.as_ref();
        gauge(
            "process_resident_memory_bytes",
            "Memory of the process that is in use, bytes",
            stat.map(|stat| float(stat.resident_pages) * page),
        )?;
        gauge(
            "process_start_time_seconds",
            "Unix time of the start of the process",
            stat.and_then(|stat| {
                Some(float(booted(&read("/proc/stat"))?) + float(stat.started_ticks) / ticks)
            }),
        )?;
        let open = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1));
        gauge(
            "process_open_fds",
            "Open file descriptors",
            open.and_then(|open| u64::try_from(open).ok()).map(float),
        )?;
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        gauge("process_max_fds", "File descriptors that it may have open", most.map(float))?;
        if let Some(stat) = stat {
            let metric = encoder.encode_descriptor(
                "process_cpu_seconds",
                "CPU time of the process, seconds",
                None,
                MetricType::Counter,
            )?;
            ConstCounter::new(float(stat.cpu_ticks) / ticks).encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_proc_is_read_whatever_the_program_is_called() {
        // proc(5); the name is one that begins another field.
        let line = "4711 (cla) R 1 (x) S 1 4711 4711 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 999424 2048 \
                    18446744073709551615 1 1 0";
        let expected = Stat { cpu_ticks: 300, started_ticks: 12345, resident_pages: 2048 };
        assert_eq!(Stat::parse(line), Some(expected));
        assert_eq!(Stat::parse("4711 (claviger) S 1"), None);
        assert_eq!(booted("cpu  1 2 3\nbtime 1700000000\nprocesses 7\n"), Some(1_700_000_000));
    }
}
