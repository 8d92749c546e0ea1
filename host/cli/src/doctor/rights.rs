//! Which rights are missing, for the operator's ServiceAccount or for whoever asks: the API server is asked about each of
//! the operator's own table (`claviger_operator::rights`). What is missing is printed as roles that give it.

use std::collections::BTreeMap;

use claviger_operator::config::OperatorConfig;
use claviger_operator::rights::{self, Account, Place, Purpose, Right};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};

use super::finding::{Finding, Level, yaml};
use super::objects::Target;

const CHECK: &str = "rights";
/// Questions at once.
const AT_ONCE: usize = 8;
/// The roles that are printed: no names of what is installed, which they would replace.
const MISSING: &str = "claviger-missing";
const MISSING_FEATURES: &str = "claviger-missing-features";

/// Whose rights are asked for.
pub(super) struct Whom {
    shown: String,
    account: Option<Account>,
    /// Another than who asks.
    other: bool,
    /// The API server says that there is no such ServiceAccount: a name or a namespace that was not meant.
    absent: bool,
}

impl Whom {
    /// Its name to the API server.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The ServiceAccount of that name in the operator's namespace, or who asks.
    pub(super) async fn of(client: &Client, config: &OperatorConfig, account: Option<&str>) -> Self {
        if let Some(name) = account {
            let account = Account { namespace: config.operator_namespace.clone(), name: name.to_owned() };
            let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &account.namespace);
            let absent = matches!(api.get_metadata_opt(name).await, Ok(None));
            return Self { shown: user(&account), account: Some(account), other: true, absent };
        }
        let api: Api<SelfSubjectReview> = Api::all(client.clone());
        let answer = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let user = answer.ok().and_then(|review| review.status?.user_info?.username);
        let account = user.as_deref().and_then(parse_user);
        Self { shown: user.unwrap_or_else(|| "who asks".to_owned()), account, other: false, absent: false }
    }
}

fn user(Account { namespace, name }: &Account) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

fn parse_user(user: &str) -> Option<Account> {
    let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(Account { namespace: namespace.to_owned(), name: name.to_owned() })
}

/// The roles that give all rights, as YAML.
pub(super) fn all(config: &OperatorConfig, account: Option<&str>) -> String {
    let account =
        account.map(|name| Account { namespace: config.operator_namespace.clone(), name: name.to_owned() });
    let rights = rights::rights(config, account.as_ref());
    yaml(&rights::manifests(&rights, "claviger", account.as_ref()))
}

/// Asks for all of them.
pub(super) async fn look(client: &Client, config: &OperatorConfig, whom: &Whom) -> Vec<Finding> {
    if let Some(account) = whom.account.as_ref().filter(|_| whom.absent) {
        return vec![not_there(account)];
    }
    let wanted = rights::rights(config, whom.account.as_ref());
    match missing(client, whom, &wanted).await {
        Ok(missing) if missing.is_empty() => {
            vec![Finding::ok(CHECK, format!("{} has all {} that are needed", whom.shown, wanted.len()))]
        }
        Ok(missing) => judge(&missing, wanted.len(), whom),
        Err(error) => vec![not_asked(error, whom)],
    }
}

/// Asks for those that targets other than Secrets take.
pub(super) async fn of_targets(client: &Client, whom: &Whom, targets: Vec<Target>) -> Vec<Finding> {
    if whom.absent {
        return Vec::new();
    }
    let each =
        targets.iter().map(|target| rights::of_targets(&target.group, &target.plural, &target.namespace));
    let wanted: Vec<Right> = each.flatten().collect();
    match missing(client, whom, &wanted).await {
        Ok(missing) if missing.is_empty() => Vec::new(),
        Ok(missing) => judge(&missing, wanted.len(), whom),
        Err(error) => vec![not_asked(error, whom)],
    }
}

/// No roles are printed for it: whoever applied them would give them to an account that nobody is, until somebody makes one.
fn not_there(Account { namespace, name }: &Account) -> Finding {
    let message = format!(
        "there is no ServiceAccount {name} in namespace {namespace}, so its rights are not asked for"
    );
    Finding::problem(CHECK, message).with_remedy(
        "correct --service-account, or name the operator's namespace by --operator-namespace (-n)",
    )
}

fn not_asked(error: kube::Error, whom: &Whom) -> Finding {
    let refused = matches!(&error, kube::Error::Api(status) if status.code == 403);
    let error = anyhow::Error::new(error).context("the API server does not say who may do what");
    let finding = Finding::not_looked(CHECK, &error);
    match refused && whom.other {
        true => finding.with_remedy(
            "--service-account takes the right to create subjectaccessreviews.authorization.k8s.io: ask as somebody who \
             has it, or with a kubeconfig of that ServiceAccount and without this flag",
        ),
        false => finding,
    }
}

