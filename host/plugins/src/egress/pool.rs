//! Clients with their connections, shared by all calls of one store, and the rules of one session.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use claviger_core::provider::{CallError, Fault, PluginId, ProviderError};
use claviger_core::secret::Untrusted;
use moka::sync::Cache;
use reqwest::{Certificate, Client, Identity};
use sha2::{Digest, Sha256};
use url::Url;

use super::address::{Forbidden, Reach, check};
use super::denied::Denied;
use super::failure::{explained, innermost};
use super::origin::Origin;
use super::proxy::{self, Proxy};
use super::resolver::Checked;
use super::{Demands, EgressConfig, OriginRule, TlsMaterial};

/// Clients at once: one per store, origin and TLS profile.
const MAX_CLIENTS: u64 = 2048;
/// A store that nobody used for so long has no connection worth keeping.
const IDLE_CLIENT: Duration = Duration::from_secs(600);
/// Shorter than the idle timeouts of the usual load balancers (60 s and up).
const IDLE_CONNECTION: Duration = Duration::from_secs(50);
/// Kept open per origin: reads of one store run at most so many at a time for long.
const IDLE_CONNECTIONS: usize = 16;

/// What was done, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests that were sent.
    pub sent: AtomicU64,
    /// Requests that were refused.
    pub denied: AtomicU64,
    /// Requests that failed on the way.
    pub failed: AtomicU64,
}

/// All clients of the process.
pub struct EgressPool {
    config: Arc<EgressConfig>,
    denied: Arc<Denied>,
    clients: Cache<String, Arc<Mutex<Held>>>,
    counters: Arc<Counters>,
}

/// A client with its connections, and what was denied when it was made.
struct Held {
    denied: Arc<Forbidden>,
    client: Client,
}

/// One origin of a session, ready to be asked.
pub(crate) struct Target {
    pub(super) rule: OriginRule,
    held: Arc<Mutex<Held>>,
    pub(super) reach: Reach,
    /// The proxy that its requests go by.
    pub(super) proxy: Option<Proxy>,
}

impl Target {
    /// Whom a message is about when a connection fails.
    pub(crate) fn place(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("{} (through the proxy {proxy})", self.rule.origin),
            None => self.rule.origin.to_string(),
        }
    }
}

/// What the calls of one connected store may reach.
pub struct EgressSession {
    pub(super) targets: Vec<Target>,
    /// The pool's: it may hold hundreds of certificates.
    pub(super) config: Arc<EgressConfig>,
    pub(super) denied: Arc<Denied>,
    pub(super) counters: Arc<Counters>,
}

impl EgressPool {
    /// No client yet.
    pub fn new(config: EgressConfig) -> Self {
        // The process's provider may be installed already; either way there is one after this.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let denied = Arc::new(Denied::new(config.denied.clone()));
        let clients = Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(IDLE_CLIENT).build();
        Self { config: Arc::new(config), denied, clients, counters: Arc::default() }
    }

    /// Counts since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Denies these addresses besides the configured ones, from the next request on, in place of those that were given
    /// before: the API server's, as they become known. Port 0 is every port.
    pub fn deny(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.denied.set(addresses);
    }

    /// Where this process listens: its own ports are no plugin's to reach, at whatever address of this machine. In place of
    /// what was said before.
    pub fn listens_at(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.denied.listens_at(addresses.into_iter().collect());
    }

    /// What every store's connections have to be.
    pub(crate) fn demands(&self) -> Demands {
        self.config.demands
    }

