//! Rewriting keys, step by step. What takes long to compute is computed where it holds up nobody.
//!
//! What a step does is decided in `claviger_core::shape`; how much all steps may take, there too.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::secret::SecretBytes;
use claviger_core::shape::{self, ShapeError, Values};
use claviger_crds::external_secret::{DataFrom, Rewrite};

use super::collect::{TRANSFORM_ENGINE, shaped};
use super::render::render_failure;
use super::wanted::unusable;
use super::world::World;
use super::{Asker, Data, Notes, Pipeline};

/// Computes what may take seconds, off the threads that serve everybody.
pub(super) async fn aside<T: Send + 'static>(
    place: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    // Whoever waits for it may be gone before it is done; it is bounded.
    tokio::task::spawn_blocking(work).await.map_err(|_| unusable(place, "the operator is ending"))
}

/// Bytes of values and their keys.
pub(super) fn bytes(values: &Values) -> usize {
    values.iter().map(|(key, value)| key.len() + value.len()).sum()
}

impl Pipeline {
    /// The values of an entry under the keys that its rewrites make.
    pub(super) async fn rewritten(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        mut values: Values,
        (entry, place): (&DataFrom, &str),
        notes: &mut Notes,
    ) -> Result<Values, Failure> {
        for (index, rewrite) in entry.rewrite.iter().enumerate() {
            let place = format!("{place}.rewrite[{index}]");
            let fail = |error: ShapeError| shaped(&place, &error);
            values = match rewrite.clone() {
                Rewrite { regexp: Some(regexp), .. } => {
                    let mut effort = notes.effort;
                    let work = move || (shape::apply_regexp(values, &regexp, &mut effort), effort);
                    let (rewritten, left) = aside(&place, work).await?;
                    notes.effort = left;
                    rewritten.map_err(fail)?
                }
                Rewrite { merge: Some(merge), .. } => {
                    aside(&place, move || shape::apply_merge(values, &merge)).await?.map_err(fail)?
                }
                Rewrite { transform: Some(transform), .. } => {
                    let names = self
                        .transformed(asker.namespace, world, values.keys(), &transform.template, &place)
                        .await?;
                    shape::apply_transform(values, names).map_err(fail)?
                }
                _ => return Err(unusable(&place, "it is empty: give regexp, transform or merge")),
            };
            // A merge may write all values once more beside themselves.
            notes.budget.fits(bytes(&values)).map_err(|full| unusable(&place, &full.to_string()))?;
        }
        Ok(values)
    }

    /// Renders a key-transforming template once for each key, with the key as `.value`.
    pub(super) async fn transformed(
        &self,
        namespace: &str,
        world: &dyn World,
        keys: impl Iterator<Item = &String> + Send,
        template: &str,
        place: &str,
    ) -> Result<Vec<String>, Failure> {
        let engine = self.engine(TRANSFORM_ENGINE, namespace, world).await?;
        let templates = [(place.to_owned(), template.to_owned())];
        let (mut names, mut all) = (Vec::new(), shape::Names::default());
        for key in keys {
            let data = Data::from([("value".to_owned(), Arc::new(SecretBytes::copied_from(key.as_bytes())))]);
            let options = self.render_options();
            let rendered = engine
                .render(&templates, &data, &options)
                .await
                .map_err(|error| render_failure(engine.id(), error))?;
            let name = rendered
                .texts
                .into_iter()
                .next()
                .and_then(|name| String::from_utf8(name.expose().to_vec()).ok());
            let name = name.ok_or_else(|| unusable(place, "the new key is not UTF-8"))?;
            all.add(&name).map_err(|error| shaped(place, &error))?;
            names.push(name);
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// All else is done on one thread here.
    #[tokio::test]
    async fn nobody_waits_for_what_is_computed() {
        let there = aside("dataFrom[0]", || std::thread::current().id()).await;
        assert_ne!(there.unwrap(), std::thread::current().id());
        let broken: Result<(), Failure> = aside("dataFrom[0]", || panic!("in a test")).await;
        assert!(broken.is_err());
    }
}
