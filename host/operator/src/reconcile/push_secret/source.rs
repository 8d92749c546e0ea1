//! What is pushed: which versions of which objects it is made from, and their values when they are needed.

use claviger_core::error::Failure;
use claviger_core::hash::sha3_224;
use claviger_core::push::{Data, check_type, meant_by_labels};
use claviger_core::redact::Redactor;
use claviger_core::template::{SourceKind, sources_needed};

use super::Look;
use crate::cluster::push as cluster;
use crate::watch::{Object, Reference};

/// One Secret's values, or a generator's.
pub(super) struct Given {
    /// How messages name it.
    pub(super) what: String,
    pub(super) data: Data,
}

impl Look<'_> {
    /// A hash of the versions of everything that it is made from, and of its stores, without reading a value. Secrets that are looked at wake it
    /// when they change. `None`: the Secret is not there.
    pub(super) async fn stamp(&self) -> Result<Option<String>, Failure> {
        let client = &self.context.client;
        let namespace = &self.name.namespace;
        let mut parts = Vec::new();
        let spec = &self.ps.spec;
        if let Some(generator) = &spec.selector.generator_ref {
            let (pipeline, world) = (&self.context.pipeline, &self.world);
            let view = pipeline.generator(&generator.kind, namespace, &generator.name, world).await?;
            parts.push(format!("generator {} {}", view.uid, view.generation));
        } else if let Some(name) = self.secret_name() {
            self.reads(SourceKind::Secret, name);
            match cluster::version_of(client, SourceKind::Secret, namespace, name).await? {
                Some(version) => parts.push(version),
                None => return Ok(None),
            }
        } else if let Some(selector) = spec.selector.secret.as_ref().and_then(|it| it.selector.as_ref()) {
            for (name, version) in cluster::versions_selected(client, namespace, selector).await? {
                // One that loses the label is not among those who select it then.
                self.reads(SourceKind::Secret, &name);
                parts.push(version);
            }
        } else {
            return Err(Failure::PolicyInvalid {
                why: "spec.selector.secret needs a name or a selector".to_owned(),
            });
        }
        // Another store, or one that leads elsewhere, has not been pushed to.
        for store in &self.stores {
            let object = Object::store(store.kind, namespace, &store.name);
            if let Some(found) = self.context.state.store(&object) {
                let (uid, generation) = (&found.metadata.uid, found.metadata.generation.unwrap_or_default());
                parts.push(format!("{object} {} {generation}", uid.as_deref().unwrap_or_default()));
            }
            // Its labels move no generation, and may decide what goes there.
            let by_labels = meant_by_labels(spec, store).into_iter();
            parts.extend(by_labels.map(|index| format!("{object} dataTo[{index}]")));
        }
        for (kind, name) in spec.template.iter().flat_map(sources_needed) {
            self.reads(kind, &name);
            let version = cluster::version_of(client, kind, namespace, &name).await?;
            parts.push(format!("{} {name} {}", kind.as_str(), version.unwrap_or_default()));
        }
        Ok(Some(sha3_224(parts.join("\n").as_bytes())))
    }

    /// The values. `None`: the Secret is not there any more.
    pub(super) async fn given(&self, redactor: &mut Redactor) -> Result<Option<Vec<Given>>, Failure> {
        let client = &self.context.client;
        let namespace = &self.name.namespace;
        let selector = &self.ps.spec.selector;
        if let Some(generator) = &selector.generator_ref {
            let pipeline = &self.context.pipeline;
            let data = pipeline.push_generated(generator, namespace, &self.world, redactor).await?;
            let what = format!("{} {}", generator.kind, generator.name);
            return Ok(Some(vec![Given { what, data }]));
        }
        let sources = match (self.secret_name(), selector.secret.as_ref().and_then(|it| it.selector.as_ref()))
        {
            (Some(name), _) => match cluster::secret(client, namespace, name).await? {
                Some(source) => vec![source],
                None => return Ok(None),
            },
            (None, Some(selector)) => cluster::selected(client, namespace, selector).await?,
            (None, None) => Vec::new(),
        };
        // A template brings values along too.
        let template = self.ps.spec.template.iter().flat_map(sources_needed);
        for (_, name) in template.filter(|(kind, _)| *kind == SourceKind::Secret) {
            if let Some(read) = cluster::secret(client, namespace, &name).await? {
                check_type(read.type_.as_deref())?;
            }
        }
        let mut given = Vec::new();
        for source in sources {
            check_type(source.type_.as_deref())?;
            source.data.values().for_each(|value| redactor.seed(value));
            given.push(Given { what: format!("Secret {}", source.name), data: source.data });
        }
        Ok(Some(given))
    }

    pub(super) fn secret_name(&self) -> Option<&str> {
        let secret = self.ps.spec.selector.secret.as_ref()?;
        secret.name.as_deref().filter(|name| !name.is_empty())
    }

    fn reads(&self, kind: SourceKind, name: &str) {
        let reference = Reference { kind, namespace: self.name.namespace.clone(), name: name.to_owned() };
        self.context.state.add_read(&self.world.reader, reference);
    }
}
