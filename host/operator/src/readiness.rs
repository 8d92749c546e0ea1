//! What a process waits for before it calls itself ready: the lists of what it watches, then its plugins.
//!
//! Leading is no part of it: a replica that stands by must be as ready as the one that works. What was ready once
//! stays so until it stops: a plugin that comes later is no reason to take a replica out.

use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Lists,
    /// These plugins were there, or to be there, at the start.
    Plugins(Vec<String>),
    Ready,
    Stopping,
}

/// How far the start has come.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    stage: Mutex<Stage>,
}

impl Readiness {
    /// The lists are there; these plugins are being loaded.
    pub(crate) fn listed(&self, plugins: Vec<String>) {
        self.set(Stage::Plugins(plugins));
    }

    /// The process was told to stop.
    pub(crate) fn stopping(&self) {
        self.set(Stage::Stopping);
    }

    fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// What is missing. `unlisted` says which lists are, `loading` whether a plugin was neither loaded nor refused.
    pub(crate) fn missing(
        &self,
        unlisted: impl FnOnce() -> Vec<&'static str>,
        loading: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *stage {
            Stage::Lists => Some(format!("the lists are not complete: {}", unlisted().join(", "))),
            Stage::Plugins(plugins) => {
                plugins.retain(|plugin| loading(plugin));
                if plugins.is_empty() {
                    *stage = Stage::Ready;
                    return None;
                }
                Some(format!("plugins are being loaded: {}", plugins.join(", ")))
            }
            Stage::Ready => None,
            Stage::Stopping => Some("stopping".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_missing() {
        let readiness = Readiness::default();
        let missing =
            |loading: &[&str]| readiness.missing(|| vec!["plugins"], |name| loading.contains(&name));
        assert_eq!(missing(&[]).as_deref(), Some("the lists are not complete: plugins"));
        readiness.listed(vec!["vault".to_owned(), "v2".to_owned()]);
        let both = missing(&["vault", "v2"]);
        assert_eq!(both.as_deref(), Some("plugins are being loaded: vault, v2"));
        assert_eq!(missing(&["v2", "another"]).as_deref(), Some("plugins are being loaded: v2"));
        assert_eq!(missing(&["another"]), None);
        assert_eq!(missing(&["v2"]), None, "what is loaded anew later takes no replica out");
        readiness.stopping();
        assert_eq!(missing(&[]).as_deref(), Some("stopping"));
    }
}
