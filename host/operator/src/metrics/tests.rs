//! The page as a scraper reads it, by a reader of our own: names as they are exposed, labels, values.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::*;

/// Samples by name and labels (in order), and types by family.
struct Page {
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
    types: BTreeMap<String, String>,
}

impl Page {
    fn of(metrics: &Metrics) -> Self {
        let text = metrics.encode().unwrap();
        assert!(text.ends_with("# EOF\n"), "OpenMetrics ends so");
        let (mut samples, mut types) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "{name} twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
                let labels = labels.strip_suffix('}').unwrap();
                let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                    let (name, value) = label.split_once('=').unwrap();
                    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                    (name.to_owned(), value.unwrap().to_owned())
                });
                let key = (name.to_owned(), labels.collect());
                assert_eq!(samples.insert(key, value.parse().unwrap()), None, "{line}: twice");
            }
        }
        Self { samples, types }
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.samples.get(&(name.to_owned(), labels.collect())).copied()
    }

    fn names(&self) -> Vec<&str> {
        self.samples.keys().map(|(name, _)| name.as_str()).collect()
    }
}

fn name() -> Name {
    Name::new("team", "db")
}

fn external_secret() -> Object {
    Object::ExternalSecret(name())
}

const DB: [(&str, &str); 2] = [("name", "db"), ("namespace", "team")];

/// One of each kind, as reconciles report them.
fn busy(metrics: &Metrics) -> Vec<Object> {
    let all = vec![
        external_secret(),
        Object::SecretStore(name()),
        Object::ClusterSecretStore("db".to_owned()),
        Object::ClusterExternalSecret("db".to_owned()),
        Object::PushSecret(name()),
        Object::ClusterPushSecret("db".to_owned()),
        Object::Plugin("db".to_owned()),
    ];
    for object in &all {
        metrics.reconciled(object, Duration::from_millis(2), Some("AccessDenied"));
        metrics.ready(object, false, Some("AccessDenied"));
    }
    metrics.external_secret_seen(&name(), Seen { created: Some(5.0), ..Seen::default() });
    metrics.synced(&name(), 100.0, Some(160.0));
    metrics.not_synced(&name());
    metrics.provider_called("vault", "get", "ok", Duration::from_millis(3));
    metrics.provider_called("vault", "get", "denied", Duration::from_millis(3));
    all
}

/// Names, labels and types from ESO's documentation of its metrics (docs/api/metrics.md of 2.9) and its code.
#[test]
fn esos_names_are_exposed_as_eso_exposes_them() {
    let metrics = Metrics::default();
    busy(&metrics);
    let page = Page::of(&metrics);
    for (prefix, namespace) in [
        ("externalsecret", "team"),
        ("secretstore", "team"),
        ("clustersecretstore", ""),
        ("clusterexternalsecret", ""),
        ("pushsecret", "team"),
        ("clusterpushsecret", ""),
    ] {
        let labels = [("name", "db"), ("namespace", namespace)];
        for (status, value) in [("True", 0.0), ("False", 1.0)] {
            let labels = [labels[0], labels[1], ("condition", "Ready"), ("status", status)];
            let name = format!("{prefix}_status_condition");
            assert_eq!(page.value(&name, &labels), Some(value), "{name} {status}");
        }
        let name = format!("{prefix}_reconcile_duration");
        assert_eq!(page.value(&name, &labels), Some(2e6), "{name}: nanoseconds");
        assert_eq!(page.types[&name], "gauge");
    }
    assert_eq!(page.value("externalsecret_sync_calls_total", &DB), Some(2.0));
    assert_eq!(page.value("externalsecret_sync_calls_error", &DB), Some(1.0));
    let calls = |status| {
        let labels = [("provider", "HashiCorp/Vault"), ("call", "get"), ("status", status)];
        page.value("externalsecret_provider_api_calls_count", &labels)
    };
    assert_eq!((calls("success"), calls("error")), (Some(1.0), Some(1.0)));
}

