//! Runs a test where no packet can leave the machine: in a network namespace of its own, with loopback
//! only, where every address that the test tries is the test's own.
//!
//! The test program starts itself again for that one test. Where the machine does not allow it the test
//! says so and does nothing; it never runs outside.

use std::path::Path;
use std::process::{Command, Stdio};

/// Tells the program that was started again.
const MARK: &str = "CLAVIGER_ISOLATED";

/// What a test may call its own besides loopback: metadata servers, a private and a documentation address.
const ADDRESSES: &[&str] = &[
    "169.254.169.254/32",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "10.9.9.9/32",
    "192.0.2.1/32",
    "fd00:ec2::254/128",
    "2001:db8::9/128",
];

/// Makes the addresses, and sends name look-ups to loopback, where the test may answer them.
const SCRIPT: &str = r#"set -e
ip link set lo up
for address in $ADDRESSES; do ip addr add "$address" dev lo || case $address in *:*) ;; *) exit 1 ;; esac; done
mount --bind "$NAMES/resolv.conf" /etc/resolv.conf
if [ -e /etc/nsswitch.conf ]; then mount --bind "$NAMES/nsswitch.conf" /etc/nsswitch.conf; fi
exec "$0" "$@""#;

/// `true` inside, where the test does its work. Outside it runs the test `name` (its path as
/// `cargo test -- --list` shows it) inside, passes on what it says, and answers `false`.
///
/// # Panics
/// If the test fails inside, if there is no such test, or if inside is not isolated; and where the machine
/// allows no namespaces, under `CI=true`.
pub fn isolated(name: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        assert_loopback_only();
        return true;
    }
    if let Err(missing) = possible() {
        let message = format!("SKIPPED: {name}: no network namespace of its own ({missing})");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        eprintln!("{message}");
        return false;
    }
    let names = std::env::temp_dir().join(format!(
        "claviger-names-{}-{}",
        std::process::id(),
        name.replace(':', "-")
    ));
    let outcome = again(name, &names);
    let _ = std::fs::remove_dir_all(&names);
    match outcome {
        Ok((true, said)) if said.contains("test result: ok. 1 passed") => print!("{said}"),
        Ok((_, said)) => panic!("{name} failed in its network namespace (or there is no such test):\n{said}"),
        Err(error) => panic!("{name} cannot be started again: {error}"),
    }
    false
}

/// Fails unless this process sees no network device but loopback.
fn assert_loopback_only() {
    let devices = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let names: Vec<&str> =
        devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(names, ["lo"], "this is no network namespace of its own: nothing is tried here");
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    if !is_root() {
        command.arg("--map-root-user");
    }
    command.stdin(Stdio::null());
    command
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

fn possible() -> Result<(), String> {
    let probe = unshare().args(["sh", "-c", "ip link set lo up"]).output();
    match probe {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

fn again(name: &str, names: &Path) -> std::io::Result<(bool, String)> {
    std::fs::create_dir_all(names)?;
    std::fs::write(names.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    std::fs::write(names.join("nsswitch.conf"), "hosts: files dns\n")?;
    let output = unshare()
        .args(["sh", "-c", SCRIPT])
        .arg(std::env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(MARK, "1")
        .env("ADDRESSES", ADDRESSES.join(" "))
        .env("NAMES", names)
        .output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}
