//! What cannot be made says why.

use serde_json::json;

use super::{es, from, generator, store};
use crate::support::{Operator, world};

#[test]
fn what_cannot_be_made_says_why() {
    let world = world!("generators-refused");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "long", &json!({"length": 64}));
    generator(&world, "SSHKey", "small", &json!({"keySize": 512}));
    generator(&world, "ECRAuthorizationToken", "region", &json!({"region": "r"}));
    for (name, spec) in [
        ("mfa", json!({"kind": "MFA", "generator": {"mfaSpec": {"secret": {"name": "s", "key": "k"}}}})),
        ("mixed", json!({"kind": "Password", "generator": {"uuidSpec": {}}})),
    ] {
        let object = json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator",
            "metadata": {"name": format!("{ns}-{name}")}, "spec": spec,
        });
        world.apply(&object.to_string());
    }
    let operator = Operator::start(&world);
    let cluster = |name: &str| from("ClusterGenerator", &format!("{ns}-{name}"));
    let mut of_core = from("Password", "long");
    of_core["sourceRef"]["generatorRef"]["apiVersion"] = json!("example.com/v1");
    for (name, entry, reason, said) in [
        (
            "nothing",
            from("Password", "none"),
            "GeneratorNotFound",
            format!("Password {ns}/none does not exist"),
        ),
        (
            "no-cluster",
            cluster("none"),
            "GeneratorNotFound",
            format!("ClusterGenerator {ns}-none does not exist"),
        ),
        ("no-kind", from("MFA", "none"), "GeneratorUnknown", "generators of kind MFA".to_owned()),
        ("mfa", cluster("mfa"), "GeneratorUnknown", "generators of kind MFA".to_owned()),
        (
            "region",
            from("ECRAuthorizationToken", "region"),
            "InvalidProviderConfig",
            "it is not the name of a region".to_owned(),
        ),
        ("mixed", cluster("mixed"), "ManifestInvalid", "spec.generator.passwordSpec must be set".to_owned()),
        (
            "group",
            of_core,
            "PolicyInvalid",
            "generators are of generators.external-secrets.io/v1alpha1".to_owned(),
        ),
        (
            "long",
            from("Password", "long"),
            "InvalidProviderConfig",
            "16 digits are more than the 10".to_owned(),
        ),
        (
            "small",
            from("SSHKey", "small"),
            "InvalidProviderConfig",
            "an RSA key has 1024 to 8192 bits".to_owned(),
        ),
    ] {
        es(&world, name, &[entry], &json!({}));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(&said), "{name}: {message}");
        assert!(world.data(name).is_none(), "{name}");
    }
    // It is looked at again, and the plugin's field is named.
    let message = world.ready("externalsecret", "long").unwrap().2;
    assert!(message.contains("/digits") && message.contains("Password"), "{message}");
    assert!(operator.runs());

    // What the API server refuses.
    for (kind, spec, said) in [
        ("Password", json!({"encoding": "rot13"}), "spec.encoding"),
        ("Password", json!({"secretKeys": []}), "spec.secretKeys"),
        ("Password", json!({"length": "long"}), "spec.length"),
        ("SSHKey", json!({"keyType": "dsa"}), "spec.keyType"),
        ("SSHKey", json!({"keySize": 128}), "spec.keySize"),
        ("Fake", json!({"data": {"a": 1}}), "spec.data.a"),
        ("ClusterGenerator", json!({"kind": "ClusterGenerator", "generator": {"uuidSpec": {}}}), "spec.kind"),
        ("ClusterGenerator", json!({"kind": "UUID", "generator": {}}), "spec.generator"),
        (
            "ClusterGenerator",
            json!({"kind": "UUID", "generator": {"uuidSpec": {}, "fakeSpec": {}}}),
            "spec.generator",
        ),
    ] {
        let object = json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
            "metadata": {"name": format!("{ns}-refused"), "namespace": ns}, "spec": spec,
        });
        let refused = world.env.cluster.apply(&object.to_string()).unwrap_err().to_string();
        assert!(refused.contains(said), "{kind} {spec}: {refused}");
    }
}
