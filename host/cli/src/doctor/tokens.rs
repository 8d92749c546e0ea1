//! Whether the API server keeps the operator's ServiceAccount from tokens that it takes itself: by a
//! ValidatingAdmissionPolicy, as the chart makes one. Such a policy is read, not tried; it is nobody's but the chart's or
//! the administrator's, so its expressions are looked through for names, and not evaluated.

use anyhow::Context as _;
use claviger_operator::preflight::issuer;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicySpec,
};
use kube::api::ListParams;
use kube::{Api, Client};

use super::finding::Finding;

const CHECK: &str = "tokens";
const PAGE: &str = "docs/security.md";

/// Looks; `user` is the operator's name to the API server.
pub(super) async fn look(client: &Client, user: &str) -> Finding {
    let finding = match all(client, user).await {
        Ok(finding) => finding,
        Err(error) => Finding::not_looked(CHECK, &error),
    };
    finding.with_see(PAGE)
}

async fn all(client: &Client, user: &str) -> anyhow::Result<Finding> {
    let (policies, bindings) = (
        listed::<ValidatingAdmissionPolicy>(client).await?,
        listed::<ValidatingAdmissionPolicyBinding>(client).await?,
    );
    // What an API server takes for its own audience, unless it was told another.
    let audience = issuer(client).await.context("the API server's issuer cannot be read")?;
    Ok(judge(&policies, &bindings, user, &audience))
}

/// None, where that kind is not served (before Kubernetes 1.30).
async fn listed<K>(client: &Client) -> anyhow::Result<Vec<K>>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let kind = K::kind(&());
    match Api::<K>::all(client.clone()).list(&ListParams::default()).await {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("objects of kind {kind} cannot be listed")))
        }
    }
}

fn judge(
    policies: &[ValidatingAdmissionPolicy],
    bindings: &[ValidatingAdmissionPolicyBinding],
    user: &str,
    audience: &str,
) -> Finding {
    let denies = |policy: &ValidatingAdmissionPolicy| {
        bindings.iter().map(|binding| &binding.spec).any(|binding| {
            Some(&binding.policy_name) == policy.metadata.name.as_ref()
                && binding.validation_actions.iter().any(|action| action == "Deny")
        })
    };
    let about: Vec<_> = policies
        .iter()
        .filter(|policy| denies(policy))
        .filter_map(|policy| policy.spec.as_ref())
        .filter(|spec| is_about(spec, user))
        .collect();
    let risk = "whoever may write SecretStores can have such a token of any ServiceAccount of the namespace sent to a server of \
                his, by the provider vault or a Plugin with the grant apiServerAudience";
    if about.is_empty() {
        let message = format!("no policy keeps {user} from tokens that the API server takes itself: {risk}");
        let remedy = "have the chart make it (tokenRequests.restrict, Kubernetes 1.30), or make a Plugin vault without \
                      apiServerAudience among its grants";
        return Finding::warning(CHECK, message).with_remedy(remedy);
    }
    let says = |spec: &&ValidatingAdmissionPolicySpec| {
        let mut expressions = spec.validations.iter().flatten().map(|validation| &validation.expression);
        expressions.any(|expression| quotes(expression, audience))
    };
    if about.iter().any(says) {
        let message =
            format!("a policy keeps {user} from tokens for {audience}, which the API server takes itself");
        return Finding::ok(CHECK, message);
    }
    let message = format!(
        "the policy about tokens of {user} does not name {audience}, which the API server takes itself: {risk}"
    );
    let remedy = format!(
        "add {audience} to tokenRequests.apiServerAudience.audiences of the chart, with those that are there"
    );
    Finding::warning(CHECK, message).with_remedy(remedy)
}

/// Whether that text stands in an expression as it is.
fn quotes(expression: &str, text: &str) -> bool {
    expression.contains(&format!("\"{text}\"")) || expression.contains(&format!("'{text}'"))
}

/// Whether it is about requests of that user for tokens.
fn is_about(spec: &ValidatingAdmissionPolicySpec, user: &str) -> bool {
    let has = |list: &Option<Vec<String>>, wanted: &[&str]| {
        list.iter().flatten().any(|one| wanted.contains(&one.as_str()))
    };
    let rules =
        spec.match_constraints.iter().flat_map(|constraints| constraints.resource_rules.iter().flatten());
    let mut rules = rules.filter(|rule| {
        has(&rule.api_groups, &["", "*"])
            && has(&rule.resources, &["serviceaccounts/token", "serviceaccounts/*", "*/*"])
            && has(&rule.operations, &["CREATE", "*"])
    });
    let mut conditions = spec.match_conditions.iter().flatten();
    let everybody = spec.match_conditions.as_ref().is_none_or(Vec::is_empty);
    rules.next().is_some() && (everybody || conditions.any(|condition| quotes(&condition.expression, user)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::super::finding::Level;
    use super::*;

    const USER: &str = "system:serviceaccount:claviger-system:claviger";
    const AUDIENCE: &str = "https://issuer.example";

    /// Of the chart's form.
    fn policy(resource: &str, user: &str, expression: &str) -> Value {
        json!([{
            "metadata": {"name": "p"},
            "spec": {
                "matchConstraints": {"resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}]},
                "matchConditions": [{"name": "who", "expression": format!("request.userInfo.username == '{user}'")}],
                "validations": [{"expression": expression}],
            },
        }])
    }

    fn binding(name: &str, action: &str) -> Value {
        json!([{"metadata": {"name": "b"}, "spec": {"policyName": name, "validationActions": [action]}}])
    }

    #[test]
    fn a_policy_has_to_deny_name_the_operator_and_name_the_audience() {
        let token = "serviceaccounts/token";
        let named = format!(r#"!variables.audiences.exists(audience, audience in ["vault","{AUDIENCE}"])"#);
        let good = policy(token, USER, &named);
        let cases = [
            (json!([]), json!([]), Level::Warning, "no policy keeps"),
            (good.clone(), binding("p", "Deny"), Level::Ok, "a policy keeps"),
            (good.clone(), binding("p", "Audit"), Level::Warning, "no policy keeps"),
            (good.clone(), binding("another", "Deny"), Level::Warning, "no policy keeps"),
            (good, json!([]), Level::Warning, "no policy keeps"),
            (policy("secrets", USER, &named), binding("p", "Deny"), Level::Warning, "no policy keeps"),
            (policy(token, "somebody", &named), binding("p", "Deny"), Level::Warning, "no policy keeps"),
            (
                policy(token, USER, &format!("!(audience in ['{AUDIENCE}/other'])")),
                binding("p", "Deny"),
                Level::Warning,
                "does not name https://issuer.example",
            ),
        ];
        for (policies, bindings, level, words) in cases {
            let shown = format!("{policies} {bindings}");
            let policies: Vec<_> = serde_json::from_value(policies).unwrap();
            let bindings: Vec<_> = serde_json::from_value(bindings).unwrap();
            let found = judge(&policies, &bindings, USER, AUDIENCE);
            assert!(found.level == level && found.message.contains(words), "{shown}: {found:?}");
        }
    }
}
