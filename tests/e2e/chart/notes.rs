//! What a person reads after an installation: what is missing, what has no effect, what could be meant otherwise.

use super::with_person;
use crate::support::{Person, World, world};

/// The notes; nothing is installed.
fn notes(world: &World, person: &Person<'_>, flags: &str) -> String {
    // Another installation's definitions are there.
    let said = person.does(&format!(
        "helm install notes charts/claviger -n {} --dry-run=client --set installCRDs=false {flags}",
        world.name
    ));
    said.split_once("NOTES:\n").unwrap().1.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_notes_say_what_is_not_as_somebody_may_think() {
    let world = world!("chart-notes");
    with_person(&world, |person, _| {
        let plain = notes(&world, person, "");
        assert!(plain.contains("is installed as notes-claviger"), "{plain}");
        for words in ["no effect", "There is no", "Beyond that", "goes before"] {
            assert!(!plain.contains(words), "{words}: {plain}");
        }
        for (flags, words) in [
            ("--set serviceMonitor.enabled=true", "There is no ServiceMonitor"),
            ("--set prometheusRule.enabled=true", "There are no alerts"),
            ("--set replicaCount=3", "3 replicas, of which one works"),
            ("--set scopedRBAC=true", "Beyond that there are a Role in default"),
            ("--set tokenRequests.restrict=false", "tokens of every ServiceAccount"),
            ("--set writes.restrict=false", "and from changing workloads: writes.restrict is false"),
            ("--set config.webhook.port=9443", "the webhook is at port 10250"),
            ("--set webhook.certSecret=mine", "webhook.caBundle puts it there"),
            ("--set tokenRequests.restrict=true", "name audiences in the store"),
            ("--set podDisruptionBudget.enabled=true", "lets nobody drain"),
            ("--set createOperator=false", "no operator"),
            ("--set certController.create=false,webhook.image.tag=x", "certController, webhook.image"),
            ("--set processClusterStore=false", "ClusterSecretStores are served all the same"),
            ("--set metrics.listen.secure.enabled=true", "without TLS"),
            ("-f tests/e2e/chart/eso-values.yaml", "image.repository looks like"),
        ] {
            let said = notes(&world, person, flags);
            assert!(said.contains(words), "{flags}: {said}");
        }
    });
}
