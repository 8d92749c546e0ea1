//! Whether a store works: whether whoever it asks as may get Secrets of the namespace. As ESO: by the list of rights, and
//! where that does not have it, by the question itself, since authorizers need not have a list.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Health;
use serde_json::{Value, json};

use crate::answer;
use crate::client::{Ask, Client, JSON};
use crate::refusal::{Asked, right};

/// The check.
///
/// # Errors
/// What keeps the store from working.
pub fn check(client: &Client<'_>) -> Result<Health, Error> {
    let namespace = client.config.namespace.as_str();
    let rules = client.one(review(
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        json!({"namespace": namespace}),
    ));
    match rules {
        Ok(reply) if answer::may_get(&reply.body)? => return Ok(Health::Ready),
        // It may not be asked, or says nothing of it.
        Ok(_) | Err(Error::Denied(_)) => {}
        Err(error) => return Err(error),
    }
    let asked = json!({"resourceAttributes": {"namespace": namespace, "verb": "get", "resource": "secrets"}});
    match client.one(review("SelfSubjectAccessReview", "selfsubjectaccessreviews", asked)) {
        Ok(reply) if answer::is_allowed(&reply.body)? => Ok(Health::Ready),
        Ok(_) => Err(Error::Denied(format!("the right to {} is needed", right("get", namespace)))),
        // Known, and reads may work all the same.
        Err(Error::Denied(detail)) => Ok(Health::Unknown(detail)),
        Err(error) => Err(error),
    }
}

fn review(kind: &str, resource: &'static str, spec: Value) -> Ask {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
    Ask {
        path: format!("/apis/authorization.k8s.io/v1/{resource}"),
        accept: JSON,
        body: Some(body.to_string()),
        asked: Asked::Review(resource),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::request::Reply;
    use claviger_plugin_sdk::testing::{Host, kind};

    use super::*;
    use crate::fake::{said, session, status};

    const LIST: &str = "selfsubjectrulesreviews";
    const QUESTION: &str = "selfsubjectaccessreviews";

    fn rules(verb: &str) -> Reply {
        let rule = json!({"verbs": [verb], "apiGroups": [""], "resources": ["secrets"]});
        said(201, &json!({"status": {"resourceRules": [rule], "incomplete": false}}).to_string())
    }

    fn access(allowed: bool) -> Reply {
        said(201, &json!({"status": {"allowed": allowed}}).to_string())
    }

    fn refused(code: u16, reason: &str) -> Reply {
        said(code, &status(code, reason, "x", Value::Null))
    }

    fn forbidden(resource: &str) -> Reply {
        let details = json!({"kind": resource, "group": "authorization.k8s.io"});
        said(403, &status(403, "Forbidden", "x", details))
    }

    #[test]
    fn by_the_list_and_by_the_question() {
        for (list, question, expected, asked) in [
            (rules("get"), access(false), "ready", 1),
            (rules("list"), access(true), "ready", 2),
            (rules("list"), access(false), "denied", 2),
            (forbidden(LIST), access(true), "ready", 2),
            (forbidden(LIST), access(false), "denied", 2),
            (forbidden(LIST), forbidden(QUESTION), "unknown", 2),
            (refused(403, "Forbidden"), access(true), "other", 1),
            (refused(401, "Unauthorized"), access(true), "unauthenticated", 1),
            (refused(500, "InternalError"), access(true), "unavailable", 1),
            (refused(429, "TooManyRequests"), access(true), "rate-limited", 1),
            (refused(404, "NotFound"), access(true), "other", 1),
            (said(200, "<html>"), access(true), "other", 1),
            (rules("list"), said(200, "<html>"), "other", 2),
        ] {
            let fake = Host::new(|request| {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let (_, resource) = request.url.rsplit_once('/').unwrap();
                assert_eq!(request.method, "POST");
                match resource {
                    LIST => {
                        assert_eq!(body["spec"], json!({"namespace": "team-b"}));
                        list.clone()
                    }
                    QUESTION => {
                        let attributes = json!({"namespace": "team-b", "verb": "get", "resource": "secrets"});
                        assert_eq!(body["spec"]["resourceAttributes"], attributes);
                        question.clone()
                    }
                    other => panic!("{other}"),
                }
            });
            let session = session(&fake);
            let found = check(&Client::new(&session).unwrap());
            let told = match &found {
                Ok(Health::Ready) => "ready",
                Ok(Health::Unknown(_)) => "unknown",
                Err(_) => kind(&found),
            };
            assert_eq!((told, fake.count()), (expected, asked), "{list:?} {question:?}");
            if let Err(Error::Denied(text)) = found {
                assert_eq!(text, "the right to get secrets in namespace team-b is needed");
            }
        }
    }
}
