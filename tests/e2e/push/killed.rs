//! The operator is killed between a push's write and its record, and what is wanted changes before it is there again:
//! what was written is taken back all the same, and nothing that another has written.

use claviger_testenv::{Moment, Proxy, Trap};
use serde_json::{Value, json};

use super::providers::vault_store;
use super::{entry, fake, places, push, secret, synced};
use crate::support::{Mount, Operator, World, world};

/// What happens while nobody works.
#[derive(Clone, Copy)]
enum Meanwhile {
    /// Nothing.
    Nothing,
    /// The PushSecret is deleted.
    Deleted,
    /// It pushes elsewhere.
    Moved,
    /// It pushes to another place that the status calls the same.
    Renamed,
    /// Its Secret is deleted.
    Sourceless,
}

/// A push that is interrupted.
struct Case {
    name: &'static str,
    /// What it pushes, to places below `apps/NAME`: key of the Secret and the rest of the place.
    data: &'static [(&'static str, &'static str)],
    policy: &'static str,
    /// The request at which the operator is killed: method, and what it goes to.
    at: (&'static str, &'static str, Moment),
    meanwhile: Meanwhile,
}

const DATA: (&str, &str, Moment) = ("PUT", "data", Moment::Answered);

const CASES: &[Case] = {
    use Meanwhile::{Deleted, Moved, Nothing, Renamed, Sourceless};
    &[
        // First, for its Secret is waited for for half a minute.
        Case { name: "source", data: &[("whole", "")], policy: "Replace", at: DATA, meanwhile: Sourceless },
        Case { name: "gone", data: &[("whole", "")], policy: "Replace", at: DATA, meanwhile: Deleted },
        Case { name: "moved", data: &[("one", "#p")], policy: "Replace", at: DATA, meanwhile: Moved },
        // The mark is written before the value.
        Case {
            name: "half",
            data: &[("one", "#p")],
            policy: "Replace",
            at: ("PUT", "metadata", Moment::Answered),
            meanwhile: Deleted,
        },
        Case {
            name: "nothing",
            data: &[("whole", "")],
            policy: "Replace",
            at: ("PUT", "metadata", Moment::Asked),
            meanwhile: Deleted,
        },
        // It stands there, and bears no mark.
        Case {
            name: "theirs",
            data: &[("whole", "")],
            policy: "Replace",
            at: ("GET", "metadata", Moment::Answered),
            meanwhile: Deleted,
        },
        // It stands there and bears the mark, which others write too, and was not written.
        Case {
            name: "marked",
            data: &[("whole", "")],
            policy: "Replace",
            at: ("PUT", "data", Moment::Asked),
            meanwhile: Deleted,
        },
        Case { name: "renamed", data: &[("whole", "/p")], policy: "Replace", at: DATA, meanwhile: Renamed },
        // One stands there and bears the mark, and the other does not.
        Case {
            name: "wary",
            data: &[("whole", "/there"), ("whole", "")],
            policy: "IfNotExists",
            at: DATA,
            meanwhile: Deleted,
        },
        Case { name: "own", data: &[("whole", "")], policy: "IfNotExists", at: DATA, meanwhile: Nothing },
    ]
};

