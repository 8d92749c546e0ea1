//! What a target's template is made of, and what becomes of the rendered texts. The rendering itself is a
//! plugin's.
//!
//! Precedence is ESO's: fetched data (only where no template data is given, or with mergePolicy Merge),
//! then `templateFrom` in order, then `template.data`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_crds::external_secret::{
    DecodingStrategy, MergePolicy, NullBytePolicy, Template, TemplateAs, TemplateRef,
};

use crate::error::Failure;
use crate::generic::Document;
use crate::generic::path::{self, Step};
use crate::names::{is_copied, is_mark};
use crate::secret::{Data, SecretBytes, Untrusted};
use crate::shape::decode;

/// Everything that goes into the Secret.
#[derive(Clone, Default)]
pub struct Rendered {
    /// Its data.
    pub data: Data,
    /// Its labels, without those that mark it as managed.
    pub labels: BTreeMap<String, String>,
    /// Its annotations, without the hash.
    pub annotations: BTreeMap<String, String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its type; none: Kubernetes' default.
    pub type_: Option<String>,
    /// Keys that could not be read, which keep what the Secret has.
    pub kept: KeptKeys,
    /// Of a target that is no Secret: what goes to places of its own, in order.
    pub placed: Vec<Placed>,
}

/// Something rendered for a place in a target that is no Secret.
#[derive(Clone)]
pub struct Placed {
    /// The place as the manifest has it.
    pub target: String,
    /// The same, read.
    pub path: Vec<Step>,
    /// What goes there.
    pub value: Document,
    /// Whether a map is laid over one that is there.
    pub merged: bool,
}

/// Keys of the Secret that stay as they are, since what they should be is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptKeys {
    /// These.
    pub named: BTreeSet<String>,
    /// Whether every key that nothing else gives stays: it may be of those that could not be listed.
    pub others: bool,
}

impl KeptKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && !self.others
    }

    /// Whether that key is one, if nothing gives it.
    pub fn holds(&self, key: &str) -> bool {
        self.others || self.named.contains(key)
    }
}

/// Kinds of objects that something is read from: the text of a template, what a store refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl SourceKind {
    /// As manifests spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Objects that `templateFrom` names, with their keys.
pub type Sources = BTreeMap<(SourceKind, String), BTreeMap<String, SecretBytes>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Data,
    Labels,
    Annotations,
    /// One of the job's places.
    Place(usize),
}

/// What becomes of a rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Use {
    /// The value of that key.
    Value(Part, String),
    /// A YAML map of keys and values.
    Map(Part),
}

/// The texts to render, in order, and what they are for.
#[derive(Debug, Default)]
pub struct Job {
    /// Names for errors, and texts.
    pub templates: Vec<(String, String)>,
    uses: Vec<(Use, DecodingStrategy)>,
    places: Vec<(String, Vec<Step>)>,
}

/// Whether a template makes the data, so that each of its texts may need any of the values.
pub fn makes_data(template: Option<&Template>) -> bool {
    template.is_some_and(|template| !template.data.is_empty() || !template.template_from.is_empty())
}

/// Where the texts of an entry of `templateFrom` go.
enum Destination {
    Part(Part),
    Path(Vec<Step>),
}

/// `any_kind`: the target is no Secret, and its fields may be written by their paths.
fn destination(index: usize, target: &str, any_kind: bool) -> Result<Destination, String> {
    let path = |text: &str| {
        path::parse(text)
            .map(Destination::Path)
            .map_err(|error| format!("templateFrom[{index}].target {target:?}: {error}"))
    };
    match target.to_ascii_lowercase().as_str() {
        "" | "data" => Ok(Destination::Part(Part::Data)),
        "labels" => Ok(Destination::Part(Part::Labels)),
        "annotations" => Ok(Destination::Part(Part::Annotations)),
        "spec" if any_kind => path("spec"),
        // Its own case is the field's.
        _ if any_kind => path(target),
        _ => Err(format!(
            "templateFrom[{index}].target {target:?} is not Data, Labels or Annotations, as it must be where the \
             target is a Secret"
        )),
    }
}

/// Checks where texts of `templateFrom` are to go, before anything is read.
///
/// # Errors
/// The first that cannot go there: neither a part of a Secret nor, with `any_kind`, a path of its object. Or that all
/// paths together ask for lists that are too long.
pub(crate) fn check_destinations(template: &Template, any_kind: bool) -> Result<(), String> {
    let mut made = 0usize;
    for (index, from) in template.template_from.iter().enumerate() {
        if let Destination::Path(path) = destination(index, &from.target.0, any_kind)? {
            made = made.saturating_add(path::made(&path));
        }
    }
    if made > path::MAX_MADE {
        return Err(format!(
            "templateFrom: the indexes of its targets make {made} elements of lists, more than {}",
            path::MAX_MADE
        ));
    }
    Ok(())
}

