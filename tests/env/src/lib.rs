//! Real servers for tests and demos: etcd, kube-apiserver, kube-controller-manager, OpenBao, PostgreSQL, Prometheus, a registry, AWS,
//! Azure, Google and the front of the clouds, on free loopback ports, stopped by their own pids whatever happens to
//! the caller.
//!
//! Two sides, kept apart by type. *Handles* ([`Cluster`], [`Bao`], [`Postgres`], [`Aws`], [`Azure`], [`Google`],
//! [`VaultLogins`], [`Clouds`]) own processes and stop them when dropped. *Views* ([`ClusterView`], [`BaoView`] and so on) are plain
//! descriptions with client methods; they are written to a JSON file so that a test process can use servers
//! that another process owns ([`Env`]).
//!
//! Deliberately not here: anything of the product. This crate depends on none of its crates, so that it
//! can judge them from outside.
//!
//! An OpenBao of one's own, and what its audit log has of what was asked:
//!
//! ```no_run
//! use claviger_testenv::{Bao, BaoOptions, Progress, RunDir, Tools};
//! use serde_json::json;
//!
//! let tools = Tools::prepare(&Progress::default())?; // found, or built once: minutes the first time
//! let folder = RunDir::create("example")?;
//! let bao = Bao::start(&tools, folder.path(), BaoOptions::default())?;
//!
//! bao.view().mount_kv2("secret")?;
//! let since = bao.view().audit_mark();
//! bao.view().api("POST", "secret/data/app", &json!({"data": {"user": "app"}}))?;
//! assert!(bao.view().audit_entries(since)?.iter().any(|entry| entry.path == "secret/data/app"));
//! // Here the process ends, and the folder goes.
//! # Ok::<(), claviger_testenv::Error>(())
//! ```

mod authors;
mod aws;
mod azure;
mod bao;
mod cache;
mod cgroup;
mod chameleon;
mod clouds;
mod cluster;
mod env;
mod error;
mod etcd;
mod faults;
mod files;
mod forward;
mod google;
mod http;
mod isolated;
mod jsonl;
mod listener;
mod onepassword;
mod pki;
mod plain_api;
mod postgres;
mod progress;
mod prometheus;
mod proxy;
mod registry;
mod relay;
mod request;
mod run;
mod tools;
mod vault_logins;

pub use authors::{AUTHORS_VAR, author_projects};
pub use aws::{Aws, AwsError, AwsIdentity, AwsOptions, AwsRequest, AwsView};
pub use azure::{Azure, AzureApp, AzureCertificate, AzureOptions, AzureRequest, AzureView};
pub use bao::{AuditEntry, Bao, BaoOptions, BaoView};
pub use cache::{cache_home, workspace_root};
pub use cgroup::Cgroup;
pub use chameleon::chameleon;
pub use clouds::{CloudConnection, Clouds, CloudsOptions, CloudsView, hosts_file};
pub use cluster::{ApiRequest, Cluster, ClusterView};
pub use env::{ENV_VAR, Env};
pub use error::{Error, Missing, Result};
pub use etcd::Etcd;
pub use faults::{Fault, FaultProxy, Seen};
pub use files::Files;
pub use forward::ForwardProxy;
pub use google::{Google, GoogleAccount, GoogleOptions, GoogleRequest, GoogleView};
pub use isolated::isolated;
pub use jsonl::Mark;
pub use listener::Listener;
pub use onepassword::Connect;
pub use pki::{Authority, Leaf, Usage, sign_jwt, signing_key};
pub use plain_api::PlainApi;
pub use postgres::{Postgres, PostgresView};
pub use progress::Progress;
pub use prometheus::{Prometheus, Sample, promtool};
pub use proxy::{Moment, Proxy, Trap};
pub use registry::Registry;
pub use relay::Relay;
pub use run::{RunDir, free_port, poll};
pub use tools::{Tools, example};
pub use vault_logins::{VaultLogins, VaultLoginsView};