/// The reference document's three expressions, by hand.
#[test]
fn the_documents_alerts_fire_when_they_should() {
    let metrics = Metrics::default();
    let failing = |page: &Page| page.value("external_secrets_sync_calls_error", &DB);
    let since = |page: &Page| page.value("external_secrets_sync_calls_total", &DB);
    let seen = Seen { created: Some(1000.0), ..Seen::default() };
    metrics.external_secret_seen(&name(), seen);
    let page = Page::of(&metrics);
    assert_eq!(
        (failing(&page), since(&page)),
        (Some(0.0), Some(1000.0)),
        "new: stale in an hour, not failing"
    );

    metrics.not_synced(&name());
    metrics.not_synced(&name());
    metrics.external_secret_seen(&name(), seen);
    let page = Page::of(&metrics);
    assert_eq!((failing(&page), since(&page)), (Some(2.0), Some(1000.0)));

    metrics.synced(&name(), 2000.0, Some(2060.0));
    let page = Page::of(&metrics);
    assert_eq!((failing(&page), since(&page)), (Some(0.0), Some(2000.0)));

    // Refreshed once, and never again by itself: not stale, however long ago that is.
    metrics.synced(&name(), 3000.0, None);
    let page = Page::of(&metrics);
    assert_eq!((failing(&page), since(&page)), (Some(0.0), None));
    assert_eq!(page.value("externalsecret_last_sync_timestamp_seconds", &DB), Some(3000.0));

    for (ready, value) in [(false, 0.0), (true, 1.0)] {
        metrics.ready(&Object::SecretStore(name()), ready, (!ready).then_some("ProviderUnavailable"));
        metrics.ready(&Object::ClusterSecretStore("db".to_owned()), ready, None);
        let page = Page::of(&metrics);
        let status = "external_secrets_secret_store_connection_status";
        assert_eq!(page.value(status, &DB), Some(value));
        assert_eq!(page.value(status, &[("name", "db"), ("namespace", "")]), Some(value));
    }
}

#[test]
fn after_a_start_it_is_as_the_statuses_say_until_something_is_known() {
    let metrics = Metrics::default();
    let (ready, reason) = (Some(false), Some("AccessDenied"));
    metrics.external_secret_seen(&name(), Seen { created: Some(1.0), synced: Some(500.0), ready, reason });
    metrics.external_secret_due(&name(), Some(560.0));
    metrics.external_secret_due(&name(), Some(999.0));
    metrics.store_seen(&Object::SecretStore(name()), false);
    let page = Page::of(&metrics);
    assert_eq!(page.value("external_secrets_sync_calls_error", &DB), Some(1.0));
    let condition = |page: &Page, status| {
        let labels = [DB[0], DB[1], ("condition", "Ready"), ("status", status)];
        page.value("externalsecret_status_condition", &labels)
    };
    assert_eq!((condition(&page, "True"), condition(&page, "False")), (Some(0.0), Some(1.0)));
    let why = [DB[0], DB[1], ("kind", "ExternalSecret"), ("reason", "AccessDenied")];
    assert_eq!(page.value("claviger_not_ready", &why), Some(1.0));
    assert_eq!(page.value("external_secrets_sync_calls_total", &DB), Some(500.0));
    assert_eq!(page.value("externalsecret_last_sync_timestamp_seconds", &DB), Some(500.0));
    assert_eq!(page.value("claviger_external_secret_due_timestamp_seconds", &DB), Some(560.0));
    assert_eq!(page.value("external_secrets_secret_store_connection_status", &DB), Some(0.0));
    assert_eq!(page.value("externalsecret_sync_calls_total", &DB), None, "nothing was asked yet");

    metrics.ready(&Object::SecretStore(name()), true, None);
    metrics.store_seen(&Object::SecretStore(name()), false);
    metrics.external_secret_due(&name(), None);
    metrics.ready(&external_secret(), true, None);
    metrics.external_secret_seen(&name(), Seen { ready, reason, ..Seen::default() });
    let page = Page::of(&metrics);
    assert_eq!((condition(&page, "True"), condition(&page, "False")), (Some(1.0), Some(0.0)));
    assert_eq!(page.value("claviger_not_ready", &why), None);
    assert_eq!(page.value("external_secrets_secret_store_connection_status", &DB), Some(1.0));
    assert_eq!(page.value("external_secrets_sync_calls_total", &DB), None, "it is refreshed no more");
}

