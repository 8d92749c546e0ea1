//! Sync windows: a remote value that changes does not arrive while they are shut, and arrives when they open.

use super::{external_secret, now, store, syncs};
use crate::support::{Operator, world};

/// Seconds from one opening to the next, and how long it stays open.
const EVERY: u64 = 20;
const OPEN: u64 = 4;

#[test]
fn windows_hold_back_refreshes_and_nothing_else() {
    let world = world!("sync-windows");
    store(&world, "{key: one, value: old}");
    let operator = Operator::start(&world);
    let spec = |windows: &str| {
        format!(
            "  refreshInterval: 1s\n  syncWindows: {windows}\n  data: [{{secretKey: k, remoteRef: {{key: one}}}}]"
        )
    };
    let open = format!("{{kind: allow, windows: [{{schedule: '@every {EVERY}s', duration: {OPEN}s}}]}}");
    // Denied at any time: minute after minute.
    let shut = "{kind: deny, windows: [{schedule: '* * * * *', duration: 5m}]}";
    external_secret(
        &world,
        "free",
        "",
        "  refreshInterval: 1s\n  data: [{secretKey: k, remoteRef: {key: one}}]",
    );
    external_secret(&world, "denied", "", &spec(shut));
    external_secret(&world, "allowed", "", &spec(&open));
    for name in ["free", "denied", "allowed"] {
        // A first sync is let through.
        world.wait_data(name, &[("k", "old")]);
    }
    let bad = "{kind: deny, windows: [{schedule: '0 25 * * *', duration: 5m}]}";
    external_secret(&world, "bad", "", &spec(bad));
    let message = world.wait_reason("externalsecret", "bad", "ManifestInvalid");
    assert!(
        message.contains("spec.syncWindows.windows[0].schedule") && message.contains("hour"),
        "{message}"
    );

    // Just after a window has shut there is time to see that nothing arrives.
    world.wait("the window to shut", || match now() % EVERY {
        second if second > OPEN && second < OPEN + 4 => Ok(()),
        second => Err(format!("second {second}")),
    });
    let opens = (now() / EVERY + 1) * EVERY;
    let before = syncs(&operator, &world.name, "denied");
    assert!(before >= 1.0, "its first sync was counted: {before}");
    store(&world, "{key: one, value: new}");
    world.wait_data("free", &[("k", "new")]);
    world.wait_data("allowed", &[("k", "new")]);
    let arrived = now();
    assert!(arrived >= opens, "{} s before the window opened", opens - arrived);
    // All that time the denied one was not even looked up.
    world.wait_data("denied", &[("k", "old")]);
    assert_eq!(syncs(&operator, &world.name, "denied"), before);
    // What is broken is repaired, and what is asked for is done.
    world.kubectl(&["-n", &world.name, "delete", "secret", "denied"]);
    world.wait_data("denied", &[("k", "new")]);
    store(&world, "{key: one, value: newer}");
    world.wait_data("free", &[("k", "newer")]);
    world.wait_data("denied", &[("k", "new")]);
    world.sync_now("denied");
    world.wait_data("denied", &[("k", "newer")]);
}
