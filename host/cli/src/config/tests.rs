//! Which source goes before which, for a setting of each sort; and that command line, file and documentation know the
//! same settings.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use claviger_operator::config::{Audit, CertificateSource};
use serde_json::Value;

use super::*;
use crate::args::{DoctorArgs, RunArgs};

const MARK: &str = "CLAVIGER_TEST_AGAIN";

/// `true` inside a process of its own that has these variables and no other that a flag reads. Outside it runs the test
/// there and answers `false`: a process does not change its own environment.
fn inside(test: &str, variables: &[(&str, &str)]) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", &format!("config::tests::{test}"), "--nocapture"]);
    for (_, variable, ..) in flags() {
        process.env_remove(variable);
    }
    let output = process.envs(variables.iter().copied()).env(MARK, "1").output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Every flag of `run`, its variable, its default; each empty if there is none.
fn flags() -> Vec<(String, String, String)> {
    let whole = Cli::command();
    let run = whole.get_subcommands().find(|command| command.get_name() == "run").unwrap();
    let described = |arg: &clap::Arg| {
        let variable = arg.get_env().map(|name| name.to_str().unwrap().to_owned()).unwrap_or_default();
        let default: Vec<&str> =
            arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        Some((arg.get_long()?.to_owned(), variable, default.join(" ")))
    };
    whole.get_arguments().chain(run.get_arguments()).filter_map(described).collect()
}

fn parsed(file: Option<&str>, flags: &[&str]) -> Result<Cli, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yaml");
    let mut args: Vec<OsString> = ["claviger", "run"].map(OsString::from).into();
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
        args.extend(["--config".into(), path.clone().into()]);
    }
    args.extend(flags.iter().map(OsString::from));
    parse(args).map_err(|error| error.to_string())
}

fn run(file: Option<&str>, flags: &[&str]) -> RunArgs {
    match parsed(file, flags).unwrap_or_else(|error| panic!("{file:?} {flags:?}: {error}")).command {
        Command::Run(run) => *run,
        other => panic!("{other:?}"),
    }
}

