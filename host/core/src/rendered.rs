//! When a template whose text varies with the time or at random is rendered again: when what it is rendered from is
//! another, or the Secret is not as it was left.
//!
//! ESO renders at each refresh, so such a Secret is another each time. Here a digest of everything that goes into the
//! rendering stands on the Secret, and the raw values nowhere.

use std::collections::BTreeMap;

use claviger_crds::external_secret::{ExternalSecretSpec, Target};

use crate::inputs::Inputs;
use crate::names::{ANNOTATION_DATA_HASH, ANNOTATION_RENDERED_FROM, LABEL_CREATED_BY, LABEL_MANAGED};
use crate::plan::{Controller, Observed, Sibling, as_left};
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

/// What was recorded on a Secret, if what is there now is still what was written with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    salt: String,
    hash: String,
    fields: Vec<(String, String)>,
}

impl Left {
    /// Of a Secret that is as it was left.
    pub fn of(observed: &Observed) -> Option<Self> {
        let (salt, hash) = observed.annotations.get(ANNOTATION_RENDERED_FROM)?.split_once('.')?;
        Some(Self { salt: salt.to_owned(), hash: hash.to_owned(), fields: observed.owned_fields() })
    }

    /// Whether it was rendered from these.
    pub fn is_from(&self, inputs: &Inputs) -> bool {
        with(inputs, &self.fields).salted(&self.salt) == self.hash
    }

    /// The same if that would say the same, so that nothing is written for it; else with a salt of its own.
    fn text(&self, whole: &Inputs) -> Option<String> {
        (whole.salted(&self.salt) == self.hash).then(|| format!("{}.{}", self.salt, self.hash))
    }
}

/// What the target was rendered from, if it is as it was left and nothing has to be written or deleted for another reason:
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
    observed.filter(|observed| alone && as_left(spec, owner, observed)).and_then(Left::of)
}

/// Records on what was rendered, if it varies, what it was rendered from.
pub fn record(rendered: &mut Rendered, inputs: &Inputs, left: Option<&Left>, salt: &str) {
    let whole = with(inputs, &fields(rendered));
    let text = left.and_then(|left| left.text(&whole));
    let text = text.unwrap_or_else(|| format!("{salt}.{}", whole.salted(salt)));
    rendered.annotations.insert(ANNOTATION_RENDERED_FROM.to_owned(), text);
}

fn with(inputs: &Inputs, fields: &[(String, String)]) -> Inputs {
    let mut inputs = inputs.clone();
    for (field, value) in fields {
        inputs.add(field, value.as_bytes());
    }
    inputs
}

/// The fields that are about to be written: names of the data, for their hash is a mark of its own; labels and
/// annotations with what they say.
fn fields(rendered: &Rendered) -> Vec<(String, String)> {
    let data = rendered.data.keys().map(String::as_str);
    listed(data, &rendered.labels, &rendered.annotations)
}

