//! What there is to do for a takeover, as the cluster is now: reads, and leaves each decision to the pure modules.

use std::collections::BTreeMap;

use kube::Client;
use serde_json::{Value, json};

use super::crds::{self, Edit, Release};
use super::dying;
use super::finalizers::{self, Decision};
use super::helm::{self, Releases};
use super::live::Step;
use super::webhooks;
use crate::args::TakeoverArgs;
use crate::objects::{Kind, definitions, full_name, list};
use crate::running::{Product, Running, who_runs};

/// Kinds with finalizers of ESO's, by their definitions. What is of the whole cluster is looked at for the whole cluster.
const FINALIZED: [(&str, bool); 5] = [
    ("ExternalSecret", true),
    ("SecretStore", true),
    ("GeneratorState", true),
    ("ClusterExternalSecret", false),
    ("ClusterSecretStore", false),
];

/// The stage of releases that no definition names: what fails of it stops nothing.
pub(super) const STRANGERS: &str = "other Helm releases";
/// The stage that lets things be deleted.
pub(super) const FINALIZERS: &str = "finalizers";

/// What was found.
pub(super) struct Look {
    /// What runs of ESO and concerns this takeover.
    pub(super) running: Vec<Running>,
    /// What runs of ESO for others.
    pub(super) others: Vec<Running>,
    /// ESO's definitions, also those of kinds that Claviger does not serve.
    pub(super) crds: Vec<Value>,
    /// What is to be written, stage by stage, in this order.
    pub(super) stages: Vec<(&'static str, Vec<Step>)>,
    /// What would delete the definitions all the same, each with what to do.
    pub(super) unsafe_: Vec<String>,
    /// What stays as it is, and why.
    pub(super) named: Vec<String>,
    /// Why ESO's objects could not be listed, so that there may be more to write.
    pub(super) blind: Option<String>,
}

/// What comes after a look.
#[derive(Debug)]
pub(super) enum Then<'a> {
    /// Nothing is left to write.
    Finish,
    /// Something could not be seen, and nothing else is left.
    LookAgain,
    /// These stages are to be written before the next look.
    Write(&'a [(&'static str, Vec<Step>)]),
}

impl Look {
    /// Takes out what nobody depends on and could not be written, and names it.
    pub(super) fn give_up(&mut self, failed: &BTreeMap<String, String>) {
        for (_, steps) in self.stages.iter_mut().filter(|(title, _)| *title == STRANGERS) {
            steps.retain(|step| !failed.contains_key(&step.what()));
        }
        let said =
            failed.values().map(|why| format!("a release that no definition names cannot be marked: {why}"));
        self.named.extend(said);
    }

    /// Whether nothing is to be written, as far as could be seen.
    pub(super) fn is_done(&self) -> bool {
        self.stages.iter().all(|(_, steps)| steps.is_empty())
    }

    /// What comes next.
    pub(super) fn then(&self) -> Then<'_> {
        match &self.blind {
            _ if !self.is_done() => Then::Write(self.next()),
            Some(_) => Then::LookAgain,
            None => Then::Finish,
        }
    }

    /// The stages to be written before the next look. Finalizers hold what would be deleted, so it is first looked
    /// whether the definitions and releases are really kept: a write that met another's counts as none.
    fn next(&self) -> &[(&'static str, Vec<Step>)] {
        let held =
            self.stages.iter().position(|(title, _)| *title == FINALIZERS).unwrap_or(self.stages.len());
        let (keeping, _) = self.stages.split_at(held);
        if keeping.iter().all(|(_, steps)| steps.is_empty()) { &self.stages } else { keeping }
    }
}

/// What defines the definitions.
pub(super) fn definition_kind() -> Kind {
    Kind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
}

/// What holds webhooks.
pub(super) fn webhook_kind() -> Kind {
    Kind::new(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    )
}

/// The kind of that name among the definitions.
pub(super) fn kind_of(crds: &[Value], kind: &str) -> Option<Kind> {
    crds.iter().find(|crd| crd["spec"]["names"]["kind"] == kind).and_then(Kind::of)
}

/// The release that the definitions are to belong to.
pub(super) fn wanted_release(args: &TakeoverArgs) -> Option<Release> {
    let name = args.release.clone()?;
    Some(Release { namespace: args.release_namespace.clone().unwrap_or_default(), name })
}