/// A setting of each sort: its key, what the file, the variable and the flag say, and what is seen of the default, the
/// file, the variable and the flag.
struct Sort {
    key: &'static str,
    file: &'static str,
    variable: Option<(&'static str, &'static str)>,
    flag: &'static str,
    seen: [&'static str; 4],
}

const fn sort(
    key: &'static str,
    file: &'static str,
    variable: Option<(&'static str, &'static str)>,
    flag: &'static str,
    seen: [&'static str; 4],
) -> Sort {
    Sort { key, file, variable, flag, seen }
}

const SORTS: &[Sort] = &[
    sort(
        "operatorNamespace",
        "by-file",
        Some(("POD_NAMESPACE", "by-variable")),
        "--operator-namespace=by-flag",
        ["", "by-file", "by-variable", "by-flag"],
    ),
    sort("controllerClass", "blue", None, "--controller-class=red", ["default", "blue", "", "red"]),
    sort(
        "statusPage.enabled",
        "true",
        Some(("CLAVIGER_STATUS_PAGE", "false")),
        "--status-page",
        ["false", "true", "false", "true"],
    ),
    sort(
        "metrics.perObject",
        "false",
        Some(("CLAVIGER_METRICS_PER_OBJECT", "1")),
        "--metrics-per-object=false",
        ["true", "false", "true", "false"],
    ),
    sort(
        "audit.logSecretSync",
        "false",
        Some(("CLAVIGER_AUDIT_SECRET_SYNC", "true")),
        "--audit-secret-sync=off",
        ["None", "Some(false)", "Some(true)", "Some(false)"],
    ),
    sort("concurrent", "3", Some(("CONCURRENT_RECONCILES", "4")), "--concurrent=5", ["10", "3", "4", "5"]),
    sort(
        "storeRequeueInterval",
        "2m",
        Some((POLLER, "1500")),
        "--store-interval=7",
        ["300s", "120s", "1.5s", "7s"],
    ),
    sort(
        "metrics.addr",
        "':9000'",
        None,
        "--listen=off",
        ["Some(0.0.0.0:8080)", "Some(0.0.0.0:9000)", "", "None"],
    ),
    sort("webhook.port", "9443", None, "--webhook-port=1", ["10250", "9443", "", "1"]),
    sort(
        "caBundle",
        "/by/file",
        Some(("CLAVIGER_CA_BUNDLE", "/by/variable")),
        "--ca-bundle=/by/flag",
        ["None", "Some(\"/by/file\")", "Some(\"/by/variable\")", "Some(\"/by/flag\")"],
    ),
    sort(
        "proxy.https",
        "'http://file:1'",
        Some(("HTTPS_PROXY", "http://variable:1")),
        "--https-proxy=",
        ["None", "Some(\"http://file:1\")", "Some(\"http://variable:1\")", "Some(\"\")"],
    ),
    sort(
        "proxy.noProxy",
        "[a, b]",
        Some(("NO_PROXY", "c")),
        "--no-proxy=d",
        ["None", "Some(\"a,b\")", "Some(\"c\")", "Some(\"d\")"],
    ),
    sort(
        "logging.level",
        "debug",
        Some(("CLAVIGER_LOG", "error")),
        "--log-level=trace",
        ["None", "Some(\"debug\")", "Some(\"error\")", "Some(\"trace\")"],
    ),
    sort(
        "logging.format",
        "json",
        Some(("CLAVIGER_LOG_FORMAT", "text")),
        "--log-format=json",
        ["Text", "Json", "Text", "Json"],
    ),
];

impl Sort {
    fn yaml(&self) -> String {
        self.key.rsplit('.').fold(self.file.to_owned(), |inner, name| format!("{{{name}: {inner}}}"))
    }

    fn of(&self, cli: &Cli) -> String {
        let Command::Run(run) = &cli.command else { panic!("{:?}", cli.command) };
        match self.key {
            "operatorNamespace" => run.operator_namespace.clone().unwrap_or_default(),
            "controllerClass" => run.controller_class.clone(),
            "statusPage.enabled" => run.status_page.to_string(),
            "metrics.perObject" => run.metrics_per_object.to_string(),
            "audit.logSecretSync" => format!("{:?}", run.audit.sync),
            "concurrent" => run.concurrency.to_string(),
            "storeRequeueInterval" => format!("{:?}", run.store_interval),
            "metrics.addr" => format!("{:?}", run.listen.0),
            "webhook.port" => run.webhook.port.to_string(),
            "caBundle" => format!("{:?}", run.security.ca_bundle),
            "proxy.https" => format!("{:?}", run.proxy.https.as_ref().map(|text| &text.0)),
            "proxy.noProxy" => format!("{:?}", run.proxy.past),
            "logging.level" => format!("{:?}", cli.log.log_level),
            "logging.format" => format!("{:?}", cli.log.log_format),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_flag_goes_before_the_file_and_that_before_the_default() {
    if !inside("a_flag_goes_before_the_file_and_that_before_the_default", &[]) {
        return;
    }
    for sort in SORTS {
        let (yaml, [default, file, _, flag]) = (sort.yaml(), sort.seen);
        for (given, flags, seen) in [
            (None, &[][..], default),
            (Some(&*yaml), &[][..], file),
            (Some(&*yaml), &[sort.flag][..], flag),
            (None, &[sort.flag][..], flag),
        ] {
            assert_eq!(sort.of(&parsed(given, flags).unwrap()), seen, "{given:?} {flags:?}");
        }
    }
    // A flag for logs may stand before the command's name.
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), "logging: {level: debug, format: json}").unwrap();
    let args = ["claviger", "--log-level=warn", "run", "--config"].map(OsString::from);
    let cli = parse(args.into_iter().chain([path.path().into()])).unwrap();
    assert_eq!(cli.log.log_level.as_deref(), Some("warn"));
    assert_eq!(cli.log.log_format, crate::args::LogFormat::Json);
}

#[test]
fn a_variable_goes_between_flag_and_file() {
    let variables: Vec<_> = SORTS.iter().filter_map(|sort| sort.variable).collect();
    if !inside("a_variable_goes_between_flag_and_file", &variables) {
        return;
    }
    for sort in SORTS.iter().filter(|sort| sort.variable.is_some()) {
        let (yaml, [_, _, variable, flag]) = (sort.yaml(), sort.seen);
        for (given, flags, seen) in [
            (None, &[][..], variable),
            (Some(&*yaml), &[][..], variable),
            (Some(&*yaml), &[sort.flag][..], flag),
        ] {
            assert_eq!(sort.of(&parsed(given, flags).unwrap()), seen, "{given:?} {flags:?}");
        }
    }
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let names: Vec<String> =
        flags().into_iter().map(|(_, name, _)| name).filter(|name| !name.is_empty()).collect();
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    if !inside("a_variable_that_is_empty_is_not_set", &empty) {
        return;
    }
    for sort in SORTS {
        assert_eq!(sort.of(&parsed(None, &[]).unwrap()), sort.seen[0], "{}", sort.key);
    }
}

#[test]
fn the_file_may_be_named_by_a_variable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "concurrent: 3").unwrap();
    let path = file.path().to_str().unwrap();
    if inside("the_file_may_be_named_by_a_variable", &[("CLAVIGER_CONFIG", path)]) {
        assert_eq!(run(None, &[]).concurrency, 3);
    }
}

#[test]
fn a_period_that_cannot_be_meant_is_an_error_of_its_variable() {
    if std::env::var_os(MARK).is_none() {
        for period in ["0", "soon", "-5", "1.5", "30s", "99999999999999999999"] {
            assert!(!inside(
                "a_period_that_cannot_be_meant_is_an_error_of_its_variable",
                &[(POLLER, period)]
            ));
        }
        return;
    }
    let said = parsed(None, &[]).unwrap_err();
    assert!(said.starts_with("POLLER_INTERVAL_MILLISECONDS: expected a whole number"), "{said}");
    // It is the operator's, and nobody else's.
    assert!(parse(["claviger", "crds"].map(OsString::from)).is_ok());
}

/// Both names of a setting take the same values.
#[test]
fn what_a_key_takes_its_flag_takes() {
    for key in KEYS {
        let numbers = |least: u64, most: u64| vec![(Value::from(least), true), (Value::from(most), true)];
        let cases = match key.kind {
            keys::Kind::Switch => vec![(Value::from(true), true), (Value::from(false), true)],
            keys::Kind::Whole(least, most) => {
                assert!(key.kind.text(&Value::from(most + 1)).is_none(), "{}", key.path);
                let beyond = format!("--{}={}", key.flag, most + 1);
                assert!(
                    Cli::command().try_get_matches_from(["claviger", "run", &beyond]).is_err(),
                    "{beyond}"
                );
                if let Some(less) = least.checked_sub(1) {
                    let below = format!("--{}={less}", key.flag);
                    assert!(
                        Cli::command().try_get_matches_from(["claviger", "run", &below]).is_err(),
                        "{below}"
                    );
                }
                numbers(least, most)
            }
            keys::Kind::OneOf(words) => words.iter().map(|word| (Value::from(*word), true)).collect(),
            keys::Kind::Interval => vec![(Value::from("5m"), true), (Value::from(5), true)],
            keys::Kind::Listen => vec![(Value::from(":1"), true), (Value::from("1"), false)],
            keys::Kind::Proxy => vec![(Value::from(""), true), (Value::from(5), false)],
            keys::Kind::List => vec![(Value::from(vec!["a", "b"]), true), (Value::from(5), false)],
            keys::Kind::Text | keys::Kind::Path => vec![(Value::from("x"), true), (Value::from(""), false)],
        };
        for (value, takes) in cases {
            let text = key.kind.text(&value);
            assert_eq!(text.is_some(), takes, "{} {value}", key.path);
            if let Some(text) = text {
                // As a flag, and as the default that the file makes of it: the latter panics if it is none.
                let flag = format!("--{}={text}", key.flag);
                assert!(Cli::command().try_get_matches_from(["claviger", "run", &flag]).is_ok(), "{flag}");
                let made = command(&[(key, text)]).try_get_matches_from(["claviger", "run"]);
                assert!(made.is_ok(), "{}: {made:?}", key.path);
            }
        }
    }
}

#[test]
fn the_documentation_has_every_setting() {
    let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let text = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let code = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let documented: BTreeMap<String, [String; 3]> = text
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            assert!(cells.len() == 7 && !cells[5].trim().is_empty(), "{line}");
            (code(cells[1]), [code(cells[2]), code(cells[3]), code(cells[4])])
        })
        .collect();
    let mut undocumented: Vec<&str> = documented.keys().map(String::as_str).collect();
    for (flag, variable, default) in flags() {
        let key = KEYS.iter().find(|key| key.flag == flag).map_or("", |key| key.path);
        assert!(!key.is_empty() || flag == "config", "--{flag} has no key");
        let flag = format!("--{flag}");
        let [of_variable, of_key, of_default] =
            documented.get(&flag).unwrap_or_else(|| panic!("{flag} is not documented"));
        assert_eq!((of_variable.as_str(), of_key.as_str()), (variable.as_str(), key), "{flag}");
        assert!(default.is_empty() || of_default == &default, "{flag}: {of_default} is not {default}");
        undocumented.retain(|known| *known != flag);
    }
    assert!(undocumented.is_empty(), "there is no {undocumented:?}");
    for key in KEYS {
        assert!(flags().iter().any(|(flag, ..)| flag == key.flag), "{} stands for no flag", key.path);
    }
}

