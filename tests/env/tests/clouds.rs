//! The clouds' real names inside the tests' own network, by Python's own resolver and TLS: what the end-to-end
//! tests that use them take for granted. A failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::process::Command;

use claviger_testenv::Env;

/// Shakes hands under a name; `=` in front: at the front's address, whatever the name means.
const SHAKE: &str = r"
import json, socket, ssl, sys
def shake(name):
    address = '192.0.2.1' if name.startswith('=') else name
    try:
        context = ssl.create_default_context(cafile=sys.argv[1])
        with socket.create_connection((address, 443), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name.lstrip('=')) as tls:
                return dict(tls.getpeercert()['issuer'][0])['commonName']
    except ssl.SSLError as error:
        # The connection may be closed before the alert is out.
        closed = ('TLSV1_UNRECOGNIZED_NAME', 'UNEXPECTED_EOF_WHILE_READING')
        return 'refused' if error.reason in closed else error.reason
    except ConnectionResetError:
        return 'refused'
    except OSError as error:
        return type(error).__name__
print(json.dumps({name: shake(name) for name in sys.argv[2:]}))
";

#[test]
fn the_clouds_real_names_mean_the_front_and_no_other_name_means_anything() {
    let env = Env::from_env().expect("this test needs servers: run it by `cargo xtask test`");
    let Some(clouds) = &env.clouds else {
        let message = "SKIPPED: the clouds' real names need a network of their own";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
        eprintln!("{message}");
        return;
    };
    let ca = "claviger-test-clouds-ca";
    let expected = [
        ("my-keyvault.vault.azure.net", ca),
        ("login.microsoftonline.com", ca),
        ("secretmanager.googleapis.com", ca),
        ("=management.azure.com", "refused"),
        ("management.azure.com", "gaierror"),
    ];
    let since = clouds.mark();
    let mut python = Command::new(&env.tools.python);
    python.args(["-c", SHAKE]).arg(clouds.ca_file()).args(expected.map(|(name, _)| name)).env_clear();
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: BTreeMap<String, String> = serde_json::from_slice(&output.stdout).unwrap();
    for (name, expected) in expected {
        assert_eq!(found[name], expected, "{name}");
    }
    let connections = clouds.connections(since).unwrap();
    for (name, _) in &expected[..3] {
        assert!(
            connections.iter().any(|it| it.kind == "tls" && it.asked == *name),
            "{name}: {connections:?}"
        );
    }
    assert!(connections.iter().any(|it| it.asked == "management.azure.com" && it.port.is_none()));
}