/// Looks.
///
/// # Errors
/// If there is nothing of ESO's, or something may not be read.
pub(super) async fn look(client: &Client, args: &TakeoverArgs) -> anyhow::Result<Look> {
    let (crds, rest): (Vec<Value>, Vec<Value>) =
        definitions(client).await?.into_iter().partition(crds::is_esos);
    if crds.is_empty() {
        anyhow::bail!("there is no definition of external-secrets.io in this cluster: nothing to take over");
    }
    let (running, others): (Vec<Running>, Vec<Running>) = who_runs(client, Product::Eso)
        .await?
        .into_iter()
        .partition(|running| running.concerns(&args.namespaces));

    let kind = definition_kind();
    let (mut marks, mut unsafe_) = (Vec::new(), Vec::new());
    // Their objects cannot be kept here; the lines say how they come back.
    unsafe_.extend(dying::rescue(&crds));
    for crd in &crds {
        // Who still has a server for it has the use of it.
        let (edits, why) = edits(crd, !others.is_empty());
        marks.extend(edits.into_iter().map(|edit| Step::new(&kind, crd, edit)));
        unsafe_.extend(why.map(|why| format!("the definition {}: {why}", full_name(crd))));
    }
    let releases = helm::look(client, &crds, args.no_stored_release).await;
    let Releases { steps: releases, strangers, unsafe_: not_kept, mut named } = releases;
    unsafe_.extend(not_kept);
    // Whose they are is given up when nothing would delete them any more.
    let owners = if releases.is_empty() && unsafe_.is_empty() {
        let wanted = wanted_release(args);
        let own = rest.iter().filter(|crd| wanted.is_some() && crds::is_own(crd));
        let take = |crd| crds::take(crd, wanted.as_ref()).map(|edit| Step::new(&kind, crd, edit));
        crds.iter().chain(own).filter_map(take).collect()
    } else {
        Vec::new()
    };

    let kind = webhook_kind();
    let webhooks = if others.is_empty() {
        let all = list(client, &kind, &[]).await?;
        all.iter().filter_map(|found| Some(Step::new(&kind, found, webhooks::ignore(found)?))).collect()
    } else {
        Vec::new()
    };

    let mut blind = None;
    // What is deleted in spite of all hangs on them, and is not lost as long as they are there.
    let finalizers = if unsafe_.is_empty() {
        // A conversion webhook that nobody answers for lets no list through; it goes with the definitions' stage.
        let steps = finalizers(client, args, &crds, &mut named).await;
        let steps = steps.unwrap_or_else(|error| {
            blind = Some(format!("{error:#}"));
            Vec::new()
        });
        // Who was deleted with its definition since the first look; who is from now on has another version.
        let now: Vec<Value> = definitions(client).await?.into_iter().filter(crds::is_esos).collect();
        let rescue = dying::rescue(&now);
        let steps = if rescue.is_none() { steps } else { Vec::new() };
        unsafe_.extend(rescue);
        steps
    } else {
        named.push("ESO's finalizers stay as long as something is not safe".to_owned());
        Vec::new()
    };
    let stages = vec![
        ("definitions", marks),
        ("Helm releases", releases),
        (STRANGERS, strangers),
        ("webhooks", webhooks),
        (FINALIZERS, finalizers),
        ("owners of the definitions", owners),
    ];
    Ok(Look { running, others, crds, stages, unsafe_, named, blind })
}

/// What is written on a definition, and what cannot be. Pure. `answered`: its conversion webhook has a server.
fn edits(crd: &Value, answered: bool) -> (Vec<Edit>, Option<String>) {
    // No mark ends a deletion; without its webhook it can at least be read.
    let mark = if dying::is_dying(crd) { None } else { crds::mark(crd) };
    let converted = if answered { Ok(None) } else { crds::without_webhook(crd) };
    let (converted, why) = converted.map_or_else(|why| (None, Some(why)), |edit| (edit, None));
    (mark.into_iter().chain(converted).collect(), why)
}

