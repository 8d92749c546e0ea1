//! The policy about tokens, on a real API server: what the operator's ServiceAccount may not ask for whatever its RBAC
//! says, and that it is about nobody else.

use super::with_person;
use crate::doctor::doctor;
use crate::support::{Operator, world};

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

/// The chart's list has the usual audiences, and this cluster has another.
#[test]
fn an_audience_that_the_policy_does_not_know_is_said_by_the_doctor_and_at_the_start() {
    /// What the operator says at its start.
    const WARNED: &str = "no policy of the API server keeps the operator";
    let world = world!("chart-audiences");
    let ns = world.name.clone();
    let own = world.env.cluster.issuer();
    let account = format!("operator-{ns}");
    let said = || {
        let admin = world.env.cluster.kubeconfig().to_owned();
        let said = doctor(&world, &admin, &["-n", &ns, "--service-account", &account, "-o", "json"]);
        let found = said.of("tokens");
        assert_eq!(found.len(), 1, "{found:?}");
        let text = |field: &str| found[0][field].as_str().unwrap_or_default().to_owned();
        (text("level"), text("message"), text("remedy"))
    };
    let (level, message, _) = said();
    assert!(level == "warning" && message.contains("no policy keeps"), "{level} {message}");
    with_person(&world, |person, _| {
        let install = format!(
            "helm upgrade --install audiences charts/claviger -n {ns} --set installCRDs=false,webhook.create=false \
             --set createOperator=false,rbac.create=false,serviceAccount.create=false,serviceAccount.name={account}"
        );
        person.does(&install);
        let (level, message, remedy) = said();
        assert!(level == "warning" && message.contains(&format!("does not name {own}")), "{level} {message}");
        assert!(remedy.contains("tokenRequests.apiServerAudience.audiences"), "{remedy}");
        let operator = Operator::start(&world);
        assert_eq!(operator.user(), format!("system:serviceaccount:{ns}:{account}"));
        let log = operator.log();
        assert!(log.contains(WARNED) && log.contains(own), "{log}");
        drop(operator);

        person.does(&format!(
            "{install} --set tokenRequests.apiServerAudience.audiences='{{https://kubernetes.default.svc,{own}}}'"
        ));
        assert_eq!(said().0, "ok");
        // A policy holds a moment after it is there.
        world.wait("the policy to hold", || {
            let user = format!("system:serviceaccount:{ns}:{account}");
            let args = ["-n", &ns, "create", "token", "default", "--audience", own, "--as", &user];
            if world.try_kubectl(&args).status.success() { Err("a token".to_owned()) } else { Ok(()) }
        });
        let log = Operator::start(&world).log();
        assert!(!log.contains(WARNED), "{log}");
        person.does(&format!("helm uninstall audiences -n {ns}"));
    });
}
