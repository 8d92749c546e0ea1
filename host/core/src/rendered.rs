//! When a template whose text varies with the time or at random is rendered again: when what it is rendered from is
//! another, or what was written of it is not as it was left.
//!
//! ESO renders at each refresh, so such a Secret is another each time. Here a digest of everything that goes into the
//! rendering stands on the Secret, one for each ExternalSecret that writes to it, and the raw values nowhere. What
//! others write beside it is theirs, and no reason.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::external_secret::{ExternalSecretSpec, Target};

use crate::inputs::{Inputs, Slow};
use crate::names::{
    ANNOTATION_DATA_HASH, LABEL_CREATED_BY, LABEL_MANAGED, LEASE_ANNOTATIONS, RENDERED_ANNOTATIONS,
    rendered_annotation,
};
use crate::plan::{Controller, Observed, Sibling, is_known};
use crate::secret::SecretBytes;
use crate::template::{Job, Rendered};

/// What goes into a rendering.
///
/// The whole target counts, so that whatever else of it changes is planned; and the engine by its digest, for another
/// may say the same otherwise.
pub fn inputs<V: std::ops::Deref<Target = SecretBytes>>(
    target: &Target,
    engine_digest: &str,
    job: &Job,
    values: &BTreeMap<String, V>,
) -> Inputs {
    let mut inputs = Inputs::default();
    inputs.add("target", &serde_json::to_vec(target).unwrap_or_default());
    inputs.add("engine", engine_digest.as_bytes());
    for (name, text) in &job.templates {
        inputs.add(&format!("text {name:?}"), text.as_bytes());
    }
    for (key, value) in values {
        inputs.add(&format!("value {key:?}"), value.expose());
    }
    inputs
}

/// What was recorded on a Secret, and what of it is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    salt: String,
    data_hash: String,
    marks_hash: String,
    /// Keys of the data. Who changes the value of one takes it from our field manager, so it is ours no more then.
    data: BTreeSet<String>,
    marks: Vec<(String, String)>,
}

/// How much of what is there was rendered from the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// Nothing, or a key of it is another's now.
    Nothing,
    /// The data. Labels or annotations are not as they were left.
    Data,
    /// All.
    All,
}

impl Left {
    /// Of what that ExternalSecret wrote.
    pub fn of(observed: &Observed, external_secret: &str) -> Option<Self> {
        let mut parts = observed.annotations.get(&rendered_annotation(external_secret))?.split('.');
        let (salt, data_hash, marks_hash) = (parts.next()?, parts.next()?, parts.next()?);
        let (data, labels, annotations) = observed.ours();
        Some(Self {
            salt: salt.to_owned(),
            data_hash: data_hash.to_owned(),
            marks_hash: marks_hash.to_owned(),
            data,
            marks: marks(&labels, &annotations),
        })
    }

    /// For the slow hash to compare it with.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// What was rendered from inputs with that hash, made with [`Left::salt`]. `unread` are keys that could not be read
    /// now and stay as they are: they are not missed, and what is left of them does not count.
    pub fn same(&self, slow: &Slow, unread: impl Fn(&str) -> bool) -> Same {
        let data = self.data.iter().map(String::as_str).filter(|key| !unread(key));
        if slow.salt() != self.salt || data_hash(slow, data) != self.data_hash || self.data_hash.is_empty() {
            return Same::Nothing;
        }
        if marks_hash(slow, &self.marks) == self.marks_hash { Same::All } else { Same::Data }
    }

    /// Leaves the data of a rendering as it is there, where only labels or annotations have to be written.
    pub fn keep_data(&self, rendered: &mut Rendered) {
        rendered.data.clear();
        rendered.kept.others = true;
    }
}

/// What the target was rendered from, if that can be told and nothing has to be written or deleted for another reason:
/// what has, is rendered with it. `leased`: whether something is recorded as held for it.
pub fn left(
    spec: &ExternalSecretSpec,
    owner: &Controller,
    observed: Option<&Observed>,
    siblings: &[Sibling],
    leased: bool,
) -> Option<Left> {
    let target = spec.target.name.as_deref().unwrap_or(&owner.name);
    let alone = !leased && siblings.iter().all(|sibling| sibling.name == target);
    let observed = observed.filter(|observed| alone && is_known(spec, observed));
    observed.and_then(|observed| Left::of(observed, &owner.name))
}

/// Records on what was rendered, if it varies, what it was rendered from. `left` is given where the data stays as it is.
pub fn record(rendered: &mut Rendered, external_secret: &str, slow: &Slow, left: Option<&Left>) {
    let data = match left {
        Some(left) => left.data_hash.clone(),
        None => data_hash(slow, rendered.data.keys().map(String::as_str)),
    };
    let marks = marks_hash(slow, &marks(&rendered.labels, &rendered.annotations));
    let text = format!("{}.{data}.{marks}", slow.salt());
    rendered.annotations.insert(rendered_annotation(external_secret), text);
}

