//! What a store may name, read from the API server: keys of Secrets and ConfigMaps, ServiceAccounts,
//! their tokens.
//!
//! It reads exactly what it is asked for: which names may be asked for is decided in the plugin host
//! (the manifest names them, the schema marks them, the namespace rule holds). Tokens are kept until
//! shortly before they expire, because each TokenRequest is a write at the API server and gives another
//! token; Secrets are not kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_core::template::SourceKind;
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use tokio::io::AsyncReadExt;

use super::live::in_words;
use crate::watch::Reference;

/// Tokens kept at once. Each is some 1 KiB; ten thousand ServiceAccounts would be an unusual cluster.
const MAX_TOKENS: usize = 10_000;

/// Kubernetes' default and ESO's for Vault's JWT login; the shortest that the API server gives out.
const DEFAULT_EXPIRATION: Duration = Duration::from_secs(600);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TokenKey {
    namespace: String,
    name: String,
    uid: String,
    audiences: Vec<String>,
    expiration: u64,
}

struct CachedToken {
    token: Arc<SecretBytes>,
    use_until: Instant,
}

/// The process-wide part: the client and the tokens.
pub struct Credentials {
    client: Client,
    tokens: Mutex<BTreeMap<TokenKey, CachedToken>>,
    api_server_audiences: Vec<String>,
    stand_in_namespace: Option<String>,
}

impl Credentials {
    /// `api_server_audiences` are those that the API server itself accepts: handing one to a backend
    /// hands it the right to act as the ServiceAccount. `stand_in_namespace` is looked in where a
    /// ClusterSecretStore names no namespace and the asker's has nothing.
    pub fn new(
        client: Client,
        api_server_audiences: Vec<String>,
        stand_in_namespace: Option<String>,
    ) -> Self {
        Self { client, tokens: Mutex::default(), api_server_audiences, stand_in_namespace }
    }

    /// A source that reports every Secret and ConfigMap it is asked for, whether it is there or not: one that is
    /// missing is one to wait for. ServiceAccounts are watched by nobody.
    pub fn reporting(
        self: &Arc<Self>,
        on_read: impl Fn(Reference) + Send + Sync + 'static,
    ) -> Arc<Reporting> {
        Arc::new(Reporting { credentials: self.clone(), on_read: Box::new(on_read) })
    }

    fn cached(&self, key: &TokenKey) -> Option<SecretBytes> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .get(key)
            .filter(|cached| cached.use_until > Instant::now())
            .map(|cached| cached.token.duplicate())
    }

    fn keep(&self, key: TokenKey, token: &SecretBytes, lifetime: Duration) {
        let now = Instant::now();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, cached| cached.use_until > now);
        }
        if tokens.len() < MAX_TOKENS {
            // A fifth of its life is left when it is last handed out, so that the login it is used for
            // does not meet an expired token.
            let use_until = now + lifetime.mul_f64(0.8);
            tokens.insert(key, CachedToken { token: Arc::new(token.duplicate()), use_until });
        }
    }

    async fn service_account(&self, namespace: &str, name: &str) -> Result<ServiceAccount, NeedError> {
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        api.get_opt(name)
            .await
            .map_err(|error| unreadable("ServiceAccount", namespace, name, &error))?
            .ok_or_else(|| missing("ServiceAccount", namespace, name, None))
    }
}

/// One store's view of [`Credentials`].
pub struct Reporting {
    credentials: Arc<Credentials>,
    on_read: Box<dyn Fn(Reference) + Send + Sync>,
}

impl Reporting {
    fn note(&self, kind: SourceKind, namespace: &str, name: &str) {
        (self.on_read)(Reference { kind, namespace: namespace.to_owned(), name: name.to_owned() });
    }
}

/// The kind that the plugin host asks for.
pub(crate) fn source_kind(kind: ObjectKind) -> SourceKind {
    match kind {
        ObjectKind::Secret => SourceKind::Secret,
        ObjectKind::ConfigMap => SourceKind::ConfigMap,
    }
}