#[test]
fn help_names_flag_variable_and_key() {
    let mut whole = command(&[]);
    let run = whole.find_subcommand_mut("run").unwrap();
    let help = run.render_long_help().to_string();
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for key in KEYS.iter().filter(|key| !key.flag.starts_with("log-")) {
        assert!(flat.contains(&format!("[file: {}]", key.path)), "{}", key.path);
    }
    for part in ["POLLER_INTERVAL_MILLISECONDS", "[env: CLAVIGER_AUDIT=", "[default: 10250]"] {
        assert!(flat.contains(part), "{part}: {flat}");
    }
}

/// The reference document's file, as its ConfigMap has it.
#[test]
fn the_documents_file_says_what_it_says() {
    let path = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/seed-config.yaml");
    let manifest: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let file = manifest["data"]["config.yaml"].as_str().unwrap();
    if !inside("the_documents_file_says_what_it_says", &[]) {
        return;
    }
    let cli = parsed(Some(file), &[]).unwrap();
    assert_eq!(cli.log.log_level.as_deref(), Some("info"));
    assert_eq!(cli.log.log_format, crate::args::LogFormat::Json);
    let run_of = |flags: &[&str]| run(Some(file), flags);
    let operator_of = |flags: &[&str]| operator(&run_of(flags), "ns".to_owned(), None);
    let of_file = operator_of(&[]);
    assert_eq!(of_file.listen, Some("0.0.0.0:8080".parse().unwrap()));
    assert_eq!(of_file.audit, Audit { access: true, sync: true });
    let demands = egress(&run_of(&[])).unwrap().demands;
    assert!(demands.encryption && demands.certificates);
    // It says how a webhook is served, and not that one is.
    assert_eq!(of_file.webhook, None);
    let webhook = operator_of(&["--enable-webhook"]).webhook.unwrap();
    assert_eq!(webhook.listen, "0.0.0.0:9443".parse().unwrap());
    let folder = PathBuf::from("/tmp/k8s-webhook-server/serving-certs");
    assert_eq!(webhook.certificates, CertificateSource::Files(folder));
    // The chart's flags name the operator's own authority, and flags go before the file.
    let webhook = operator_of(&["--enable-webhook", "--webhook-secret-name=mine"]).webhook.unwrap();
    assert!(matches!(webhook.certificates, CertificateSource::Authority(own) if own.secret == "mine"));
}