/// The objects that a template reads.
pub fn sources_needed(template: &Template) -> Vec<(SourceKind, String)> {
    let mut needed = Vec::new();
    for from in &template.template_from {
        needed.extend(from.config_map.iter().map(|map| (SourceKind::ConfigMap, map.name.clone())));
        needed.extend(from.secret.iter().map(|secret| (SourceKind::Secret, secret.name.clone())));
    }
    needed
}

impl Job {
    /// Lists what is to be rendered.
    ///
    /// # Errors
    /// If a source or key is not there, or a target is none of Data, Labels and Annotations.
    pub fn new(template: &Template, namespace: &str, sources: &Sources) -> Result<Self, Failure> {
        Self::build(template, namespace, sources, false)
    }

    /// The same for a target that is no Secret, where `templateFrom.target` may be any path.
    ///
    /// # Errors
    /// If a source or key is not there, or a target is no path.
    pub fn of_any_kind(template: &Template, namespace: &str, sources: &Sources) -> Result<Self, Failure> {
        Self::build(template, namespace, sources, true)
    }

    fn build(template: &Template, namespace: &str, sources: &Sources, paths: bool) -> Result<Self, Failure> {
        let mut job = Self::default();
        for (index, from) in template.template_from.iter().enumerate() {
            let destination = destination(index, &from.target.0, paths);
            let part = match destination.map_err(|why| Failure::PolicyInvalid { why })? {
                Destination::Part(part) => part,
                Destination::Path(path) => {
                    job.places.push((from.target.0.clone(), path));
                    Part::Place(job.places.len() - 1)
                }
            };
            if let Some(text) = &from.literal {
                job.add_decoded(
                    format!("templateFrom[{index}].literal"),
                    text.clone(),
                    Use::Map(part),
                    from.values_decoding_strategy,
                );
            }
            let references = [(SourceKind::ConfigMap, &from.config_map), (SourceKind::Secret, &from.secret)];
            for (kind, reference) in references {
                if let Some(reference) = reference {
                    let decoding = from.values_decoding_strategy;
                    job.add_source(kind, reference, (part, decoding), namespace, sources)?;
                }
            }
        }
        for (key, text) in &template.data {
            job.add(format!("data.{key}"), text.clone(), Use::Value(Part::Data, key.clone()));
        }
        if let Some(metadata) = &template.metadata {
            for (key, text) in &metadata.labels {
                job.add(
                    format!("metadata.labels.{key}"),
                    text.clone(),
                    Use::Value(Part::Labels, key.clone()),
                );
            }
            for (key, text) in &metadata.annotations {
                let place = format!("metadata.annotations.{key}");
                job.add(place, text.clone(), Use::Value(Part::Annotations, key.clone()));
            }
        }
        Ok(job)
    }

    fn add(&mut self, name: String, text: String, usage: Use) {
        self.add_decoded(name, text, usage, DecodingStrategy::None);
    }

    fn add_decoded(&mut self, name: String, text: String, usage: Use, decoding: DecodingStrategy) {
        self.templates.push((name, text));
        self.uses.push((usage, decoding));
    }

    fn add_source(
        &mut self,
        kind: SourceKind,
        reference: &TemplateRef,
        (part, decoding): (Part, DecodingStrategy),
        namespace: &str,
        sources: &Sources,
    ) -> Result<(), Failure> {
        let missing = |key: Option<&str>| Failure::TemplateSourceNotFound {
            kind: kind.as_str(),
            namespace: namespace.to_owned(),
            name: reference.name.clone(),
            key: key.map(ToOwned::to_owned),
        };
        let texts = sources.get(&(kind, reference.name.clone())).ok_or_else(|| missing(None))?;
        for item in &reference.items {
            let text = texts.get(&item.key).ok_or_else(|| missing(Some(&item.key)))?;
            let name = format!("{} {}/{}", kind.as_str(), reference.name, item.key);
            let text = std::str::from_utf8(text.expose()).map_err(|_| Failure::TemplateFailed {
                template: name.clone(),
                line: 0,
                column: 0,
                detail: Untrusted::new("it is not UTF-8 text"),
            })?;
            let usage = match item.template_as {
                TemplateAs::Values => Use::Value(part, item.key.clone()),
                TemplateAs::KeysAndValues => Use::Map(part),
            };
            self.add_decoded(name, text.to_owned(), usage, decoding);
        }
        Ok(())
    }

