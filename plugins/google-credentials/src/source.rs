//! Where a config says that an access token comes from: a key, a ServiceAccount of a GKE cluster, an identity of
//! another system, or the operator's own surroundings; the first that is given counts, as in ESO.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::provider::claviger::plugin::types::StoreRef;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::external;

/// Where the fields stand in a config.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Pointer to the object with `secretRef`, `workloadIdentity` and `workloadIdentityFederation` ("/auth").
    pub auth: &'static str,
    /// Pointers to the store's project, in each spelling: the last resort for the cluster's.
    pub projects: &'static [&'static str],
    /// The `Plugin` object whose grants bring what is the operator's own.
    pub plugin: &'static str,
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A service account's key.
    Key {
        /// Pointer to the reference.
        at: String,
    },
    /// A token of a ServiceAccount, in a GKE cluster.
    Gke(Gke),
    /// A token or credential of another system.
    Federation(Federation),
    /// The operator's own, as far as it is granted.
    Ambient,
}

/// A ServiceAccount of a GKE cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gke {
    /// Pointer to `workloadIdentity`.
    pub base: String,
    /// Audiences beside the reference.
    pub audiences: Vec<String>,
    /// The cluster's project, if the config names it.
    pub project: Option<String>,
    /// The cluster's location, likewise.
    pub location: Option<String>,
    /// Its name, likewise.
    pub cluster: Option<String>,
}

impl Gke {
    /// Pointer to the ServiceAccount's reference.
    pub fn account_at(&self) -> String {
        format!("{}/serviceAccountRef", self.base)
    }
}

/// An identity of another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Federation {
    /// Pointer to `workloadIdentityFederation`.
    pub base: String,
    /// The provider in the pool.
    pub audience: Option<String>,
    /// The service account to act as, above all that says so elsewhere.
    pub email: Option<String>,
    /// What is shown to it.
    pub subject: Subject,
}

/// What is shown to Google's STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whatever a credential configuration says.
    Config {
        /// Where it must fetch a token from, if it fetches one.
        endpoint: Option<String>,
    },
    /// A token of a ServiceAccount.
    Account {
        /// Audiences beside the reference; if there are any, the token is for these alone.
        audiences: Vec<String>,
    },
    /// AWS credentials.
    Aws {
        /// Whose STS is asked who they are.
        region: String,
    },
}

impl Subject {
    /// The field of `workloadIdentityFederation` that has the reference.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Config { .. } => "credConfig",
            Self::Account { .. } => "serviceAccountRef",
            Self::Aws { .. } => "awsSecurityCredentials/awsCredentialsSecretRef",
        }
    }
}

/// All that a config says about a token.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it comes from.
    pub source: Source,
    /// The store's project, if the config names it.
    pub project: Option<String>,
    /// Where it stands.
    pub places: Places,
}

impl Access {
    /// Reads a config.
    ///
    /// # Errors
    /// What is missing or given twice, and where.
    pub fn parse(config: &Value, places: Places) -> Result<Self, Error> {
        let project = one(config, places.projects)?.and_then(|at| text(config, at)).map(ToOwned::to_owned);
        let of = |field: &str| format!("{}/{field}", places.auth);
        let source = if given(config, &of("secretRef")) {
            let spellings = ["secretAccessKeySecretRef", "secretAccessKey"]
                .map(|name| format!("{}/{name}", of("secretRef")));
            let [eso, seed] = &spellings;
            let at = one(config, &[eso.as_str(), seed.as_str()])?;
            Source::Key { at: at.ok_or_else(|| invalid_config(eso, "it is needed"))?.to_owned() }
        } else if given(config, &of("workloadIdentity")) {
            Source::Gke(gke(config, of("workloadIdentity"))?)
        } else if given(config, &of("workloadIdentityFederation")) {
            Source::Federation(federation(config, of("workloadIdentityFederation"))?)
        } else {
            Source::Ambient
        };
        Ok(Self { source, project, places })
    }

