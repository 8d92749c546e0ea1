//! What a message of the queue is about: EventBridge's events of Secrets Manager and Parameter Store, as they are or in a
//! notification of SNS. Only what writes counts: our own reads are told of too, and would go round for ever.
//!
//! A message may be anybody's who may write into the queue. It names keys, and is believed no further.

use aws_credentials::Service;
use serde::Deserialize;
use serde_json::Value;

/// Keys of one message.
const MOST: usize = 16;

/// Bytes of a key: an ARN has 2048 at most.
const LONGEST: usize = 2048;

/// "Logging AWS Secrets Manager events with AWS CloudTrail": the entries of what changes a secret, or its metadata.
const WRITES: [&str; 16] = [
    "CancelRotateSecret",
    "CreateSecret",
    "DeleteSecret",
    "EndSecretVersionDelete",
    "PutSecretValue",
    "RemoveRegionsFromReplication",
    "ReplicateSecretToRegions",
    "ReplicationSucceeded",
    "RestoreSecret",
    "RotateSecret",
    "RotationSucceeded",
    "SecretVersionDeletion",
    "TagResource",
    "UntagResource",
    "UpdateSecret",
    "UpdateSecretVersionStage",
];

#[derive(Deserialize)]
struct Event {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Value,
}

/// The keys that a message says may have changed, of a store of that service: names and ARNs. None: it is about nothing of
/// that, or nothing that is understood.
pub fn changed(body: &str, service: Service) -> Vec<String> {
    let Ok(message) = serde_json::from_str::<Value>(body) else { return Vec::new() };
    // "Amazon SNS message format": without raw delivery the event is a text in it.
    let wrapped = match (&message["Type"], &message["Message"]) {
        (Value::String(kind), Value::String(inner)) if kind == "Notification" => {
            serde_json::from_str(inner).ok()
        }
        _ => Some(message),
    };
    let event = wrapped.and_then(|message| serde_json::from_value::<Event>(message).ok());
    let Some(Event { source, detail_type, detail }) = event else { return Vec::new() };
    let keys = match (source.as_str(), service) {
        ("aws.secretsmanager", Service::SecretsManager) => secret(&detail),
        ("aws.ssm", Service::Ssm) if detail_type == "Parameter Store Change" => vec![&detail["name"]],
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for key in keys.into_iter().filter_map(Value::as_str) {
        if !key.is_empty() && key.len() <= LONGEST && !found.iter().any(|known| known == key) {
            found.push(key.to_owned());
        }
    }
    found.truncate(MOST);
    found
}

/// CloudTrail's record of a call, or of what the service did by itself: who is meant stands in one of these places.
fn secret(detail: &Value) -> Vec<&Value> {
    let wrote = detail["eventName"].as_str().is_some_and(|name| WRITES.contains(&name));
    let failed = detail.get("errorCode").is_some_and(|code| !code.is_null());
    if !wrote || failed {
        return Vec::new();
    }
    [
        "/requestParameters/secretId",
        "/requestParameters/name",
        "/responseElements/arn",
        "/responseElements/aRN",
        "/responseElements/name",
        "/additionalEventData/SecretId",
        "/additionalEventData/secretId",
    ]
    .into_iter()
    .filter_map(|place| detail.pointer(place))
    .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf";

    fn cloud_trail(name: &str, rest: Value) -> Value {
        let mut detail =
            json!({"eventVersion": "1.08", "eventSource": "secretsmanager.amazonaws.com", "eventName": name});
        for (field, value) in rest.as_object().into_iter().flatten() {
            detail[field] = value.clone();
        }
        json!({
            "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "source": "aws.secretsmanager",
            "detail-type": "AWS API Call via CloudTrail", "account": "111122223333", "region": "us-east-1",
            "time": "2026-01-05T09:41:13Z", "resources": [], "detail": detail,
        })
    }

    fn parameter(operation: &str) -> Value {
        json!({
            "version": "0", "id": "9547ef2d-3b7e-4057-b6cb-5fdf09ee7c8f", "source": "aws.ssm",
            "detail-type": "Parameter Store Change", "account": "111122223333", "region": "us-east-1",
            "resources": ["arn:aws:ssm:us-east-1:111122223333:parameter/shop/db"],
            "detail": {"operation": operation, "name": "/shop/db", "type": "SecureString", "description": ""},
        })
    }

    /// Shapes of the user guides: "Match Secrets Manager events with EventBridge", "Monitoring Systems Manager events with
    /// Amazon EventBridge", "Amazon SNS message format".
    #[test]
    fn what_messages_are_about() {
        let put = cloud_trail(
            "PutSecretValue",
            json!({
            "requestParameters": {"secretId": "shop/db", "clientRequestToken": "x"}, "responseElements": {"arn": ARN}}),
        );
        let rotated = cloud_trail(
            "RotationSucceeded",
            json!({
            "requestParameters": null, "responseElements": null, "additionalEventData": {"SecretId": ARN}}),
        );
        let created = cloud_trail("CreateSecret", json!({"requestParameters": {"name": "shop/db"}}));
        let read = cloud_trail("GetSecretValue", json!({"requestParameters": {"secretId": "shop/db"}}));
        let batch =
            cloud_trail("BatchGetSecretValue", json!({"requestParameters": {"secretIdList": ["shop/db"]}}));
        let denied = cloud_trail(
            "DeleteSecret",
            json!({
            "errorCode": "AccessDenied", "requestParameters": {"secretId": "shop/db"}}),
        );
        let topic = json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111122223333:t",
                           "Message": put.to_string(), "Timestamp": "2026-01-05T09:41:13Z"});
        let twice = json!({"Type": "Notification", "Message": topic.to_string()});
        let (secrets, parameters) = (Service::SecretsManager, Service::Ssm);
        #[rustfmt::skip]
        let cases: Vec<(&str, String, Service, Vec<&str>)> = vec![
            ("a put", put.to_string(), secrets, vec!["shop/db", ARN]),
            ("a rotation", rotated.to_string(), secrets, vec![ARN]),
            ("a new one", created.to_string(), secrets, vec!["shop/db"]),
            ("a read of ours", read.to_string(), secrets, vec![]),
            ("reads of ours", batch.to_string(), secrets, vec![]),
            ("one that came to nothing", denied.to_string(), secrets, vec![]),
            ("by a topic", topic.to_string(), secrets, vec!["shop/db", ARN]),
            ("by two topics", twice.to_string(), secrets, vec![]),
            ("of the other service", put.to_string(), parameters, vec![]),
            ("a parameter", parameter("Update").to_string(), parameters, vec!["/shop/db"]),
            ("a parameter that goes", parameter("Delete").to_string(), parameters, vec!["/shop/db"]),
            ("a parameter, of the other service", parameter("Update").to_string(), secrets, vec![]),
            ("another source", put.to_string().replace("aws.secretsmanager", "mine"), secrets, vec![]),
            ("a test of SNS", json!({"Type": "SubscriptionConfirmation", "Message": "x"}).to_string(), secrets, vec![]),
            ("no object", "[1, 2]".to_owned(), secrets, vec![]),
            ("no JSON", "hello".to_owned(), secrets, vec![]),
            ("nothing", String::new(), secrets, vec![]),
            ("deep", "[".repeat(100_000), secrets, vec![]),
            ("a key that is no text", cloud_trail("PutSecretValue", json!({"requestParameters": {"secretId": {"a": 1}}})).to_string(), secrets, vec![]),
            ("a key that is too long", cloud_trail("PutSecretValue", json!({"requestParameters": {"secretId": "x".repeat(LONGEST + 1)}})).to_string(), secrets, vec![]),
        ];
        for (what, body, service, expected) in cases {
            assert_eq!(changed(&body, service), expected, "{what}");
        }
    }
}