    /// Puts the rendered texts, one for each template and in order, where they belong.
    ///
    /// # Errors
    /// If a text that should be a map is none, or a label or annotation is not UTF-8.
    pub fn finish(
        self,
        template: &Template,
        fetched: Data,
        texts: Vec<SecretBytes>,
    ) -> Result<Rendered, Failure> {
        let keep = !makes_data(Some(template)) || template.merge_policy == MergePolicy::Merge;
        let mut rendered = Rendered {
            data: if keep { fetched } else { BTreeMap::new() },
            finalizers: template.metadata.as_ref().map(|meta| meta.finalizers.clone()).unwrap_or_default(),
            type_: template.type_.clone().filter(|type_| !type_.is_empty()),
            ..Rendered::default()
        };
        for (((name, _), (usage, decoding)), text) in self.templates.iter().zip(self.uses).zip(texts) {
            let decoded = |value| {
                decode(value, decoding, NullBytePolicy::Ignore)
                    .map_err(|error| failed(name, &error.to_string()))
            };
            let place = |place: usize| self.places.get(place).cloned().unwrap_or_default();
            match usage {
                Use::Value(Part::Place(at), key) => {
                    let (target, mut path) = place(at);
                    // ESO's rule: keys of the spec itself are texts, what stands deeper is read as YAML.
                    let spec = path == [Step::Key("spec".to_owned())];
                    let value = if spec { text_of(&text, name)? } else { yaml_or_text(&text, name)? };
                    if spec {
                        path.push(Step::Key(key));
                    }
                    rendered.placed.push(Placed { target, path, value, merged: false });
                }
                Use::Map(Part::Place(at)) => {
                    let (target, path) = place(at);
                    let merged = path.len() > 1;
                    let value = yaml(&text).ok_or_else(|| failed(name, "the result is not YAML"))?;
                    rendered.placed.push(Placed { target, path, value, merged });
                }
                Use::Value(part, key) => rendered.put(part, key, decoded(text)?, name)?,
                Use::Map(part) => {
                    for (key, value) in parse_map(&text, name)? {
                        rendered.put(part, key, decoded(value)?, name)?;
                    }
                }
            }
        }
        Ok(rendered)
    }
}

impl Rendered {
    /// Without a template: the fetched data, and the labels and annotations of the ExternalSecret that
    /// mean something on a Secret.
    pub fn copied(
        fetched: Data,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let copied = |map: &BTreeMap<String, String>| {
            map.iter()
                .filter(|(key, _)| is_copied(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        Self { data: fetched, labels: copied(labels), annotations: copied(annotations), ..Self::default() }
    }

    fn put(&mut self, part: Part, key: String, value: SecretBytes, template: &str) -> Result<(), Failure> {
        let map = match part {
            Part::Data => {
                self.data.insert(key, Arc::new(value));
                return Ok(());
            }
            // Marks are set here, whatever a template says.
            Part::Labels | Part::Annotations if is_mark(&key) => return Ok(()),
            Part::Labels => &mut self.labels,
            Part::Annotations => &mut self.annotations,
            Part::Place(_) => return Ok(()),
        };
        let text =
            std::str::from_utf8(value.expose()).map_err(|_| failed(template, "the result is not UTF-8"))?;
        map.insert(key, text.to_owned());
        Ok(())
    }
}

fn failed(template: &str, why: &str) -> Failure {
    Failure::TemplateFailed { template: template.to_owned(), line: 0, column: 0, detail: Untrusted::new(why) }
}

fn text_of(text: &SecretBytes, template: &str) -> Result<Document, Failure> {
    let text = std::str::from_utf8(text.expose()).map_err(|_| failed(template, "the result is not UTF-8"))?;
    Ok(Document::new(serde_json::Value::from(text)))
}

fn yaml(text: &SecretBytes) -> Option<Document> {
    serde_saphyr::from_str(std::str::from_utf8(text.expose()).ok()?).ok().map(Document::new)
}

fn yaml_or_text(text: &SecretBytes, template: &str) -> Result<Document, Failure> {
    yaml(text).map_or_else(|| text_of(text, template), Ok)
}

/// ESO unmarshals into a `map[string]string`, so scalars that are no strings are refused there; here they
/// become their text.
fn parse_map(text: &SecretBytes, template: &str) -> Result<Vec<(String, SecretBytes)>, Failure> {
    use serde_json::Value;
    let bad = || failed(template, "the result is not a YAML map of keys and texts");
    let text = std::str::from_utf8(text.expose()).map_err(|_| bad())?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let map: BTreeMap<String, Value> = serde_saphyr::from_str(text).map_err(|_| bad())?;
    map.into_iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Null => String::new(),
                Value::Array(_) | Value::Object(_) => return Err(bad()),
            };
            Ok((key, SecretBytes::new(text.into_bytes())))
        })
        .collect()
}
