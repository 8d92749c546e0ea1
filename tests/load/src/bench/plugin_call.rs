//! plugin-call: what it costs that a provider is a component in a fresh instance. A whole `get` of each built-in plugin
//! (instantiate, call, its requests, drop) against the same requests made natively by the same HTTP client, in turns.
//!
//! OpenBao is the real one. The others talk to `scripted`, which answers in no time: that is the plugin's own work, and not
//! what their backends take, which is hundreds of times more.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use claviger_core::provider::{Facet, Item, Nature};
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{Compiler, HostConfig, PluginHost, Requester, Session, StoreRef, builtin_grants};
use claviger_testenv::{Bao, BaoOptions, Progress, RunDir, Tools};
use serde_json::{Value, json};

use super::credentials::Fixed;
use super::scripted::{Heard, Scripted};
use crate::report::{Aim, Row, percentile};
use crate::{Product, vault};

const NAME: &str = "plugin-call";

/// What a call takes that a native one does not.
const FRESH: &str = "a fresh instance for each call, and checks of its requests";

/// Of each, in turns with the native ones.
const CALLS: usize = 2_000;

/// Before it is measured: connections, pages, the login.
const WARM: usize = 100;

pub(crate) async fn run(progress: &Progress, product: &Product) -> Result<Vec<Row>> {
    let egress = EgressConfig { allow_loopback: true, ..EgressConfig::default() };
    let cache_dir = Some(product.cache_dir.clone());
    let host =
        PluginHost::new(HostConfig { egress, cache_dir, compiler: Compiler::InProcess, ahead_dir: None })?;
    let mut rows = Vec::new();

    let tools = Tools::prepare(progress)?;
    let run = RunDir::create(NAME)?;
    progress.say(format_args!("{NAME}: starting OpenBao"));
    let bao = Bao::start(&tools, run.path(), BaoOptions::default())?;
    let login = vault::prepare(bao.view(), 20)?;
    let config = json!({"server": bao.view().address(), "path": vault::MOUNT, "auth": {"appRole": {
        "path": "approle", "roleId": login.role, "secretRef": {"name": "login", "key": "secret"}}}});
    let session =
        connect(&host, &product.plugin_dir, "vault", json!({}), config, &[("secret", &login.secret)]).await?;
    let body = json!({"role_id": login.role, "secret_id": login.secret});
    let answer = vault::call(bao.view(), "POST", "auth/approle/login", &body)?;
    let token = answer["auth"]["client_token"].as_str().unwrap_or_default().to_owned();
    for keys in [1, 20] {
        let items: Vec<Item> = (0..keys).map(|key| item(&vault::name(key))).collect();
        let requests: Vec<Heard> = (0..keys)
            .map(|key| Heard {
                method: "GET".to_owned(),
                target: format!("/v1/{}/data/{}", vault::MOUNT, vault::name(key)),
                headers: vec![("x-vault-token".to_owned(), token.clone())],
                body: Vec::new(),
            })
            .collect();
        let what = format!("vault at OpenBao, keys: {keys}");
        let (plugin, native) = compare(&session, &items, bao.view().address(), &requests).await?;
        let ratio =
            Row::plain(NAME, format!("{what}: ratio"), plugin.as_secs_f64() / native.as_secs_f64(), "");
        let added = Row::plain(NAME, format!("{what}: added"), micros(plugin) - micros(native), "µs");
        rows.push(Row::plain(NAME, format!("{what}: native"), micros(native), "µs"));
        rows.push(if keys == 1 { ratio.aimed(Aim::AtMost(1.1)).limited_by(FRESH) } else { ratio });
        rows.push(if keys == 1 { added.aimed(Aim::AtMost(100.0)).limited_by(FRESH) } else { added });
    }
    progress.say(format_args!("{NAME}: the other built-ins, against a server that answers at once"));
    for case in cases()? {
        let session =
            connect(&host, &product.plugin_dir, case.plugin, case.settings, case.config, SECRETS).await;
        let session = session.with_context(|| case.plugin.to_owned())?;
        let items = [item(case.key)];
        one(&session, &items).await.with_context(|| case.plugin.to_owned())?;
        case.server.take();
        one(&session, &items).await?;
        let requests = case.server.take();
        let (plugin, native) = compare(&session, &items, &case.server.origin, &requests).await?;
        let what = format!("{}, requests: {}", case.plugin, requests.len());
        rows.push(Row::plain(NAME, format!("{what}: native"), micros(native), "µs"));
        rows.push(Row::plain(NAME, format!("{what}: added"), micros(plugin) - micros(native), "µs"));
    }
    Ok(rows)
}

/// A built-in, a store of it, and a server that answers as its backend.
struct Case {
    plugin: &'static str,
    settings: Value,
    config: Value,
    key: &'static str,
    server: Scripted,
}

