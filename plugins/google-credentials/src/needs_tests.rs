//! What is asked for in which round, and what it comes to. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::{Value, json};

use super::*;
use crate::credential::TokenUrl;
use crate::key::tests::file as key_file;
use crate::source::Places;

const PLACES: Places = Places { auth: "/auth", projects: &["/projectID", "/projectId"], plugin: "gcpsm" };
const EMAIL: &str = "gsa@p.iam.gserviceaccount.com";

fn access(config: Value) -> Access {
    Access::parse(&config, PLACES).unwrap()
}

/// What the host has: by slot a text, `None` if it is absent, or the annotations of an account.
fn have(slots: &[(&str, Option<&str>)], annotation: Option<&str>) -> Vec<SlotValue> {
    let annotations = || {
        let of = |value: &str| Annotation { name: EMAIL_ANNOTATION.to_owned(), value: value.to_owned() };
        annotation.into_iter().map(of).collect()
    };
    let value = |slot: &str, text: Option<&str>| match (slot, text) {
        (ACCOUNT, _) => Resolved::Account(annotations()),
        (_, Some(text)) => Resolved::Bytes(text.as_bytes().to_vec()),
        (_, None) => Resolved::Absent,
    };
    slots
        .iter()
        .map(|(slot, text)| SlotValue { slot: (*slot).to_owned(), value: value(slot, *text) })
        .collect()
}

/// Needs as short texts: kind, place or name, and what is particular.
fn said(needs: Result<Vec<Need>, Error>) -> Vec<String> {
    let say = |need: Need| match need {
        Need::Object(need) => {
            let key = need.default_key.unwrap_or_default();
            format!("object {} {key}{}", need.at, if need.optional { "?" } else { "" })
        }
        Need::Account(need) => format!("account {}", need.at),
        Need::Token(need) => {
            assert_eq!((need.audiences_at, need.expiration_seconds), (None, Some(900)));
            format!("token {} {}", need.at, need.audiences.join(" "))
        }
        Need::Ambient(need) => {
            assert!(need.optional);
            format!("{:?} {}", need.kind, need.name)
        }
    };
    match needs {
        Ok(needs) => needs.into_iter().map(say).collect(),
        Err(Error::InvalidConfig(error)) => vec![format!("{}: {}", error.path, error.detail)],
        Err(other) => vec![format!("{other:?}")],
    }
}

#[test]
fn first_rounds() {
    let wif = "/auth/workloadIdentityFederation";
    let sa = json!({"name": "sa", "audiences": ["x"]});
    let project_id = "AmbientKind::GcpMetadata project-id";
    for (auth, project, expected) in [
        (
            json!({"secretRef": {"secretAccessKey": {"name": "k"}}}),
            false,
            vec!["object /auth/secretRef/secretAccessKey ".to_owned()],
        ),
        (
            json!({}),
            true,
            vec!["AmbientKind::FileByEnv GOOGLE_APPLICATION_CREDENTIALS".to_owned(), project_id.to_owned()],
        ),
        (
            json!({"workloadIdentityFederation": {"serviceAccountRef": sa, "audience": "//iam/p"}}),
            true,
            vec![
                format!("token {wif}/serviceAccountRef x"),
                format!("account {wif}/serviceAccountRef"),
                project_id.to_owned(),
            ],
        ),
        (
            json!({"workloadIdentityFederation": {"serviceAccountRef": {"name": "sa", "audiences": ["y", "x"]},
                "audience": "//iam/p", "gcpServiceAccountEmail": EMAIL}}),
            false,
            vec![format!("token {wif}/serviceAccountRef y x")],
        ),
        (
            json!({"workloadIdentityFederation": {"serviceAccountRef": {"name": "sa", "audiences": []},
                "audience": "//iam/p", "gcpServiceAccountEmail": EMAIL}}),
            false,
            vec![format!("token {wif}/serviceAccountRef //iam/p")],
        ),
        (
            json!({"workloadIdentityFederation": {"credConfig": {"name": "c", "key": "k"}}}),
            false,
            vec![format!("object {wif}/credConfig ")],
        ),
        (
            json!({"workloadIdentityFederation": {"audience": "a", "awsSecurityCredentials":
                {"region": "r", "awsCredentialsSecretRef": {"name": "s"}}}}),
            false,
            ["aws_access_key_id", "aws_secret_access_key", "aws_session_token?"]
                .map(|key| format!("object {wif}/awsSecurityCredentials/awsCredentialsSecretRef {key}"))
                .to_vec(),
        ),
    ] {
        assert_eq!(said(access(json!({"auth": auth})).needs(project, &[])), expected, "{auth}");
    }
}

