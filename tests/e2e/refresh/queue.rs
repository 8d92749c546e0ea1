//! A queue of AWS's that tells of changes: what a message refreshes, that it is taken off the queue, and that nothing in it
//! keeps the others.

use std::time::Instant;

use claviger_testenv::Mark;
use serde_json::{Value, json};

use crate::support::{Account, Operator, World, allow, world};

const REGION: &str = "eu-central-1";

/// The account of the administrator whom the tests' calls are made as.
const ACCOUNT: &str = "123456789012";

/// EventBridge's event of a call that CloudTrail recorded.
fn event(name: &str, secret: &str) -> String {
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "source": "aws.secretsmanager",
        "detail-type": "AWS API Call via CloudTrail", "account": ACCOUNT, "region": REGION,
        "detail": {"eventSource": "secretsmanager.amazonaws.com", "eventName": name,
                   "requestParameters": {"secretId": secret}},
    })
    .to_string()
}

struct Queue<'a> {
    account: Account<'a>,
    name: String,
    /// As boto3 has it, whose host is the test's.
    made: String,
}

impl<'a> Queue<'a> {
    fn new(world: &'a World) -> Self {
        let account = Account::new(world, REGION);
        let made = account.call("sqs", "CreateQueue", json!({"QueueName": world.name}));
        let made = made["QueueUrl"].as_str().unwrap().to_owned();
        Self { account, name: world.name.clone(), made }
    }

    /// As a manifest has it.
    fn url(&self) -> String {
        format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{}", self.name)
    }

    /// The right to listen.
    fn allowed(&self) -> Value {
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.name);
        allow(&["sqs:ReceiveMessage", "sqs:DeleteMessage"], &[&arn])
    }

    fn send(&self, body: &str) {
        self.account.call("sqs", "SendMessage", json!({"QueueUrl": self.made, "MessageBody": body}));
    }

    /// Messages that wait, and those that somebody has and has not acknowledged.
    fn left(&self) -> (String, String) {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let asked = json!({"QueueUrl": self.made, "AttributeNames": names});
        let found = self.account.call("sqs", "GetQueueAttributes", asked);
        let [waiting, taken] = names.map(|name| found["Attributes"][name].as_str().unwrap().to_owned());
        (waiting, taken)
    }

    fn wait_empty(&self, operator: &Operator) {
        self.account.world.wait("the queue to be empty", || match self.left() {
            (waiting, taken) if waiting == "0" && taken == "0" => Ok(()),
            left => Err(format!("{left:?}\n{}", operator.log())),
        });
    }

    /// How often a secret's value was asked for since then.
    fn reads(&self, since: Mark, name: &str) -> usize {
        self.account.count(since, "GetSecretValue", name)
    }
}

fn data(key: &str) -> Value {
    json!({"data": [{"secretKey": "k", "remoteRef": {"key": key}}]})
}