    /// The rules of one store's session.
    ///
    /// # Errors
    /// If TLS material cannot be used.
    pub fn session(
        &self,
        plugin: &PluginId,
        store_uid: &str,
        rules: Vec<OriginRule>,
        granted: Reach,
    ) -> Result<Arc<EgressSession>, CallError> {
        let mut targets = Vec::with_capacity(rules.len());
        for rule in rules {
            let reach = Reach {
                loopback: granted.loopback || self.config.allow_loopback,
                link_local: granted.link_local && rule.link_local,
                api_server: granted.api_server,
            };
            // By where the origin lies, and not by what a plugin wishes or is granted: that would be a way past the proxy.
            let proxy = self.config.proxies.of(&rule.origin, &self.denied.now()).cloned();
            let key = key(plugin, store_uid, &rule, reach, proxy.is_some());
            let held = match self.clients.get(&key) {
                Some(held) => held,
                None => {
                    let held = hold(&self.config, &self.denied, &rule, reach, proxy.as_ref())?;
                    let held = Arc::new(Mutex::new(held));
                    self.clients.insert(key, held.clone());
                    held
                }
            };
            targets.push(Target { rule, held, reach, proxy });
        }
        Ok(Arc::new(EgressSession {
            targets,
            config: self.config.clone(),
            denied: self.denied.clone(),
            counters: self.counters.clone(),
        }))
    }
}

/// Makes a client. Each of its connections is checked by what is denied when it is made, which is that or later.
fn hold(
    config: &EgressConfig,
    denied: &Arc<Denied>,
    rule: &OriginRule,
    reach: Reach,
    proxy: Option<&Proxy>,
) -> Result<Held, CallError> {
    let (origin, now, denied) = (&rule.origin, denied.now(), denied.clone());
    let (builder, resolver) = match proxy {
        None => {
            let (host, port) = (origin.host().to_owned(), origin.port());
            (Client::builder().no_proxy(), Checked { host, port, reach, denied })
        }
        // Connections go to the proxy, and it looks up the origin's name.
        Some(proxy) => {
            let other_name = rule.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
            if other_name.is_some_and(|name| !name.eq_ignore_ascii_case(origin.host())) {
                let why = format!(
                    "another name than the address's (tls.serverName) cannot be verified through the proxy {proxy}: \
                     let the host go past it (NO_PROXY)"
                );
                return Err(unusable(origin, &why));
            }
            let all = proxy.for_client().map_err(|why| unusable(origin, &why.to_string()))?;
            let (host, port) = (proxy.host().to_owned(), proxy.port());
            (Client::builder().proxy(all), Checked { host, port, reach: proxy::REACH, denied })
        }
    };
    let mut builder = builder
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http2_max_header_list_size(config.max_header_bytes)
        .dns_resolver(Arc::new(resolver));
    if rule.tls.as_ref().is_none_or(|tls| tls.ca.is_empty()) && !config.authorities.is_empty() {
        builder = builder.tls_certs_merge(config.authorities.certificates());
    }
    if let Some(tls) = &rule.tls {
        builder = with_tls(builder, tls).map_err(|why| unusable(origin, &why))?;
    }
    let client = builder.build().map_err(|error| unusable(origin, &explained(&innermost(&error))))?;
    Ok(Held { denied: now, client })
}

fn with_tls(
    mut builder: reqwest::ClientBuilder,
    tls: &TlsMaterial,
) -> Result<reqwest::ClientBuilder, String> {
    if !tls.ca.is_empty() {
        let mut roots = Vec::new();
        for pem in &tls.ca {
            let found = Certificate::from_pem_bundle(pem.expose()).map_err(|_| "the CA bundle is not PEM")?;
            if found.is_empty() {
                return Err("the CA bundle holds no certificate in PEM".to_owned());
            }
            roots.extend(found);
        }
        builder = builder.tls_certs_only(roots);
    }
    match (&tls.client_cert, &tls.client_key) {
        (Some(cert), Some(key)) => {
            let mut pem = zeroize::Zeroizing::new(key.expose().to_vec());
            pem.push(b'\n');
            pem.extend_from_slice(cert.expose());
            let identity = Identity::from_pem(&pem)
                .map_err(|_| "client certificate and key are not a PEM certificate and its private key")?;
            builder = builder.identity(identity);
        }
        (None, None) => {}
        _ => return Err("a client certificate needs its key, and a key its certificate".to_owned()),
    }
    Ok(builder.tls_danger_accept_invalid_certs(tls.insecure))
}