/// The servers, and the proxy before one.
struct Bench<'a> {
    world: &'a World,
    mount: Mount<'a>,
    proxy: Proxy,
    operator: Operator,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World) -> Self {
        let (mount, proxy) = (Mount::kv2(world), Proxy::start(world.env.bao.address()).unwrap());
        vault_store(&mount, &proxy.address());
        let operator = Operator::start(world);
        world.wait_ready("secretstore", "there");
        Self { world, mount, proxy, operator }
    }

    /// A process that will be killed there.
    fn trap(&mut self, (method, of, moment): (&'static str, &str, Moment), key: &str) {
        self.operator.kill();
        self.operator.relaunch();
        let path = format!("/v1/{}/{of}/{key}", self.mount.path);
        self.proxy.set(Trap { method, path, nth: 1, moment, pid: self.operator.pid() });
    }

    /// What is under a key; none, if there is not even metadata.
    fn at(&self, key: &str) -> Option<Value> {
        let ask = |of: &str| {
            let path = format!("{}/{of}/{key}", self.mount.path);
            self.world.env.bao.api("GET", &path, &Value::Null).unwrap()
        };
        let ((status, _), (_, answer)) = (ask("metadata"), ask("data"));
        (status != 404).then(|| answer["data"]["data"].clone())
    }

    fn wait_at(&self, key: &str, expected: Option<&Value>) {
        self.world.wait(&format!("{key} to be {expected:?}"), || match self.at(key) {
            found if found.as_ref() == expected => Ok(()),
            found => Err(format!("{found:?}\n{}", self.operator.log())),
        });
    }

    fn delete(&self, kind: &str, name: &str) {
        self.world.kubectl(&["-n", &self.world.name, "delete", kind, name, "--wait=false"]);
    }

    fn wait_gone(&self, name: &str) {
        self.world.wait(&format!("PushSecret {name} to go"), || {
            self.world.get("pushsecret", name).map_or(Ok(()), |it| Err(it.to_string()))
        });
    }

    /// What another has put there, and marked as everybody does who pushes.
    fn put_marked(&self, key: &str) {
        self.mount.put(key, json!({"a": "theirs"}));
        let mark = json!({"custom_metadata": {"managed-by": "external-secrets"}});
        self.mount.api("POST", &format!("{}/metadata/{key}", self.mount.path), mark);
    }

    /// Makes the case's PushSecret, to places below `apps/AT`.
    fn push(&self, case: &Case, at: &str) {
        self.push_data(case, case.data, at);
    }

    fn push_data(&self, case: &Case, data: &[(&str, &str)], at: &str) {
        let data = data.iter().map(|(key, rest)| entry(key, &format!("apps/{at}{rest}")));
        let spec = json!({"secretStoreRefs": [{"name": "there"}], "selector": {"secret": {"name": case.name}},
            "deletionPolicy": "Delete", "updatePolicy": case.policy, "data": data.collect::<Value>()});
        push(self.world, case.name, &spec);
    }
}

#[test]
fn what_was_written_and_not_recorded_is_taken_back() {
    let world = world!("push-killed");
    let mut bench = Bench::new(&world);
    let whole = json!({"a": "1"});
    bench.mount.put("apps/theirs", json!({"a": "theirs"}));
    bench.put_marked("apps/wary/there");
    bench.put_marked("apps/marked");
    for case in CASES {
        let name = case.name;
        secret(&world, name, &json!({}), &json!({"whole": "{\"a\":\"1\"}", "one": "1"}));
        // Only the last of them is written in its case.
        let rest = case.data.last().and_then(|(_, rest)| rest.split('#').next()).unwrap_or_default();
        let key = format!("apps/{name}{rest}");
        bench.trap(case.at, &key);
        bench.push(case, name);
        bench.operator.wait_killed(name);
        let status = world.get("pushsecret", name).unwrap()["status"].clone();
        assert_eq!(places(&status, "SecretStore/there"), Vec::<String>::new(), "{name}: {status}");
        match case.meanwhile {
            Meanwhile::Nothing => {}
            Meanwhile::Deleted => bench.delete("pushsecret", name),
            Meanwhile::Moved => bench.push(case, "elsewhere"),
            Meanwhile::Renamed => bench.push_data(case, &[("one", "#p")], name),
            Meanwhile::Sourceless => bench.delete("secret", name),
        }
        bench.operator.restart();
        match (name, case.meanwhile) {
            ("theirs" | "marked", _) => {
                bench.wait_gone(name);
                bench.wait_at(&key, Some(&json!({"a": "theirs"})));
            }
            (_, Meanwhile::Deleted) => {
                bench.wait_gone(name);
                bench.wait_at(&key, None);
            }
            (_, Meanwhile::Moved) => {
                assert_eq!(places(&synced(&world, name), "SecretStore/there"), ["apps/elsewhere/p"]);
                bench.wait_at("apps/elsewhere", Some(&json!({"p": "1"})));
                bench.wait_at(&key, None);
            }
            (_, Meanwhile::Renamed) => {
                let status = synced(&world, name);
                assert_eq!(
                    (places(&status, "SecretStore/there"), &status["pushing"]),
                    (vec![key.clone()], &Value::Null)
                );
                bench.wait_at("apps/renamed", Some(&json!({"p": "1"})));
                bench.wait_at(&key, None);
            }
            (_, Meanwhile::Nothing) => {
                let status = synced(&world, name);
                assert_eq!(
                    (places(&status, "SecretStore/there"), &status["pushing"]),
                    (vec![key.clone()], &Value::Null)
                );
                bench.wait_at(&key, Some(&whole));
                bench.delete("pushsecret", name);
                bench.wait_at(&key, None);
            }
            // Later.
            (_, Meanwhile::Sourceless) => {}
        }
    }
    bench.wait_at("apps/wary/there", Some(&json!({"a": "theirs"})));
    world.wait_reason("pushsecret", "source", "SourceDeleted");
    bench.wait_at("apps/source", None);
    assert_eq!(world.get("pushsecret", "source").unwrap()["status"]["pushing"], Value::Null);
}