fn data_hash<'a>(slow: &Slow, keys: impl Iterator<Item = &'a str>) -> String {
    slow.with("data", keys.map(|key| (key, "")))
}

fn marks_hash(slow: &Slow, marks: &[(String, String)]) -> String {
    slow.with("marks", marks.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Labels and annotations with what they say, but for those that are set whatever a template says.
fn marks(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let ours = |key: &&String| {
        let mark = [LABEL_MANAGED, LABEL_CREATED_BY, ANNOTATION_DATA_HASH].contains(&key.as_str());
        // Those of restarts and leases come and go with what they are about.
        let about = ["changed.claviger.io/", LEASE_ANNOTATIONS, RENDERED_ANNOTATIONS];
        !mark && !about.iter().any(|about| key.starts_with(about))
    };
    let said = |part: &str, map: &BTreeMap<String, String>| {
        let keys = map.keys().filter(ours);
        keys.map(|key| (format!("{part} {key}"), map[key].clone())).collect::<Vec<_>>()
    };
    let mut marks = said("label", labels);
    marks.extend(said("annotation", annotations));
    marks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use claviger_crds::external_secret::Template;
    use serde_json::json;

    use super::*;
    use crate::template::Sources;

    fn values(value: &str) -> BTreeMap<String, Arc<SecretBytes>> {
        BTreeMap::from([("k".to_owned(), Arc::new(SecretBytes::copied_from(value.as_bytes())))])
    }

    fn made(template: serde_json::Value, digest: &str, value: &str) -> Slow {
        made_with_salt(template, digest, value, "salt")
    }

    fn made_with_salt(template: serde_json::Value, digest: &str, value: &str, salt: &str) -> Slow {
        let template: Template = serde_json::from_value(template).unwrap();
        let job = Job::new(&template, "ns", &Sources::new()).unwrap();
        let target = Target { template: Some(template), ..Target::default() };
        inputs(&target, digest, &job, &values(value)).slowly(salt.to_owned())
    }

    /// As the API server would show it after the apply.
    fn observed(rendered: &Rendered) -> Observed {
        let mut observed = Observed {
            labels: rendered.labels.clone(),
            annotations: rendered.annotations.clone(),
            ..Observed::default()
        };
        observed.labels.insert(LABEL_MANAGED.to_owned(), "true".to_owned());
        observed.annotations.insert(ANNOTATION_DATA_HASH.to_owned(), "x".to_owned());
        observed.applied.data = rendered.data.keys().cloned().collect();
        observed.applied.labels = observed.labels.keys().cloned().collect();
        observed.applied.annotations = observed.annotations.keys().cloned().collect();
        observed.labels.insert("theirs".to_owned(), "x".to_owned());
        observed
    }

    fn same(observed: &Observed, slow: &Slow) -> Same {
        Left::of(observed, "es").unwrap().same(slow, |_| false)
    }

    #[test]
    fn it_is_rendered_again_when_something_of_it_is_another() {
        let template = json!({"data": {"a": "{{ randAlphaNum 8 }}{{ .k }}"}});
        let first = made(template.clone(), "sha256:1", "v");
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let mut rendered = Rendered { data: values("made"), labels, ..Rendered::default() };
        record(&mut rendered, "es", &first, None);
        let there = observed(&rendered);
        assert_eq!(same(&there, &first), Same::All, "the marks and what others wrote do not count");
        for other in [
            made(template.clone(), "sha256:1", "w"),
            made(template, "sha256:2", "v"),
            made(json!({"data": {"a": "{{ randAlphaNum 9 }}{{ .k }}"}}), "sha256:1", "v"),
            made(json!({"data": {"a": "{{ randAlphaNum 8 }}{{ .k }}"}, "type": "t"}), "sha256:1", "v"),
        ] {
            assert_eq!(same(&there, &other), Same::Nothing);
        }
        // Somebody took a key, or wrote another value of it.
        let mut taken = there.clone();
        taken.applied.data.remove("k");
        assert_eq!(same(&taken, &first), Same::Nothing);
        assert!(Left::of(&there, "another").is_none(), "each has its own");
        // Labels are no reason to make data anew.
        let mut taken = there.clone();
        taken.applied.labels.remove("team");
        assert_eq!(same(&taken, &first), Same::Data);
        let mut other = there.clone();
        other.labels.insert("team".to_owned(), "b".to_owned());
        assert_eq!(same(&other, &first), Same::Data);
        let mut without = there;
        without.annotations.remove(&rendered_annotation("es"));
        assert!(Left::of(&without, "es").is_none());
        // A slow hash that could not be made is nobody's.
        let mut rendered = Rendered::default();
        record(&mut rendered, "es", &Slow::default(), None);
        assert_eq!(same(&observed(&rendered), &Slow::default()), Same::Nothing);
    }

    /// Another reading of the same manifest would have every such Secret rendered anew after an upgrade. Expected: the
    /// recipe in Python (`hashlib`), with the target as its defaults are documented.
    #[test]
    fn what_a_former_version_recorded_is_found_again() {
        let slow = made_with_salt(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v", "5a17");
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let mut rendered = Rendered { data: values("made"), labels, ..Rendered::default() };
        record(&mut rendered, "es", &slow, None);
        let expected = "5a17.c177577b6f8420648b5deb1df932a76f.53e63b1763958a76968691a5dd28f133";
        assert_eq!(rendered.annotations[&rendered_annotation("es")], expected);
    }

    #[test]
    fn what_is_written_for_another_reason_is_rendered_with_it() {
        let spec: ExternalSecretSpec = serde_json::from_value(json!({
            "target": {"name": "t", "template": {"data": {"a": "{{ now }}"}}},
        }))
        .unwrap();
        let owner = Controller {
            api_version: "external-secrets.io/v1".to_owned(),
            kind: "ExternalSecret".to_owned(),
            name: "es".to_owned(),
            uid: "uid".to_owned(),
        };
        let mut rendered = Rendered { data: values("made"), ..Rendered::default() };
        record(&mut rendered, "es", &made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v"), None);
        let there = Observed { controller: Some(owner.clone()), ..observed(&rendered) };
        let sibling = |name: &str| Sibling {
            name: name.to_owned(),
            uid: "u".to_owned(),
            resource_version: "1".to_owned(),
            controller_uid: Some("uid".to_owned()),
        };
        let mut updated = there.clone();
        updated.updated.data.insert("a".to_owned());
        for (case, there, siblings, leased, is_left) in [
            ("as it was left", Some(&there), vec![], false, true),
            ("itself among those marked", Some(&there), vec![sibling("t")], false, true),
            ("an earlier target to delete", Some(&there), vec![sibling("t"), sibling("old")], false, false),
            ("something held", Some(&there), vec![], true, false),
            ("not there", None, vec![], false, false),
            ("on its way out", Some(&Observed { deleting: true, ..there.clone() }), vec![], false, false),
            ("what ESO updated", Some(&updated), vec![], false, false),
        ] {
            assert_eq!(left(&spec, &owner, there, &siblings, leased).is_some(), is_left, "{case}");
        }
    }

    #[test]
    fn what_says_the_same_is_not_said_otherwise() {
        let first = made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v");
        let mut rendered = Rendered { data: values("made"), ..Rendered::default() };
        record(&mut rendered, "es", &first, None);
        let mut again = Rendered { data: values("other"), ..Rendered::default() };
        record(&mut again, "es", &first, None);
        assert_eq!(again.annotations, rendered.annotations);
    }

    #[test]
    fn what_cannot_be_read_now_is_no_reason() {
        let template = json!({"metadata": {"annotations": {"at": "{{ now }}"}}});
        let whole = made(template, "sha256:1", "v");
        let mut rendered = Rendered { data: values("v"), ..Rendered::default() };
        record(&mut rendered, "es", &whole, None);
        let mut there = observed(&rendered);
        assert_eq!(same(&there, &whole), Same::All);
        // A key of an earlier look that this time failed, as it did when this was written.
        there.applied.data.insert("failing".to_owned());
        let left = Left::of(&there, "es").unwrap();
        assert_eq!(left.same(&whole, |_| false), Same::Nothing);
        assert_eq!(left.same(&whole, |key| key == "failing"), Same::All);
    }

    #[test]
    fn data_that_stays_is_recorded_as_it_was() {
        let slow = made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v");
        let mut rendered = Rendered { data: values("made"), ..Rendered::default() };
        rendered.labels.insert("team".to_owned(), "a".to_owned());
        record(&mut rendered, "es", &slow, None);
        let mut there = observed(&rendered);
        there.labels.insert("team".to_owned(), "b".to_owned());
        let left = Left::of(&there, "es").unwrap();
        assert_eq!(left.same(&slow, |_| false), Same::Data);
        // A key that this rendering happens to have, and the Secret has not.
        let mut again = Rendered { labels: rendered.labels.clone(), ..Rendered::default() };
        again.data.insert("other".to_owned(), Arc::new(SecretBytes::copied_from(b"x")));
        record(&mut again, "es", &slow, Some(&left));
        left.keep_data(&mut again);
        assert_eq!(again.annotations, rendered.annotations);
        assert!(again.data.is_empty() && again.kept.holds("k"));
    }
}