/// The cluster from the config, else from the metadata server; the project in the end from the store.
#[test]
fn rounds_of_a_gke_cluster() {
    let at = "/auth/workloadIdentity";
    let account = format!("account {at}/serviceAccountRef");
    let token = |project: &str| vec![format!("token {at}/serviceAccountRef {project}.svc.id.goog more")];
    let needed = |field: &str, name: &str| {
        vec![format!(
            "{at}/{field}: it is needed, or have the metadata server's granted (spec.grants.ambient of the Plugin gcpsm: {{kind: gcpMetadata, name: {name}}})"
        )]
    };
    let number = || {
        vec![format!(
            "{at}/clusterProjectID: \"123456789012\" is not the id of a project, by which the cluster's identity pool is named: give the id here, not the number"
        )]
    };
    let sa = json!({"name": "sa", "audiences": ["more"]});
    let whole = json!({"serviceAccountRef": sa, "clusterProjectID": "cp", "clusterLocation": "l", "clusterName": "c"});
    let store =
        |wi: &Value, project: &str| access(json!({"projectID": project, "auth": {"workloadIdentity": wi}}));
    let known = store(&whole, "p");
    assert_eq!(said(known.needs(false, &[])), [account.as_str()]);
    let all = have(&[(ACCOUNT, None)], None);
    assert_eq!(said(known.needs(false, &all)), token("cp"));
    let mut numbered = whole.clone();
    numbered["clusterProjectID"] = json!("123456789012");
    assert_eq!(said(store(&numbered, "p").needs(false, &all)), number());
    // The seed's store names no project of the cluster.
    let bare = json!({"serviceAccountRef": sa});
    let open = store(&bare, "p");
    assert_eq!(
        said(open.needs(true, &[])),
        [
            account.as_str(),
            "AmbientKind::GcpMetadata project-id",
            "AmbientKind::GcpMetadata cluster-location",
            "AmbientKind::GcpMetadata cluster-name"
        ]
    );
    for (project, location, cluster, store_project, expected) in [
        (Some("mp\n"), Some("l"), Some("c"), "p", token("mp")),
        (None, Some("l"), Some("c"), "p", token("p")),
        (None, Some("l"), Some("c"), "", needed("clusterProjectID", "project-id")),
        (Some("mp"), None, Some("c"), "p", needed("clusterLocation", "cluster-location")),
        (Some("mp"), Some("l"), None, "p", needed("clusterName", "cluster-name")),
        (
            Some("m/p"),
            Some("l"),
            Some("c"),
            "p",
            vec![format!("{at}/clusterProjectID: \"m/p\" is no project-id")],
        ),
        // A number names the store's project, and no identity pool.
        (None, Some("l"), Some("c"), "123456789012", number()),
        (Some("mp"), Some("l"), Some("c"), "123456789012", token("mp")),
    ] {
        let have =
            have(&[(ACCOUNT, None), (PROJECT, project), (LOCATION, location), (CLUSTER, cluster)], None);
        assert_eq!(said(store(&bare, store_project).needs(true, &have)), expected, "{project:?}");
    }
    let odd = have(&[(ACCOUNT, None)], Some("../x@p.iam.gserviceaccount.com"));
    assert!(said(known.needs(false, &odd))[0].starts_with(&format!("{at}/serviceAccountRef: ")));
}

