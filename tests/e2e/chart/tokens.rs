//! The policy about tokens, on a real API server: what the operator's ServiceAccount may not ask for whatever its RBAC
//! says, and that it is about nobody else.

use super::with_person;
use crate::support::world;

#[test]
fn the_operator_is_kept_from_tokens_that_are_not_for_stores() {
    let world = world!("chart-tokens");
    let ns = world.name.clone();
    with_person(&world, |person, _| {
        world.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ns}-vault}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: app, namespace: {ns}}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: app, namespace: {ns}-vault}}\n"
        ));
        let own = world.env.cluster.issuer();
        person.does(&format!(
            "helm install tokens charts/claviger -n {ns} --set installCRDs=false,webhook.create=false \
             --set tokenRequests.apiServerAudience.audiences='{{https://kubernetes.default.svc,{own}}}' \
             --set tokenRequests.apiServerAudience.allowedNamespaces='{{{ns}-vault}}'"
        ));
        let operator = format!("system:serviceaccount:{ns}:tokens-claviger");
        let ask = |user: Option<&str>, namespace: &str, account: &str, audience: Option<&str>| {
            let mut args = vec!["-n", namespace, "create", "token", account];
            args.extend(audience.iter().flat_map(|audience| ["--audience", audience]));
            args.extend(user.iter().flat_map(|user| ["--as", user]));
            let output = world.try_kubectl(&args);
            match output.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            }
        };
        // A policy holds a moment after it is there.
        let denied = world.wait("the policy to hold", || {
            ask(Some(&operator), "kube-system", "default", Some("vault"))
                .err()
                .ok_or_else(|| "a token".to_owned())
        });
        assert!(denied.contains("kept from tokens of ServiceAccounts in kube-system"), "{denied}");
        let vault = format!("{ns}-vault");
        for (namespace, account, audience, expected) in [
            (ns.as_str(), "app", Some("vault"), None),
            ("kube-public", "default", Some("vault"), Some("in kube-public")),
            ("kube-node-lease", "default", Some("vault"), Some("in kube-node-lease")),
            (&ns, "app", Some(own), Some("that the API server takes itself")),
            (&ns, "app", Some("https://kubernetes.default.svc"), Some("that the API server takes itself")),
            // For the API server, if nothing is said.
            (&ns, "app", None, Some("that the API server takes itself")),
            (&vault, "app", Some(own), None),
            (&vault, "app", None, None),
            // What it is already.
            (&ns, "tokens-claviger", None, None),
        ] {
            let outcome = ask(Some(&operator), namespace, account, audience);
            match (&outcome, expected) {
                (Ok(()), None) => {}
                (Err(said), Some(words)) => {
                    assert!(said.contains(words), "{namespace}/{account} {audience:?}: {said}")
                }
                _ => panic!("{namespace}/{account} {audience:?}: {outcome:?}"),
            }
        }
        for user in [None, Some(person.user.as_str())] {
            assert_eq!(ask(user, "kube-system", "default", None), Ok(()), "{user:?}");
        }
        person.does(&format!("helm uninstall tokens -n {ns}"));
    });
}