#[test]
fn a_message_refreshes_what_it_is_about() {
    let world = world!("refresh-queue");
    let queue = Queue::new(&world);
    let account = &queue.account;
    let arn = account.secret("refresh-queue/db", "old")["ARN"].as_str().unwrap().to_owned();
    account.secret("refresh-queue/other", "old");
    let secrets = allow(&["secretsmanager:*"], &["*"]);
    let identity = account.user(&world.name, &json!([secrets, queue.allowed()]));
    let operator = Operator::start(&world);
    account.key_secret("key", &identity);
    let mut rest = json!({"auth": Account::key_auth("key"), "events": {"queueURL": queue.url()}});
    account.store("sm", "SecretsManager", rest.clone());
    for (name, key) in [("one", "refresh-queue/db"), ("two", arn.as_str()), ("other", "refresh-queue/other")]
    {
        account.external_secret(name, "sm", data(key));
    }
    for name in ["one", "two", "other"] {
        world.wait_data(name, &[("k", "old")]);
        world.wait_ready("externalsecret", name);
    }

    // What nobody understands comes first, and what would go round for ever: both are taken off.
    for poison in ["hello", "{", "[]", &event("GetSecretValue", &arn), &"[".repeat(100_000)] {
        queue.send(poison);
    }
    queue.wait_empty(&operator);
    let ignored = "claviger_change_notices_total{source=\"queue\",outcome=\"ignored\"}";
    assert_eq!(operator.metric(ignored), Some(5.0));

    let put = |value: &str| {
        account.call(
            "secretsmanager",
            "PutSecretValue",
            json!({"SecretId": "refresh-queue/db", "SecretString": value}),
        );
    };
    put("new");
    let (since, began) = (account.aws.mark(), Instant::now());
    queue.send(&event("PutSecretValue", &arn));
    world.wait_data("one", &[("k", "new")]);
    println!("a message in the queue until the Secret: {:?}", began.elapsed());
    world.wait_data("two", &[("k", "new")]);
    queue.wait_empty(&operator);
    // By name and by ARN: a key each. Nobody else's was read.
    assert_eq!((queue.reads(since, "refresh-queue/db"), queue.reads(since, "refresh-queue/other")), (2, 0));
    world.wait_data("other", &[("k", "old")]);
    let told = "claviger_change_notices_total{source=\"queue\",outcome=\"asked\"}";
    assert_eq!(operator.metric(told), Some(1.0));
    assert_eq!(operator.metric("claviger_change_refreshes_total{source=\"queue\"}"), Some(2.0));

    // By a topic of SNS, with the message of it as a text.
    put("newer");
    let wrapped = json!({"Type": "Notification", "Message": event("PutSecretValue", "refresh-queue/db")});
    queue.send(&wrapped.to_string());
    world.wait_data("one", &[("k", "newer")]);
    queue.wait_empty(&operator);

    // A right that is missing: said once at the store, which goes on working, and over when it is there.
    let policy = |statements: Value| {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let policy = json!({"UserName": world.name, "PolicyName": "test", "PolicyDocument": document});
        account.call("iam", "PutUserPolicy", policy);
    };
    policy(json!([secrets]));
    let events = |reason: &str| {
        let events = world.kubectl(&["-n", &world.name, "get", "events.events.k8s.io", "-o", "json"]);
        let events: Value = serde_json::from_str(&events).unwrap();
        let of = |event: &&Value| event["reason"] == reason && event["regarding"]["name"] == "sm";
        let notes = events["items"].as_array().unwrap().iter().filter(of);
        notes.map(|event| event["note"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let notes = world.wait("the store to say so", || match events("ChangesNotReceived") {
        notes if notes.is_empty() => Err(operator.log()),
        notes => Ok(notes),
    });
    assert!(notes.len() == 1 && notes[0].contains("sqs:ReceiveMessage"), "{notes:?}");
    world.wait_ready("secretstore", "sm");
    put("newest");
    queue.send(&event("PutSecretValue", &arn));
    policy(json!([secrets, queue.allowed()]));
    world.wait_data("one", &[("k", "newest")]);
    queue.wait_empty(&operator);
    world.wait("the store to say that", || match events("ChangesReceived") {
        notes if notes.is_empty() => Err(operator.log()),
        _ => Ok(()),
    });

    // Another queue than AWS's own is none.
    rest["events"] = json!({"queueURL": format!("{}/123456789012/x", account.aws.address())});
    account.store("wrong", "SecretsManager", rest);
    let message = world.wait_reason("secretstore", "wrong", "InvalidProviderConfig");
    assert!(message.contains("/events/queueURL"), "{message}");
}

#[test]
fn a_parameter_s_change_is_told_to_the_replica_that_works() {
    let world = world!("refresh-queue-parameters");
    let queue = Queue::new(&world);
    let account = &queue.account;
    let put = |value: &str| {
        let parameter = json!({"Name": "/refresh-queue-parameters/a", "Value": value, "Type": "String", "Overwrite": true});
        account.call("ssm", "PutParameter", parameter);
    };
    put("old");
    let parameters = allow(&["ssm:*"], &["*"]);
    let identity = account.user(&world.name, &json!([parameters, queue.allowed()]));
    account.key_secret("key", &identity);
    let rest = json!({"auth": Account::key_auth("key"), "events": {"queueURL": queue.url()}});
    account.store("ps", "ParameterStore", rest);
    account.external_secret("es", "ps", data("/refresh-queue-parameters/a"));
    let first = Operator::replica(&world, "-a");
    world.wait("the first to lead", || if first.leads() { Ok(()) } else { Err(first.log()) });
    let second = Operator::replica(&world, "-b");
    world.wait_data("es", &[("k", "old")]);
    put("new");
    let message = json!({
        "version": "0", "source": "aws.ssm", "detail-type": "Parameter Store Change", "region": REGION,
        "detail": {"operation": "Update", "name": "/refresh-queue-parameters/a", "type": "String"},
    });
    queue.send(&message.to_string());
    world.wait_data("es", &[("k", "new")]);
    queue.wait_empty(&first);
    assert!(!second.log().contains("listening for changes"), "who stands by does not listen");
    assert!(first.log().contains("listening for changes"));
}