async fn finalizers(
    client: &Client,
    args: &TakeoverArgs,
    crds: &[Value],
    named: &mut Vec<String>,
) -> anyhow::Result<Vec<Step>> {
    let whole = args.namespaces.is_empty();
    let kinds = FINALIZED.iter().filter(|(_, namespaced)| *namespaced || whole);
    let mut kinds: Vec<Kind> = kinds.filter_map(|(kind, _)| kind_of(crds, kind)).collect();
    kinds.push(Kind::new("", "v1", "Namespace", "namespaces", false));
    let mut steps = Vec::new();
    for kind in &kinds {
        for object in list(client, kind, &args.namespaces).await? {
            let of_kind = object["kind"].as_str().unwrap_or_default();
            let name = full_name(&object);
            if of_kind == "Namespace" && !whole && !args.namespaces.contains(&name) {
                continue;
            }
            let (left, says) = match finalizers::decide(&object) {
                Decision::Nothing => continue,
                Decision::Stay(why) => {
                    named.push(format!("{of_kind} {name} keeps ESO's finalizer: {why}"));
                    continue;
                }
                Decision::Deleting(_) if !args.finish_deletions => {
                    named.push(format!(
                        "{of_kind} {name} is being deleted and waits for ESO; --finish-deletions lets it go, with what \
                         it owns"
                    ));
                    continue;
                }
                Decision::Deleting(left) => (left, "goes, for it was deleted before"),
                Decision::Remove(left) => (left, "loses ESO's finalizer"),
            };
            let left = if left.is_empty() { Value::Null } else { json!(left) };
            let patch = json!({"metadata": {"finalizers": left}});
            steps.push(Step::new(kind, &object, Edit { patch, says: vec![says.to_owned()] }));
        }
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> Step {
        Step::new(&definition_kind(), &json!({"metadata": {"name": name}}), Edit::default())
    }

    fn staged(stages: Vec<(&'static str, Vec<Step>)>) -> Look {
        Look {
            running: Vec::new(),
            others: Vec::new(),
            crds: Vec::new(),
            stages,
            unsafe_: Vec::new(),
            named: Vec::new(),
            blind: None,
        }
    }

    #[test]
    fn what_fails_of_a_stranger_is_named_and_not_tried_again() {
        let failed = BTreeMap::from([(step("x").what(), "x: denied".to_owned())]);
        for (title, left) in [(STRANGERS, 1), ("Helm releases", 2)] {
            let mut look = staged(vec![(title, vec![step("x"), step("y")])]);
            look.give_up(&failed);
            assert_eq!(look.stages[0].1.len(), left, "{title}");
            assert!(look.named[0].contains("x: denied"), "{:?}", look.named);
        }
    }

    #[test]
    fn what_could_not_be_listed_is_looked_at_after_the_definitions() {
        for (marks, blind, then) in [
            (vec![step("x")], None, "Write"),
            (vec![step("x")], Some("no server"), "Write"),
            (vec![], Some("no server"), "LookAgain"),
            (vec![], None, "Finish"),
        ] {
            let look = Look { blind: blind.map(str::to_owned), ..staged(vec![("definitions", marks)]) };
            let found = format!("{:?}", look.then());
            assert!(found.starts_with(then), "{found}: {then}");
        }
    }

    #[test]
    fn a_definition_that_dies_gets_no_mark_and_loses_its_webhook() {
        for (deleted, stored, answered, written, fails) in [
            (false, json!(["v1"]), false, 2, false),
            (true, json!(["v1"]), false, 1, false),
            (true, json!(["v1"]), true, 0, false),
            (false, json!(["v1"]), true, 1, false),
            (false, json!(["v1alpha1", "v1"]), false, 1, true),
        ] {
            let mut crd = json!({
                "metadata": {"name": "x"}, "status": {"storedVersions": stored},
                "spec": {"conversion": {"strategy": "Webhook"}},
            });
            if deleted {
                crd["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            let (edits, why) = edits(&crd, answered);
            assert_eq!((edits.len(), why.is_some()), (written, fails), "{crd} {answered}");
        }
    }

    #[test]
    fn finalizers_go_when_a_look_saw_that_all_is_kept() {
        let step = || vec![step("x")];
        let none = Vec::new;
        for (marks, releases, finalizers, owners, next) in [
            (step(), none(), step(), none(), &["definitions"][..]),
            (none(), step(), step(), step(), &["releases"]),
            (step(), step(), step(), none(), &["definitions", "releases"]),
            (none(), none(), step(), step(), &[FINALIZERS, "owners"]),
            (none(), none(), none(), none(), &[]),
        ] {
            let stages = vec![
                ("definitions", marks),
                ("releases", releases),
                (FINALIZERS, finalizers),
                ("owners", owners),
            ];
            let look = staged(stages);
            let written = look.next().iter().filter(|(_, steps)| !steps.is_empty());
            assert_eq!(written.map(|(title, _)| *title).collect::<Vec<_>>(), next);
            assert_eq!(look.is_done(), next.is_empty());
        }
    }
}
