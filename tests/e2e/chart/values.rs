//! What cannot be meant is refused before anything is made, in words that name the value; what ESO's chart takes is taken.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{TEMPLATE, args, objects, of_kind, package_of, the, with_person};
use crate::support::world;

/// A digest that fits.
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn what_cannot_be_meant_is_refused() {
    let world = world!("chart-values");
    with_person(&world, |person, dir| {
        let large = dir.join("large.b64");
        std::fs::write(&large, package_of(225)).unwrap();
        let etcd = "--set plugins[0].name=etcd";
        let package = format!("{etcd},plugins[0].package=KLUv/QRY");
        let digest = format!("plugins[0].digest={DIGEST}");
        for (values, words) in [
            ("--set replicacount=2".to_owned(), "'replicacount' not allowed"),
            ("--set webhook.prot=1".to_owned(), "at '/webhook': additional properties 'prot' not allowed"),
            ("--set replicaCount=0".to_owned(), "'/replicaCount': minimum: got 0, want 1"),
            (
                "--set webhook.failurePolicy=Maybe".to_owned(),
                "'/webhook/failurePolicy': value must be one of",
            ),
            ("--set webhook.port=70000".to_owned(), "'/webhook/port': maximum"),
            ("--set serviceAccount.create=false".to_owned(), "serviceAccount.name: whose rights"),
            ("--set-string resources=much".to_owned(), "'/resources': got string, want object"),
            ("--set log.level=loud".to_owned(), "'/log/level': value must be one of"),
            ("--set storeRequeueInterval=soon".to_owned(), "'soon' does not match"),
            ("--set hostUsers=maybe".to_owned(), "'/hostUsers': got string"),
            ("--set nodeSelector.a=1".to_owned(), "'/nodeSelector/a': got number, want string"),
            ("--set caBundle.key=a/b".to_owned(), "'/caBundle/key': 'a/b' does not match"),
            ("--set tokenRequests.deniedNamespaces[0]=Kube".to_owned(), "'Kube' does not match"),
            ("--set proxy.https=http://me:pw@proxy:3128".to_owned(), "proxy.https has a password"),
            ("--set config.proxy.http=http://me:pw@proxy:3128".to_owned(), "from there"),
            ("--set webhook.caBundle=LS0t".to_owned(), "'/webhook/caBundle': 'LS0t' does not match"),
            ("--set concurrent=0".to_owned(), "'/concurrent'"),
            ("--set existingConfigMap=x,config.a=b".to_owned(), "existingConfigMap is somebody else's"),
            ("--set crds.createPushSecret=false".to_owned(), "set processPushSecret to false too"),
            (
                "--set serviceMonitor.enabled=true,serviceMonitor.renderMode=failIfMissing".to_owned(),
                "does not serve monitoring.coreos.com/v1",
            ),
            (format!("--set {digest}"), "missing property 'name'"),
            ("--set plugins[0].name=Etcd".to_owned(), "'Etcd' does not match"),
            (package.clone(), "plugins, etcd: digest is missing"),
            (format!("{etcd},{digest},plugins[0].package=bm9uZQ=="), "package is no component in base64"),
            (format!("{etcd},plugins[1].name=etcd"), "plugins, etcd: it is there twice"),
            (format!("{package},{digest},plugins[0].source.file.path=x"), "either package or source"),
            (format!("{etcd},plugins[0].source.configMap.name=x"), "digest is missing"),
            (format!("{etcd},plugins[0].digest=sha256:0"), "'sha256:0' does not match"),
            (format!("{etcd},plugins[0].grant.loopback=true"), "'grant' not allowed"),
            (
                format!("{etcd},{digest} --set-file plugins[0].package={}", large.display()),
                "take 225 KiB, and a Helm release has room for 224 KiB",
            ),
            (format!("{etcd},installCRDs=false"), "does not serve Plugin of claviger.io/v1alpha1"),
            (format!("{etcd},scopedNamespace=team"), "reads no Plugin objects"),
        ] {
            let (code, said) = person.tries(&format!("{TEMPLATE} {values}"));
            assert_ne!(code, Some(0), "{values}");
            assert!(said.contains(words), "{values}: {said}");
        }
    });
}