/// Without any kill: what Vault does not take, and a key that is none.
#[test]
fn a_push_that_wrote_nothing_takes_nothing_back() {
    let world = world!("push-wrote-nothing");
    let bench = Bench::new(&world);
    bench.put_marked("apps/marked");
    secret(&world, "source", &json!({}), &json!({"text": "no JSON"}));
    for (name, place) in [("text", "apps/marked"), ("key", "apps/../x")] {
        let spec = json!({"secretStoreRefs": [{"name": "there"}], "selector": {"secret": {"name": "source"}},
            "deletionPolicy": "Delete", "data": [entry("text", place)]});
        push(&world, name, &spec);
        world.wait_reason("pushsecret", name, "Errored");
        bench.delete("pushsecret", name);
        bench.wait_gone(name);
    }
    assert_eq!(bench.at("apps/marked"), Some(json!({"a": "theirs"})));
}

/// What is looked at afterwards is as it was at the last push, and what was done in between is not.
#[test]
fn a_secret_that_was_selected_for_a_moment_is_taken_back() {
    let world = world!("push-killed-label");
    let mut bench = Bench::new(&world);
    let labels = json!({"push": "yes"});
    secret(&world, "stays", &labels, &json!({"a": "{\"a\":\"1\"}"}));
    secret(&world, "comes", &json!({}), &json!({"b": "{\"b\":\"1\"}"}));
    let spec = json!({"secretStoreRefs": [{"name": "there"}], "deletionPolicy": "Delete",
        "selector": {"secret": {"selector": {"matchLabels": labels}}},
        "dataTo": [{"storeRef": {"name": "there"}, "rewrite": [{"regexp": {"source": "^", "target": "apps/"}}]}]});
    push(&world, "app", &spec);
    synced(&world, "app");
    bench.wait_at("apps/a", Some(&json!({"a": "1"})));
    bench.trap(DATA, "apps/b");
    world.kubectl(&["-n", &world.name, "label", "secret", "comes", "push=yes"]);
    bench.operator.wait_killed("the second Secret");
    assert_eq!(bench.at("apps/b"), Some(json!({"b": "1"})));
    world.kubectl(&["-n", &world.name, "label", "secret", "comes", "push-"]);
    bench.operator.restart();
    bench.wait_at("apps/b", None);
    bench.wait_at("apps/a", Some(&json!({"a": "1"})));
}

#[test]
fn a_first_push_writes_its_status_twice_and_a_later_one_once() {
    let world = world!("push-twice");
    fake(&world);
    secret(&world, "source", &json!({}), &json!({"k": "v"}));
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    let writes = |name: &str| {
        let place = format!("/namespaces/{}/pushsecrets/{name}/status?", world.name);
        let requests = world.env.cluster.audit_requests(mark).unwrap().into_iter();
        let ours = requests.filter(|request| request.user == operator.user() && request.verb == "patch");
        ours.filter(|request| request.uri.contains(&place)).count()
    };
    let wait_writes = |name: &str, expected: usize| {
        world.wait(&format!("{expected} writes of the status of {name}"), || match writes(name) {
            found if found == expected => Ok(()),
            found => Err(found.to_string()),
        });
    };
    let data = json!([entry("k", "k"), entry("k", "object#p")]);
    push(&world, "deletes", &json!({"deletionPolicy": "Delete", "data": data}));
    let other = json!([entry("k", "other")]);
    push(&world, "leaves", &json!({"data": other}));
    for name in ["deletes", "leaves"] {
        assert_eq!(synced(&world, name)["pushing"], Value::Null, "{name}");
    }
    wait_writes("deletes", 2);
    wait_writes("leaves", 1);
    // Another version of the Secret, which is compared and recorded.
    world.kubectl(&["-n", &world.name, "label", "secret", "source", "wake=one"]);
    wait_writes("leaves", 2);
    wait_writes("deletes", 3);
}