#[test]
fn what_a_session_comes_to() {
    let wi = json!({"serviceAccountRef": {"name": "sa"}, "clusterProjectID": "cp", "clusterLocation": "l", "clusterName": "c"});
    let gke = access(json!({"auth": {"workloadIdentity": wi}}));
    for (annotation, acting) in
        [(None, None), (Some(" "), None), (Some(EMAIL), Some(Impersonation::of(EMAIL)))]
    {
        let have = have(&[(ACCOUNT, None), (ACCOUNT_TOKEN, Some("k8s\n"))], annotation);
        let credential = Credential::Binding {
            token: Hidden("k8s".to_owned()),
            pool: "cp.svc.id.goog".to_owned(),
            provider: "https://container.googleapis.com/v1/projects/cp/locations/l/clusters/c".to_owned(),
        };
        assert_eq!(gke.plan(&have).unwrap(), Plan::of(credential, acting));
    }
    let federation = |more: Value| {
        let mut federation = json!({"audience": "//iam/p"});
        federation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        access(json!({"auth": {"workloadIdentityFederation": federation}}))
    };
    // Of ESO's updateServiceAccountImpersonationURL: the field before the annotation.
    let slots =
        have(&[(ACCOUNT, None), (ACCOUNT_TOKEN, Some("k8s"))], Some("annotated@p.iam.gserviceaccount.com"));
    for (email, expected) in [(Some(EMAIL), EMAIL), (None, "annotated@p.iam.gserviceaccount.com")] {
        let by = federation(json!({"serviceAccountRef": {"name": "sa"}, "gcpServiceAccountEmail": email}));
        let plan = by.plan(&slots).unwrap();
        assert_eq!(plan.impersonation.map(|acting| acting.email).as_deref(), Some(expected));
    }
    let aws = json!({"region": "r", "awsCredentialsSecretRef": {"name": "s"}});
    let slots = have(&[(AWS_ID, Some("id\n")), (AWS_SECRET, Some("secret")), (AWS_SESSION, None)], None);
    let plan = federation(json!({"awsSecurityCredentials": aws})).plan(&slots).unwrap();
    let Credential::Exchange(exchange) = plan.credential else { panic!() };
    let subject = Shown::Aws {
        region: "r".to_owned(),
        id: "id".to_owned(),
        secret: Hidden("secret".to_owned()),
        session: None,
    };
    assert_eq!((exchange.token_type.as_str(), exchange.subject), (aws::TOKEN_TYPE, subject));
    let config = json!({"type": "external_account", "credential_source": {"url": "https://t/x"},
        "quota_project_id": "another"});
    let config = config.to_string();
    let slots = have(&[(CONFIG, Some(&config))], None);
    let by =
        federation(json!({"credConfig": {"name": "c", "key": "k"}, "externalTokenEndpoint": "https://t/x"}));
    let plan = by.plan(&slots).unwrap();
    assert_eq!(plan.quota_project, None, "who pays is no store's to say");
    let Credential::Exchange(exchange) = plan.credential else { panic!() };
    assert!(matches!(exchange.subject, Shown::Url(TokenUrl { url, .. }) if url == "https://t/x"));
}

/// The file first, as Google's libraries; else the metadata server's token, which needs no login.
#[test]
fn the_operators_own() {
    let ambient = access(json!({}));
    let asked = |have: &[SlotValue]| said(ambient.needs(false, have));
    assert_eq!(asked(&[]), ["AmbientKind::FileByEnv GOOGLE_APPLICATION_CREDENTIALS"]);
    assert_eq!(asked(&have(&[(FILE, None)], None)), ["AmbientKind::GcpMetadata access-token"]);
    assert_eq!(asked(&have(&[(FILE, Some("{}"))], None)), Vec::<String>::new());
    let (file, token) =
        (key_file().to_string(), r#"{"access_token":"ya29.t","expires_in":3599,"token_type":"Bearer"}"#);
    for (file, token, ready) in [(Some(file.as_str()), Some(token), false), (None, Some(token), true)] {
        let plan = ambient.plan(&have(&[(FILE, file), (TOKEN, token)], None)).unwrap();
        assert_eq!(plan.is_ready(), ready, "{plan:?}");
    }
    let none = ambient.plan(&have(&[(FILE, None), (TOKEN, None)], None)).unwrap_err();
    let Error::InvalidConfig(error) = none else { panic!("{none:?}") };
    assert_eq!(error.path, "/auth");
    for part in ["Plugin gcpsm", "access-token", "GOOGLE_APPLICATION_CREDENTIALS"] {
        assert!(error.detail.contains(part), "{}", error.detail);
    }
    let odd = ambient.plan(&have(&[(FILE, None), (TOKEN, Some("<html>"))], None));
    assert!(matches!(odd, Err(Error::Unauthenticated(_))));
    for (found, expected) in [(Some("p\n"), Ok(Some("p"))), (None, Ok(None)), (Some("p/../x"), Err(()))] {
        let found = project_id(&have(&[(PROJECT, found)], None));
        assert_eq!(found.as_ref().map(|found| found.as_deref()).map_err(|_| ()), expected);
    }
}