#[test]
fn a_values_file_of_esos_is_taken_as_it_is() {
    let world = world!("chart-eso");
    with_person(&world, |person, dir| {
        let all = objects(person, "-f tests/e2e/chart/eso-values.yaml");
        let pod = &the(&all, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], "ghcr.io/external-secrets/external-secrets:0.1.0");
        assert_eq!(pod["containers"][0]["securityContext"]["runAsUser"], 1000);
        assert!(pod["containers"][0]["securityContext"].get("enabled").is_none());
        assert!(pod["containers"][0].get("livenessProbe").is_none(), "off, as it says");
        assert_eq!(the(&all, "ValidatingWebhookConfiguration")["webhooks"][0]["failurePolicy"], "Fail");

        // What the same name means: value, and what shows it.
        let file = dir.join("values.yaml");
        std::fs::write(
            &file,
            json!({
                "global": {
                    "repository": "registry.example.com/claviger",
                    "tolerations": [{"operator": "Exists"}],
                    "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}],
                    "compatibility": {"openshift": {"adaptSecurityContext": "force"}},
                },
                "scopedRBAC": true, "storeRequeueInterval": "1h30m", "concurrent": 3, "controllerClass": "blue",
                "livenessProbe": {"enabled": true, "spec": {"address": "", "port": 8082, "timeoutSeconds": 9,
                    "httpGet": {"port": "live", "path": "/healthz"}}},
                "hostUsers": true, "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
                "podSpecExtra": {"enableServiceLinks": false}, "service": {"ipFamilyPolicy": "PreferDualStack"},
                "rbac": {"serviceAccountTokenCreate": false}, "openshiftFinalizers": false,
                "serviceAccount": {"automount": false},
                "extraArgs": {"template-left-delimiter": "<<", "allow-loopback": ""},
            })
            .to_string(),
        )
        .unwrap();
        let some = objects(person, &format!("-f {}", file.display()));
        let pod = &the(&some, "Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        for (found, expected) in [
            (&container["image"], json!("registry.example.com/claviger:0.1.0")),
            (&container["livenessProbe"]["timeoutSeconds"], json!(9)),
            (&container["livenessProbe"]["httpGet"], json!({"path": "/healthz", "port": "metrics"})),
            (&pod["tolerations"], json!([{"operator": "Exists"}])),
            (&pod["topologySpreadConstraints"][0]["topologyKey"], json!("rack")),
            (
                &pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]["app.kubernetes.io/name"],
                json!("external-secrets"),
            ),
            (
                &pod["securityContext"],
                json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
            ),
            (&pod["hostUsers"], json!(true)),
            (&pod["dnsConfig"]["options"][0]["name"], json!("ndots")),
            (&pod["enableServiceLinks"], json!(false)),
            (&pod["automountServiceAccountToken"], json!(false)),
        ] {
            assert_eq!(*found, expected);
        }
        let args = args(the(&some, "Deployment"));
        for arg in [
            "--store-interval=5400",
            "--concurrent=3",
            "--controller-class=blue",
            "--namespace=external-secrets-system",
            "--template-left-delimiter=<<",
            "--allow-loopback",
        ] {
            assert!(args.contains(&arg.to_owned()), "{arg} of {args:?}");
        }
        let services: Vec<&Value> = of_kind(&some, "Service");
        assert!(services.iter().all(|service| service["spec"]["ipFamilyPolicy"] == "PreferDualStack"));
        let rules = rules(&some);
        assert!(!rules.contains("serviceaccounts/token") && !rules.contains("finalizers"), "{rules}");

        // What nobody set is left to the variable and the file, which a flag would go before.
        let unset = objects(person, "");
        let args = super::args(the(&unset, "Deployment"));
        for flag in ["--concurrent", "--store-interval"] {
            assert!(!args.iter().any(|arg| arg.starts_with(flag)), "{flag} of {args:?}");
        }

        // A certificate of one's own, and the authority that the API server needs for it.
        let pem = dir.join("ca.pem");
        std::fs::write(&pem, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").unwrap();
        let own = objects(
            person,
            &format!("--set webhook.certSecret=mine --set-file webhook.caBundle={}", pem.display()),
        );
        let clients = the(&own, "ValidatingWebhookConfiguration")["webhooks"].clone();
        let bundle = clients[0]["clientConfig"]["caBundle"].as_str().unwrap();
        assert_eq!(STANDARD.decode(bundle).unwrap(), std::fs::read(&pem).unwrap());
        let made = "--set webhook.certManager.enabled=true,webhook.certManager.cert.create=false,webhook.certSecret=mine";
        let webhook = objects(person, made);
        let annotations = &the(&webhook, "ValidatingWebhookConfiguration")["metadata"]["annotations"];
        assert!(
            annotations.get("cert-manager.io/inject-ca-from").is_none(),
            "no such Certificate: {annotations}"
        );

        // Without an operator there are definitions and rights.
        let none = objects(
            person,
            "--set createOperator=false,networkPolicy.enabled=true,podDisruptionBudget.enabled=true",
        );
        for kind in [
            "Deployment",
            "Service",
            "ValidatingWebhookConfiguration",
            "NetworkPolicy",
            "PodDisruptionBudget",
        ] {
            assert!(of_kind(&none, kind).is_empty(), "{kind}");
        }
        assert!(!of_kind(&none, "CustomResourceDefinition").is_empty());
        let few = "--set crds.createClusterGenerator=false,crds.createPushSecret=false,processPushSecret=false,\
                   crds.createClusterPushSecret=false,processClusterPushSecret=false,crds.createSecretStore=false,\
                   crds.annotations.a=b";
        let few = objects(person, few);
        let mut names = String::new();
        for crd in of_kind(&few, "CustomResourceDefinition") {
            assert_eq!(crd["metadata"]["annotations"]["a"], "b");
            writeln!(names, "{}", crd["metadata"]["name"]).unwrap();
        }
        assert!(!names.contains("pushsecrets") && !names.contains("clustergenerators"), "{names}");
        assert!(names.contains("\"secretstores."), "the operator does not start without it: {names}");
    });
}

fn rules(objects: &[Value]) -> String {
    let roles = objects.iter().filter(|object| object["kind"].as_str().unwrap().ends_with("Role"));
    roles.map(|role| role["rules"].to_string()).collect()
}