/// Who shares connections: the same plugin bytes for the same store, with the same TLS, rights and way.
fn key(plugin: &PluginId, store_uid: &str, rule: &OriginRule, reach: Reach, by_proxy: bool) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(bytes);
    };
    part(plugin.digest.as_bytes());
    part(store_uid.as_bytes());
    part(rule.origin.to_string().as_bytes());
    part(&[reach.loopback, reach.link_local, reach.api_server, by_proxy].map(u8::from));
    if let Some(tls) = &rule.tls {
        for pem in &tls.ca {
            part(pem.expose());
        }
        for secret in [&tls.client_cert, &tls.client_key].into_iter().flatten() {
            part(secret.expose());
        }
        part(tls.server_name.as_deref().unwrap_or_default().as_bytes());
        part(&[u8::from(tls.insecure)]);
    }
    hex::encode(hasher.finalize())
}

impl EgressSession {
    /// The proxies that its requests go by, each once.
    pub(crate) fn proxies(&self) -> BTreeSet<String> {
        self.targets.iter().filter_map(|target| target.proxy.as_ref()).map(ToString::to_string).collect()
    }

    /// The client for a target. Another one as soon as other addresses are denied: a connection that is open goes on to where
    /// a new one would be refused.
    ///
    /// # Errors
    /// If TLS material cannot be used.
    pub(crate) fn client(&self, target: &Target) -> Result<Client, CallError> {
        let denied = self.denied.now();
        let known = || target.held.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let held = known();
            if Arc::ptr_eq(&held.denied, &denied) {
                return Ok(held.client.clone());
            }
        }
        // Made while nobody waits for the lock. Of two that are made at once either is good: each call looks again.
        let anew = hold(&self.config, &self.denied, &target.rule, target.reach, target.proxy.as_ref())?;
        let client = anew.client.clone();
        *known() = anew;
        Ok(client)
    }

    /// Whether it leads nowhere.
    pub(crate) fn is_closed(&self) -> bool {
        self.targets.is_empty()
    }

    /// The rule for a request, checked as far as can be without a look-up. What is checked is the URL that
    /// is sent, after the one parser that makes it: `%2e%2e` and backslashes are steps upwards there.
    pub(crate) fn admit(&self, url: &Url) -> Result<&Target, Fault> {
        let refuse = |origin: String, why: &str| Err(Fault::EgressDenied { origin, why: why.to_owned() });
        let Some(origin) = Origin::from_url(url) else {
            return refuse(url.scheme().to_owned(), "it is no http or https URL");
        };
        let Some(target) = self.targets.iter().find(|target| target.rule.origin == origin) else {
            return refuse(origin.to_string(), "the store does not name it, and it is not granted");
        };
        let (path, paths) = (url.path(), &target.rule.paths);
        // A server may decode once more than we do.
        let climbs = || {
            let decoded =
                path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
            decoded.split('/').any(|segment| matches!(segment, "." | ".."))
        };
        if !paths.is_empty() && (climbs() || !paths.iter().any(|prefix| path.starts_with(prefix.as_str()))) {
            return refuse(origin.to_string(), "the path is not one that the plugin named when it connected");
        }
        // A name is checked when it is looked up; an address is never looked up. And what a proxy would be asked for
        // is looked up by nobody here.
        let denied = self.denied.now();
        if let Ok(ip) = origin.host().parse::<IpAddr>()
            && let Err(why) = check(SocketAddr::new(ip, origin.port()), target.reach, &denied)
        {
            return refuse(origin.to_string(), &why.to_string());
        }
        if let Some(Err(why)) = target.proxy.as_ref().map(|proxy| proxy.check(&denied)) {
            return refuse(target.place(), &why.to_string());
        }
        Ok(target)
    }
}

fn unusable(origin: &Origin, why: &str) -> CallError {
    let detail = Untrusted::new(format!("TLS with {origin} cannot be set up: {why}"));
    ProviderError::InvalidConfig { path: String::new(), detail }.into()
}

/// For the counters.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