const SECRETS: &[(&str, &str)] = &[
    ("id", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("token", "a-token"),
];

fn cases() -> Result<Vec<Case>> {
    let by = |key: &str| json!({"name": "login", "key": key});
    let aws_answer = json!({
        "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/login-a1b2c3", "Name": "app/login",
        "VersionId": "11111111-2222-3333-4444-555555555555", "SecretString": "{\"user\":\"app\",\"password\":\"correct-horse\"}",
        "VersionStages": ["AWSCURRENT"], "CreatedDate": 1_700_000_000.0,
    });
    let aws = Scripted::start(vec![("/", aws_answer.to_string())])?;
    let endpoints =
        json!({"endpoints": {"secretsmanager": aws.origin, "ssm": aws.origin, "sts": aws.origin}});
    let aws_config = json!({"service": "SecretsManager", "region": "eu-central-1", "auth": {"secretRef": {
        "accessKeyIDSecretRef": by("id"), "secretAccessKeySecretRef": by("secret")}}});
    let webhook = Scripted::start(vec![("/", json!({"data": {"password": "correct-horse"}}).to_string())])?;
    let webhook_config = json!({"url": format!("{}/secrets/{{{{ .remoteRef.key }}}}", webhook.origin),
                                "result": {"jsonPath": "$.data"}});
    let fake = Scripted::start(Vec::new())?;
    let fake_config = json!({"data": [{"key": "app/login", "value": "correct-horse"}]});
    let (vault, id) = ("abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba");
    let found =
        json!({"id": id, "title": "login", "vault": {"id": vault}, "category": "LOGIN", "version": 1});
    let mut item = found.clone();
    item["fields"] =
        json!([{"id": "password", "type": "CONCEALED", "label": "password", "value": "correct-horse"}]);
    let onepassword = Scripted::start(vec![
        ("/items/", item.to_string()),
        ("/items", json!([found]).to_string()),
        ("/vaults", json!([{"id": vault, "name": "team"}]).to_string()),
    ])?;
    let onepassword_config = json!({"connectHost": onepassword.origin, "vaults": {"team": 1},
                                    "auth": {"secretRef": {"connectTokenSecretRef": by("token")}}});
    Ok(vec![
        Case { plugin: "aws", settings: endpoints, config: aws_config, key: "app/login", server: aws },
        Case {
            plugin: "onepassword",
            settings: json!({}),
            config: onepassword_config,
            key: "login",
            server: onepassword,
        },
        Case {
            plugin: "webhook",
            settings: json!({}),
            config: webhook_config,
            key: "login",
            server: webhook,
        },
        Case { plugin: "fake", settings: json!({}), config: fake_config, key: "app/login", server: fake },
    ])
}

/// Medians of the plugin's calls and of the same requests made natively, in turns.
async fn compare(
    session: &Session,
    items: &[Item],
    origin: &str,
    requests: &[Heard],
) -> Result<(Duration, Duration)> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let (mut plugin, mut native) = (Vec::with_capacity(CALLS), Vec::with_capacity(CALLS));
    // Fewer of those that take long.
    let calls = CALLS / items.len().max(1);
    for number in 0..WARM + calls {
        let begin = Instant::now();
        one(session, items).await?;
        let of_plugin = begin.elapsed();
        let begin = Instant::now();
        for request in requests {
            natively(&client, origin, request).await?;
        }
        let of_native = begin.elapsed();
        if number >= WARM {
            plugin.push(of_plugin);
            native.push(of_native);
        }
    }
    Ok((percentile(&mut plugin, 50), percentile(&mut native, 50)))
}

async fn one(session: &Session, items: &[Item]) -> Result<()> {
    let answers = session.get(items).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    for answer in answers {
        answer.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(())
}

async fn natively(client: &reqwest::Client, origin: &str, heard: &Heard) -> Result<()> {
    let method: reqwest::Method = heard.method.parse()?;
    let mut request = client.request(method, format!("{origin}{}", heard.target));
    for (name, value) in
        heard.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
    {
        request = request.header(name, value);
    }
    let answer = request.body(heard.body.clone()).send().await?.error_for_status()?;
    answer.bytes().await?;
    Ok(())
}

async fn connect(
    host: &PluginHost,
    dir: &Path,
    name: &str,
    settings: Value,
    config: Value,
    secrets: &[(&str, &str)],
) -> Result<Arc<Session>> {
    let file = dir.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let mut grants = builtin_grants(name);
    (grants.loopback, grants.settings) = (true, settings);
    let plugin = host.load(name, bytes, grants).await?;
    plugin.check_config(&config).map_err(|error| anyhow::anyhow!("{error}"))?;
    let store = StoreRef {
        kind: "SecretStore".to_owned(),
        name: "bench".to_owned(),
        namespace: Some("bench".to_owned()),
        uid: name.to_owned(),
        generation: 1,
    };
    let requester = Requester { namespace: "bench".to_owned() };
    let connected = plugin.connect(store, requester, config, Arc::new(Fixed::new(secrets))).await;
    connected.map_err(|error| anyhow::anyhow!("{error}"))
}

fn item(key: &str) -> Item {
    Item { key: key.to_owned(), version: None, property: None, facet: Facet::Value, nature: Nature::Stored }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