    /// Pointer to the reference in use.
    pub fn reference(&self) -> Option<String> {
        match &self.source {
            Source::Key { at } => Some(at.clone()),
            Source::Gke(gke) => Some(gke.account_at()),
            Source::Federation(federation) => {
                Some(format!("{}/{}", federation.base, federation.subject.field()))
            }
            Source::Ambient => None,
        }
    }

    /// Whether who asks decides which identity it is: a reference of a ClusterSecretStore that leaves the
    /// namespace out. Then `ready.partition` must be the requester.
    pub fn depends_on_requester(&self, config: &Value, store: &StoreRef) -> bool {
        let open = |at: String| text(config, &format!("{at}/namespace")).is_none();
        store.namespace.is_none() && self.reference().is_some_and(open)
    }
}

/// The one of several spellings that is given.
fn one<'a>(config: &Value, spellings: &[&'a str]) -> Result<Option<&'a str>, Error> {
    let found: Vec<&str> = spellings.iter().copied().filter(|at| given(config, at)).collect();
    match found[..] {
        [] => Ok(None),
        [at] => Ok(Some(at)),
        [first, second, ..] => Err(invalid_config(second, format!("{first} is given too: remove one"))),
    }
}

fn list(config: &Value, at: &str) -> Vec<String> {
    let items = config.pointer(at).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect()
}

fn gke(config: &Value, base: String) -> Result<Gke, Error> {
    let at = format!("{base}/serviceAccountRef");
    if !given(config, &at) {
        return Err(invalid_config(&at, "it is needed"));
    }
    let owned = |field: &str| text(config, &format!("{base}/{field}")).map(ToOwned::to_owned);
    Ok(Gke {
        audiences: list(config, &format!("{at}/audiences")),
        project: owned("clusterProjectID"),
        location: owned("clusterLocation"),
        cluster: owned("clusterName"),
        base,
    })
}

fn federation(config: &Value, base: String) -> Result<Federation, Error> {
    let of = |field: &str| format!("{base}/{field}");
    let owned = |field: &str| text(config, &of(field)).map(ToOwned::to_owned);
    let ways = ["credConfig", "serviceAccountRef", "awsSecurityCredentials"];
    let found: Vec<&str> = ways.into_iter().filter(|way| given(config, &of(way))).collect();
    let subject = match found[..] {
        ["credConfig"] => Subject::Config { endpoint: owned("externalTokenEndpoint") },
        ["serviceAccountRef"] => {
            Subject::Account { audiences: list(config, &of("serviceAccountRef/audiences")) }
        }
        ["awsSecurityCredentials"] => aws(config, &of("awsSecurityCredentials"))?,
        [] => return Err(invalid_config(&base, format!("one of {} is needed", ways.join(", ")))),
        _ => {
            let detail =
                format!("exactly one is needed, and there are {}: remove all but one", found.join(", "));
            return Err(invalid_config(&base, detail));
        }
    };
    let audience = owned("audience");
    if audience.is_none() && !matches!(subject, Subject::Config { .. }) {
        return Err(invalid_config(
            &of("audience"),
            "it is needed: the provider in the pool, //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
        ));
    }
    let email = owned("gcpServiceAccountEmail");
    if email.as_deref().is_some_and(|email| !external::is_service_account(email)) {
        return Err(invalid_config(
            &of("gcpServiceAccountEmail"),
            "it is not the address of a service account (NAME@PROJECT.iam.gserviceaccount.com)",
        ));
    }
    Ok(Federation { audience, email, subject, base })
}

fn aws(config: &Value, base: &str) -> Result<Subject, Error> {
    let (region_at, secret_at) = (format!("{base}/region"), format!("{base}/awsCredentialsSecretRef"));
    if !given(config, &secret_at) {
        return Err(invalid_config(&secret_at, "it is needed"));
    }
    let region = text(config, &region_at).ok_or_else(|| invalid_config(&region_at, "it is needed"))?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.len() > 50 || !region.bytes().all(plain) {
        return Err(invalid_config(&region_at, "it is not the name of a region, e.g. eu-central-1"));
    }
    Ok(Subject::Aws { region: region.to_owned() })
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