#[test]
fn the_audit_log_is_on_as_a_whole_or_by_halves() {
    if !inside("the_audit_log_is_on_as_a_whole_or_by_halves", &[]) {
        return;
    }
    for (file, access, sync) in [
        ("{}", false, false),
        ("{enabled: true}", true, true),
        ("{enabled: false}", false, false),
        ("{enabled: false, logSecretAccess: true, logSecretSync: true}", false, false),
        ("{enabled: true, logSecretAccess: false}", false, true),
        ("{enabled: true, logSecretSync: false}", true, false),
        ("{logSecretAccess: true}", true, false),
        ("{logSecretAccess: false}", false, false),
    ] {
        let args = run(Some(&format!("audit: {file}")), &[]);
        assert_eq!(operator(&args, String::new(), None).audit, Audit { access, sync }, "{file}");
    }
}

#[test]
fn a_webhook_in_the_file_is_switched_on_by_name() {
    if !inside("a_webhook_in_the_file_is_switched_on_by_name", &[]) {
        return;
    }
    let webhook = |file: &str| operator(&run(Some(file), &[]), String::new(), None).webhook;
    assert_eq!(webhook("webhook: {port: 9443, certDir: /certs}"), None);
    let on = webhook("webhook: {enabled: true, certDir: /certs}").unwrap();
    assert_eq!(on.certificates, CertificateSource::Files("/certs".into()));
    let own = webhook("webhook: {enabled: true, serviceName: mine}").unwrap();
    assert!(matches!(own.certificates, CertificateSource::Authority(own) if own.service == "mine"));
}