/// [`fields`], of what is there.
pub(crate) fn listed<'a>(
    data: impl Iterator<Item = &'a str>,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let marks = [LABEL_MANAGED, LABEL_CREATED_BY, ANNOTATION_DATA_HASH, ANNOTATION_RENDERED_FROM];
    let ours = |key: &&String| {
        let mark = marks.contains(&key.as_str());
        // Those of restarts and leases come and go with what they are about.
        !mark && !key.starts_with("changed.claviger.io/") && !key.starts_with("lease.claviger.io/")
    };
    let said = |part: &str, map: &BTreeMap<String, String>| {
        let keys = map.keys().filter(ours);
        keys.map(|key| (format!("{part} {key}"), map[key].clone())).collect::<Vec<_>>()
    };
    let mut fields: Vec<_> = data.map(|key| (format!("key {key}"), String::new())).collect();
    fields.extend(said("label", labels));
    fields.extend(said("annotation", annotations));
    fields
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

    fn made(template: serde_json::Value, digest: &str, value: &str) -> Inputs {
        let template: Template = serde_json::from_value(template).unwrap();
        let job = Job::new(&template, "ns", &Sources::new()).unwrap();
        let target = Target { template: Some(template), ..Target::default() };
        inputs(&target, digest, &job, &values(value))
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

    #[test]
    fn it_is_rendered_again_when_something_of_it_is_another() {
        let template = json!({"data": {"a": "{{ randAlphaNum 8 }}{{ .k }}"}});
        let first = made(template.clone(), "sha256:1", "v");
        let labels = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        let mut rendered = Rendered { data: values("made"), labels, ..Rendered::default() };
        record(&mut rendered, &first, None, "salt");
        let there = observed(&rendered);
        let left = Left::of(&there).unwrap();
        assert!(left.is_from(&first), "the marks and what others wrote do not count");
        for other in [
            made(template.clone(), "sha256:1", "w"),
            made(template, "sha256:2", "v"),
            made(json!({"data": {"a": "{{ randAlphaNum 9 }}{{ .k }}"}}), "sha256:1", "v"),
            made(json!({"data": {"a": "{{ randAlphaNum 8 }}{{ .k }}"}, "type": "t"}), "sha256:1", "v"),
        ] {
            assert!(!left.is_from(&other));
        }
        // Somebody took a label, or a key, or wrote another value.
        let mut taken = there.clone();
        taken.applied.labels.remove("team");
        assert!(!Left::of(&taken).unwrap().is_from(&first));
        let mut taken = there.clone();
        taken.applied.data.remove("k");
        assert!(!Left::of(&taken).unwrap().is_from(&first));
        let mut other = there.clone();
        other.labels.insert("team".to_owned(), "b".to_owned());
        assert!(!Left::of(&other).unwrap().is_from(&first));
        let mut without = there;
        without.annotations.remove(ANNOTATION_RENDERED_FROM);
        assert!(Left::of(&without).is_none());
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
        record(&mut rendered, &made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v"), None, "salt");
        let there =
            Observed { data_hash: "x".to_owned(), controller: Some(owner.clone()), ..observed(&rendered) };
        let sibling = |name: &str| Sibling {
            name: name.to_owned(),
            uid: "u".to_owned(),
            resource_version: "1".to_owned(),
            controller_uid: Some("uid".to_owned()),
        };
        let others = Controller { uid: "another".to_owned(), ..owner.clone() };
        for (case, there, siblings, leased, is_left) in [
            ("as it was left", Some(&there), vec![], false, true),
            ("itself among those marked", Some(&there), vec![sibling("t")], false, true),
            ("an earlier target to delete", Some(&there), vec![sibling("t"), sibling("old")], false, false),
            ("something held", Some(&there), vec![], true, false),
            ("not there", None, vec![], false, false),
            (
                "another's",
                Some(&Observed { controller: Some(others), ..there.clone() }),
                vec![],
                false,
                false,
            ),
            ("broken", Some(&Observed { data_hash: "y".to_owned(), ..there.clone() }), vec![], false, false),
        ] {
            assert_eq!(left(&spec, &owner, there, &siblings, leased).is_some(), is_left, "{case}");
        }
    }

    #[test]
    fn what_says_the_same_is_not_said_otherwise() {
        let first = made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "v");
        let mut rendered = Rendered { data: values("made"), ..Rendered::default() };
        record(&mut rendered, &first, None, "one");
        let left = Left::of(&observed(&rendered)).unwrap();
        let mut again = Rendered { data: values("other"), ..Rendered::default() };
        record(&mut again, &first, Some(&left), "two");
        assert_eq!(again.annotations, rendered.annotations);
        let mut changed = Rendered { data: values("other"), ..Rendered::default() };
        record(&mut changed, &made(json!({"data": {"a": "{{ now }}"}}), "sha256:1", "w"), Some(&left), "two");
        assert!(changed.annotations[ANNOTATION_RENDERED_FROM].starts_with("two."));
    }
}