#[async_trait]
impl CredentialSource for Reporting {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        self.note(source_kind(kind), namespace, name);
        let client = self.credentials.client.clone();
        match kind {
            ObjectKind::Secret => {
                let mut secret = Api::<Secret>::namespaced(client, namespace)
                    .get_opt(name)
                    .await
                    .map_err(|error| unreadable("Secret", namespace, name, &error))?
                    .ok_or_else(|| missing("Secret", namespace, name, None))?;
                let value = secret
                    .data
                    .as_mut()
                    .and_then(|data| data.remove(key))
                    .ok_or_else(|| missing("Secret", namespace, name, Some(key)))?;
                Ok(ObjectAnswer { value: SecretBytes::new(value.0), identity: identity(&secret) })
            }
            ObjectKind::ConfigMap => {
                let mut map = Api::<ConfigMap>::namespaced(client, namespace)
                    .get_opt(name)
                    .await
                    .map_err(|error| unreadable("ConfigMap", namespace, name, &error))?
                    .ok_or_else(|| missing("ConfigMap", namespace, name, None))?;
                let text = map.data.as_mut().and_then(|data| data.remove(key)).map(String::into_bytes);
                let value = text
                    .or_else(|| {
                        map.binary_data.as_mut().and_then(|data| data.remove(key)).map(|bytes| bytes.0)
                    })
                    .ok_or_else(|| missing("ConfigMap", namespace, name, Some(key)))?;
                Ok(ObjectAnswer { value: SecretBytes::new(value), identity: identity(&map) })
            }
        }
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        let account = self.credentials.service_account(namespace, name).await?;
        Ok(AccountAnswer {
            annotations: account.annotations().clone(),
            identity: account.uid().unwrap_or_default(),
        })
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        let account = self.credentials.service_account(namespace, name).await?;
        let uid = account.uid().unwrap_or_default();
        let annotations = account.metadata.annotations.unwrap_or_default();
        let expiration = expiration.unwrap_or(DEFAULT_EXPIRATION).max(DEFAULT_EXPIRATION);
        let key = TokenKey {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.clone(),
            audiences: audiences.to_vec(),
            expiration: expiration.as_secs(),
        };
        let identity = format!("{uid}:{}", audiences.join(","));
        if let Some(token) = self.credentials.cached(&key) {
            return Ok(TokenAnswer { token, annotations, identity });
        }
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(audiences.to_vec()),
                expiration_seconds: i64::try_from(expiration.as_secs()).ok(),
                bound_object_ref: None,
            }),
            ..TokenRequest::default()
        };
        let api: Api<ServiceAccount> = Api::namespaced(self.credentials.client.clone(), namespace);
        let answer = api
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(|error| unreadable("a token of ServiceAccount", namespace, name, &error))?;
        let status = answer.status.unwrap_or_default();
        let token = status.token.ok_or_else(|| NeedError::Unreadable {
            what: format!("a token of ServiceAccount {namespace}/{name}"),
            detail: Untrusted::new("the API server answered without a token"),
            transient: true,
        })?;
        let token = SecretBytes::new(token.into_bytes());
        let now = k8s_openapi::jiff::Timestamp::now();
        let left =
            status.expiration_timestamp.map_or(0, |at| at.0.as_second().saturating_sub(now.as_second()));
        self.credentials.keep(key, &token, Duration::from_secs(u64::try_from(left).unwrap_or(0)));
        Ok(TokenAnswer { token, annotations, identity })
    }

    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        match kind {
            AmbientKind::Env => Ok(variable(name).map(SecretBytes::new)),
            AmbientKind::FileByEnv => file_by_env(name).await,
            AmbientKind::PodServiceAccountToken => {
                let (namespace, account) = own_account(&self.credentials.client).await?;
                let audiences = [name.to_owned()];
                Ok(Some(self.token(&namespace, &account, &audiences, None).await?.token))
            }
            // Metadata services are asked by the plugin host.
            AmbientKind::GcpMetadata | AmbientKind::AwsMetadata | AmbientKind::AzureMetadata => {
                Err(NeedError::AmbientRefused { profile: kind.to_string() })
            }
        }
    }

    fn stand_in_namespace(&self) -> Option<String> {
        self.credentials.stand_in_namespace.clone()
    }

    fn api_server_audiences(&self) -> Vec<String> {
        self.credentials.api_server_audiences.clone()
    }
}

/// Namespace and name of the ServiceAccount that this process runs as, in the API server's words.
pub(crate) async fn own_account(client: &Client) -> Result<(String, String), NeedError> {
    let what = || "the operator's own ServiceAccount".to_owned();
    let api: Api<SelfSubjectReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let answer = answer.map_err(|error| NeedError::Unreadable {
        what: what(),
        detail: Untrusted::new(in_words(&error)),
        transient: true,
    })?;
    let user = answer.status.and_then(|status| status.user_info?.username).unwrap_or_default();
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let (namespace, name) = account.ok_or_else(|| NeedError::Unreadable {
        what: what(),
        detail: Untrusted::new("it does not run as a ServiceAccount"),
        transient: false,
    })?;
    Ok((namespace.to_owned(), name.to_owned()))
}

/// An environment variable that is set and not empty.
fn variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(std::os::unix::ffi::OsStringExt::into_vec)
}

/// The file that a variable names. Projected tokens are replaced while the process runs, so it is read anew.
async fn file_by_env(name: &str) -> Result<Option<SecretBytes>, NeedError> {
    /// A token or a credentials file is a few KiB.
    const MAX_FILE: u64 = 1024 * 1024;
    let Some(path) = std::env::var_os(name).filter(|path| !path.is_empty()) else { return Ok(None) };
    let unreadable = |why: String| NeedError::Unreadable {
        what: format!("the file that {name} names"),
        detail: Untrusted::new(why),
        transient: true,
    };
    let file = tokio::fs::File::open(&path).await.map_err(|error| unreadable(error.to_string()))?;
    let mut content = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut content).await.map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(SecretBytes::new(content)))
}

fn identity<K: ResourceExt>(object: &K) -> String {
    format!("{}/{}", object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default())
}

fn missing(kind: &'static str, namespace: &str, name: &str, key: Option<&str>) -> NeedError {
    NeedError::NotFound {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        key: key.map(ToOwned::to_owned),
    }
}

fn unreadable(kind: &str, namespace: &str, name: &str, error: &kube::Error) -> NeedError {
    let transient =
        !matches!(error, kube::Error::Api(status) if matches!(status.code, 400..=428 | 430..=499));
    NeedError::Unreadable {
        what: format!("{kind} {namespace}/{name}"),
        detail: Untrusted::new(in_words(error)),
        transient,
    }
}