/// What of the operator's file is a setting of the doctor's too.
#[test]
fn the_doctor_reads_the_file_of_run() {
    let looked = |text: &str, flags: &[&str]| -> Result<(Option<String>, Box<DoctorArgs>), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        let mut args: Vec<OsString> =
            vec!["claviger".into(), "doctor".into(), "--config".into(), path.into()];
        args.extend(flags.iter().map(OsString::from));
        let cli = parse(args).map_err(|error| error.to_string())?;
        match cli.command {
            Command::Doctor(doctor) => Ok((cli.log.log_level, doctor)),
            other => panic!("{other:?}"),
        }
    };
    let file = "controllerClass: blue\nnamespace: team\nleaderElection: {enabled: true}\nprocessPushSecret: false\n\
                webhook: {enabled: true, certDir: /certs}\nrefresh: {enabled: true}\n\
                logging: {level: debug}\nconcurrent: 3\n";
    let (level, doctor) = looked(file, &[]).unwrap();
    let config = doctor.settings.config("ops");
    assert_eq!((config.controller_class.as_str(), config.namespace.as_deref()), ("blue", Some("team")));
    assert_eq!(config.election.unwrap().name, "claviger-controller.blue.team");
    let webhook = config.webhook.unwrap();
    assert_eq!(webhook.certificates, CertificateSource::Files("/certs".into()));
    assert!(!config.push_secrets && config.rollouts && webhook.refresh.is_some());
    assert_eq!(level, None, "its own");
    // A flag goes before it, and so does the operator's own authority.
    let flags = ["--controller-class=red", "--webhook-secret-name=mine", "--enable-push-secret-reconciler"];
    let (_, doctor) = looked(file, &flags).unwrap();
    let config = doctor.settings.config("ops");
    assert!(config.push_secrets && config.controller_class == "red");
    assert!(
        matches!(config.webhook.unwrap().certificates, CertificateSource::Authority(names) if names.secret == "mine")
    );
    // What run would not take.
    let wrong = looked("controlerClass: blue\n", &[]).unwrap_err();
    assert!(wrong.contains("controllerClass"), "{wrong}");
}

/// Variables on a person's machine are for all programs there; a flag is for this one.
#[test]
fn a_proxy_that_cannot_be_used_is_passed_over_where_a_variable_names_it() {
    #[derive(clap::Parser)]
    struct Given {
        #[command(flatten)]
        reach: crate::args::ReachArgs,
    }
    let name = "a_proxy_that_cannot_be_used_is_passed_over_where_a_variable_names_it";
    if !inside(name, &[("HTTPS_PROXY", "socks5://proxy.example:1")]) {
        return;
    }
    let egress = |flags: &[&str]| {
        let given = <Given as clap::Parser>::try_parse_from([&["claviger"], flags].concat()).unwrap();
        own_egress(&given.reach, Vec::new(), false).map(drop).map_err(|error| format!("{error:#}"))
    };
    assert_eq!(egress(&[]), Ok(()));
    let said = egress(&["--https-proxy", "socks5://other.example:1"]).unwrap_err();
    assert!(said.contains("--https-proxy") && !said.contains("other.example"), "{said}");
}
