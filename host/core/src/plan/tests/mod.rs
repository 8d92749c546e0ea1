//! The planner against a simulated API server: what each policy does to a Secret, and that a plan
//! carried out leaves nothing to plan.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod marks;
mod policies;
mod properties;
mod sharing;
mod simulator;

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_crds::external_secret::{ExternalSecretSpec, KeyFailure};

use simulator::{Refused, Server};

use super::*;
use crate::error::Failure;
use crate::failures::Unread;
use crate::hash::eso_data_hash;
use crate::names::{ANNOTATION_DATA_HASH, LABEL_CREATED_BY, LABEL_MANAGED, field_manager};
use crate::template::KeptKeys;

/// One ExternalSecret that syncs into a [`Server`].
struct Es {
    owner: Controller,
    spec: ExternalSecretSpec,
    /// When it is, if it restarts workloads.
    mark_changes: Option<(jiff::Timestamp, bool)>,
    hasher: KeyedHasher,
}

fn es(name: &str, target: &str) -> Es {
    let spec = format!(r#"{{"data":[{{"secretKey":"a","remoteRef":{{"key":"k"}}}}],"target":{target}}}"#);
    Es {
        owner: Controller {
            api_version: "external-secrets.io/v1".to_owned(),
            kind: "ExternalSecret".to_owned(),
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
        },
        spec: serde_json::from_str(&spec).unwrap(),
        mark_changes: None,
        hasher: KeyedHasher::random(),
    }
}

fn owner() -> Es {
    es("db", r#"{"name":"s"}"#)
}

fn policy(name: &str, creation: &str, deletion: &str) -> Es {
    es(name, &format!(r#"{{"name":"s","creationPolicy":"{creation}","deletionPolicy":"{deletion}"}}"#))
}

fn rendered(data: &[(&str, &str)]) -> Rendered {
    let data = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Arc::new(SecretBytes::copied_from(value.as_bytes()))));
    Rendered { data: data.collect(), ..Rendered::default() }
}

fn labelled(data: &[(&str, &str)], labels: &[(&str, &str)]) -> Rendered {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Rendered { labels: labels.collect(), ..rendered(data) }
}

/// Why a sync did not happen.
enum Stopped {
    ByServer(Refused),
    ByPlanner(Failure),
}

impl Es {
    fn manager(&self) -> String {
        field_manager(&self.owner.name)
    }

    fn observe(&self, server: &Server) -> Option<Observed> {
        server.observe(&self.manager(), &self.hasher)
    }

    fn plan_with(
        &self,
        server: &Server,
        siblings: &[Sibling],
        wanted: Option<&Rendered>,
    ) -> Result<Plan, Failure> {
        let observed = self.observe(server);
        let live = server.live();
        let mut input = Input {
            owner: &self.owner,
            namespace: "ns",
            spec: &self.spec,
            observed: observed.as_ref(),
            present: None,
            siblings,
            wanted,
            mark_changes: self.mark_changes,
            hasher: &self.hasher,
        };
        match plan(&input)? {
            Planned::Do(plan) => Ok(plan),
            Planned::NeedsPresentValues => {
                input.present = Some(&live);
                match plan(&input)? {
                    Planned::Do(plan) => Ok(plan),
                    Planned::NeedsPresentValues => panic!("they were given"),
                }
            }
        }
    }

    fn plan(&self, server: &Server, wanted: Option<&Rendered>) -> Result<Plan, Failure> {
        self.plan_with(server, &[], wanted)
    }

    /// Plans and carries out, which must work; returns what was planned.
    fn sync(&self, server: &mut Server, wanted: &Rendered) -> Plan {
        match self.try_sync(server, wanted) {
            Ok(plan) => plan,
            Err(Stopped::ByPlanner(failure)) => panic!("{failure}"),
            Err(Stopped::ByServer(refused)) => panic!("{refused:?}"),
        }
    }

    fn try_sync(&self, server: &mut Server, wanted: &Rendered) -> Result<Plan, Stopped> {
        let plan = self.plan(server, Some(wanted)).map_err(Stopped::ByPlanner)?;
        for effect in &plan.effects {
            if let Effect::Apply(apply) = effect {
                server.apply(apply).map_err(Stopped::ByServer)?;
            }
        }
        Ok(plan)
    }

    fn valid(&self, server: &Server) -> bool {
        self.valid_without(server, &Unread::default())
    }

    /// Where these entries could not be read.
    fn valid_without(&self, server: &Server, unread: &Unread) -> bool {
        target_valid(&self.spec, unread, self.observe(server).as_ref())
    }
}

fn text(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn annotation(server: &Server, es: &Es, key: &str) -> Option<String> {
    es.observe(server).and_then(|observed| observed.annotations.get(key).cloned())
}