#[test]
fn why_an_object_is_not_ready_is_one_series() {
    let metrics = Metrics::default();
    let series = |page: &Page| -> Vec<String> {
        let all = page.samples.keys().filter(|(name, _)| name == "claviger_not_ready");
        all.map(|(_, labels)| format!("{} {}", labels["kind"], labels["reason"])).collect()
    };
    let object = external_secret();
    metrics.ready(&object, false, Some("AccessDenied"));
    metrics.ready(&object, false, Some("RateLimited"));
    metrics.ready(&Object::Plugin("p".to_owned()), false, Some("CompileFailed"));
    assert_eq!(series(&Page::of(&metrics)), ["ExternalSecret RateLimited", "Plugin CompileFailed"]);
    metrics.ready(&object, true, None);
    assert_eq!(series(&Page::of(&metrics)), ["Plugin CompileFailed"]);
    metrics.ready(&object, false, Some("AccessDenied"));
    metrics.forget_work();
    assert_eq!(series(&Page::of(&metrics)), ["Plugin CompileFailed"], "whoever stands by loads plugins too");
}

/// Each takes over what there is and reads it, as two scrapes at once do.
#[test]
fn no_reader_sees_the_plugins_half_taken_over() {
    let metrics = Metrics::default();
    let plugins = || (0..50).map(|n| (format!("p{n}"), n, 0));
    metrics.plugin_calls(plugins());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    metrics.plugin_calls(plugins());
                    let page = metrics.encode().unwrap();
                    assert_eq!(page.matches("claviger_plugin_calls{").count(), 100);
                }
            });
        }
    });
}

#[test]
fn what_is_gone_has_no_series() {
    let metrics = Metrics::default();
    let empty = Page::of(&metrics).names().len();
    let all = busy(&metrics);
    let of_objects =
        |page: &Page| page.samples.keys().filter(|(_, labels)| labels.contains_key("name")).count();
    assert!(of_objects(&Page::of(&metrics)) > 20);
    for object in &all {
        metrics.forget(object);
    }
    assert_eq!(of_objects(&Page::of(&metrics)), 0);
    busy(&metrics);
    metrics.forget_work();
    metrics.forget(&Object::Plugin("db".to_owned()));
    let page = Page::of(&metrics);
    assert_eq!(of_objects(&page), 0);
    assert!(page.names().len() > empty, "the process's own stay");
}

#[test]
fn without_objects_only_the_process_is_there() {
    let metrics = Metrics::new(false);
    busy(&metrics);
    let page = Page::of(&metrics);
    let named: Vec<_> = page.samples.keys().filter(|(_, labels)| labels.contains_key("name")).collect();
    assert!(named.is_empty(), "{named:?}");
    let labels = [("kind", "ExternalSecret"), ("reason", "AccessDenied")];
    assert_eq!(page.value("claviger_failures_total", &labels), Some(1.0));
    assert_eq!(
        page.value("claviger_reconcile_duration_seconds_count", &[("kind", "SecretStore")]),
        Some(1.0)
    );
}

#[test]
fn durations_are_histograms() {
    let metrics = Metrics::default();
    metrics.plugin_called("fake", "get", "trapped", Duration::from_micros(300));
    metrics.compiled(true, Duration::from_secs(2));
    let page = Page::of(&metrics);
    let labels = [("plugin", "fake"), ("operation", "get"), ("outcome", "trapped")];
    let of = |suffix: &str| page.value(&format!("claviger_plugin_call_duration_seconds_{suffix}"), &labels);
    assert_eq!((of("count"), of("sum")), (Some(1.0), Some(0.0003)));
    let at_most = |le: &str| {
        let labels = [labels[0], labels[1], labels[2], ("le", le)];
        page.value("claviger_plugin_call_duration_seconds_bucket", &labels)
    };
    assert_eq!((at_most("0.0001"), at_most("0.00038"), at_most("+Inf")), (Some(0.0), Some(1.0), Some(1.0)));
    let compiled = page.value("claviger_plugin_compile_duration_seconds_sum", &[("outcome", "done")]);
    assert_eq!(compiled, Some(2.0));
}

#[test]
fn the_process_is_measured() {
    let page = Page::of(&Metrics::default());
    for name in ["process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds"] {
        assert!(page.value(name, &[]).is_some_and(|value| value > 1.0), "{name}");
    }
    assert!(page.value("process_cpu_seconds_total", &[]).is_some());
    assert_eq!(page.types["process_cpu_seconds"], "counter");
}