async fn missing(client: &Client, whom: &Whom, wanted: &[Right]) -> Result<Vec<Right>, kube::Error> {
    let asked = wanted.iter().map(|right| async move {
        let allowed = ask(client, whom, right).await?;
        Ok::<_, kube::Error>((!allowed).then(|| right.clone()))
    });
    let answers: Vec<Option<Right>> = futures::stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

async fn ask(client: &Client, whom: &Whom, right: &Right) -> Result<bool, kube::Error> {
    let attributes = Some(attributes(right));
    let allowed = |status: Option<SubjectAccessReviewStatus>| status.is_some_and(|status| status.allowed);
    let params = PostParams::default();
    let Some(account) = whom.account.as_ref().filter(|_| whom.other) else {
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: attributes, ..Default::default() };
        let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        return Ok(allowed(api.create(&params, &review).await?.status));
    };
    let groups =
        ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{}", account.namespace)];
    let spec = SubjectAccessReviewSpec {
        resource_attributes: attributes,
        user: Some(user(account)),
        groups: Some(groups.into_iter().chain(["system:authenticated".to_owned()]).collect()),
        ..Default::default()
    };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    Ok(allowed(api.create(&params, &SubjectAccessReview { spec, ..Default::default() }).await?.status))
}

fn attributes(right: &Right) -> ResourceAttributes {
    ResourceAttributes {
        group: Some(right.group.clone()),
        resource: Some(right.resource.clone()),
        subresource: right.subresource.map(str::to_owned),
        verb: Some(right.verb.to_owned()),
        name: right.name.clone(),
        // None is all of them.
        namespace: match &right.place {
            Place::Everywhere => None,
            Place::Namespace(namespace) => Some(namespace.clone()),
        },
        ..ResourceAttributes::default()
    }
}

/// What is missing: one finding of what nothing goes well without, and one of the rest.
fn judge(missing: &[Right], of: usize, whom: &Whom) -> Vec<Finding> {
    let (needed, features): (Vec<Right>, Vec<Right>) =
        missing.iter().cloned().partition(|right| right.purpose.is_needed());
    let parts = [
        (needed, Level::Problem, "without which it does not work", MISSING),
        (features, Level::Warning, "without which a part of it does not work", MISSING_FEATURES),
    ];
    let found = parts.into_iter().filter(|(rights, ..)| !rights.is_empty());
    let finding = |(rights, level, what, name): (Vec<Right>, _, _, _)| {
        let message = format!("{} lacks {} of {of}, {what}", whom.shown, rights.len());
        let subject =
            if whom.account.is_some() { "" } else { ", and bind them to the operator's ServiceAccount" };
        let mut finding = Finding::new(CHECK, level, message)
            .with_details(lines(&rights))
            .with_remedy(format!("apply the roles {name} below{subject}"));
        finding.manifests = rights::manifests(&rights, name, whom.account.as_ref());
        finding
    };
    found.map(finding).collect()
}

/// By what they are for; verbs of one resource in one line.
fn lines(rights: &[Right]) -> Vec<String> {
    let mut purposes: BTreeMap<Purpose, BTreeMap<(String, String), Vec<&str>>> = BTreeMap::new();
    for right in rights {
        let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
        let name = right.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        let place = match &right.place {
            Place::Everywhere => String::new(),
            Place::Namespace(namespace) => format!(" in namespace {namespace}"),
        };
        let key = (format!("{}{group}", right.full_resource()), format!("{name}{place}"));
        purposes.entry(right.purpose).or_default().entry(key).or_default().push(right.verb);
    }
    let mut lines = Vec::new();
    for (purpose, resources) in purposes {
        let spared = purpose.spared_by().map_or(String::new(), |flag| format!(" (not needed with {flag})"));
        lines.push(format!("{}{spared}:", purpose.says()));
        lines.extend(
            resources
                .iter()
                .map(|((resource, rest), verbs)| format!("  {} {resource}{rest}", verbs.join(", "))),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whom() -> Whom {
        let account = Account { namespace: "ops".to_owned(), name: "c".to_owned() };
        Whom { shown: user(&account), account: Some(account), other: true, absent: false }
    }

    #[test]
    fn what_is_needed_and_what_is_for_a_part_are_two_findings() {
        let config = OperatorConfig::default();
        let all = rights::rights(&config, None);
        let wanted = [Purpose::SpreadPush, Purpose::Accounts, Purpose::ApiServer];
        let missing: Vec<Right> = all.into_iter().filter(|right| wanted.contains(&right.purpose)).collect();
        let found = judge(&missing, 90, &whom());
        let levels: Vec<_> = found.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Problem, Level::Warning]);
        let expected = [
            "ClusterPushSecrets (not needed with --enable-cluster-push-secret-reconciler=false):",
            "  get, list, watch clusterpushsecrets.external-secrets.io",
            "  patch clusterpushsecrets/status.external-secrets.io",
            "  create, delete pushsecrets.external-secrets.io",
        ];
        assert_eq!(found[0].details, expected);
        let expected = [
            "stores that log in as a ServiceAccount:",
            "  get serviceaccounts",
            "  create serviceaccounts/token",
            "keeping stores from the API server's addresses:",
            "  list, watch endpointslices.discovery.k8s.io in namespace default",
            "  get services kubernetes in namespace default",
        ];
        assert_eq!(found[1].details, expected);
        assert!(found[0].message.starts_with("system:serviceaccount:ops:c lacks 6 of 90, "), "{found:?}");
        let kinds: Vec<_> =
            found[1].manifests.iter().map(|one| one["kind"].as_str().unwrap_or_default()).collect();
        assert_eq!(kinds, ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]);
    }

    #[test]
    fn a_user_that_is_an_account_is_known_as_one() {
        let account = whom().account;
        assert_eq!(parse_user("system:serviceaccount:ops:c"), account);
        for other in ["admin", "system:serviceaccount:ops", "system:node:a"] {
            assert_eq!(parse_user(other), None, "{other}");
        }
    }
}
