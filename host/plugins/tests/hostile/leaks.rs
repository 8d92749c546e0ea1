//! What a plugin says about the secrets it was handed or has read: in its log, in errors, in the names of
//! origins. None of it may leave the host as it is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use claviger_plugins::Grants;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Manifest, component, connect_with, get, host, load, refusal};

/// What `Manifest` answers for the reference below; as long as a real token.
const SECRET: &str = "Secret ns/mine token";

fn config(mode: &str, then: &str) -> Value {
    json!({
        "mode": mode,
        "say": "flood",
        "ref": {"name": "mine", "key": "token"},
        "connect": {"rounds": [[{"object": {"slot": "s", "at": "/ref"}}]], "then": then},
    })
}

/// Everything that was logged, on this thread.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    fn text(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn listen() -> (Logged, tracing::subscriber::DefaultGuard) {
    let logged = Logged::default();
    let subscriber = tracing_subscriber::fmt().with_writer(logged.clone()).with_ansi(false).finish();
    (logged, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn errors_do_not_quote_what_the_plugin_was_handed() {
    let Some(plugin) = load(Grants::default()).await else { return };
    for then in ["say-it", "deny-it"] {
        let outcome = connect_with(&plugin, "uid", config("have", then), Arc::new(Manifest::default())).await;
        let said = refusal(&plugin, outcome);
        assert!(said.contains("[redacted]") && !said.contains(SECRET), "{then}: {said}");
    }
    let session = connect_with(&plugin, "uid", config("say-have", ""), Arc::new(Manifest::default())).await;
    let said = refusal(&plugin, get(&session.unwrap()).await);
    assert!(said.contains("[redacted]") && !said.contains(SECRET), "{said}");
}

#[tokio::test]
async fn the_log_does_not_show_what_the_plugin_was_handed_or_has_read() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let (logged, _listening) = listen();
    let source = || Arc::new(Manifest::default());
    // In a round of connect, where there is no session yet.
    connect_with(&plugin, "uid", config("have", "log-it"), source()).await.unwrap();
    let text = logged.text();
    assert!(text.contains("it is [redacted]") && !text.contains(SECRET), "{text}");
    // In a call, its credentials; and the value that it answers.
    for mode in ["log-have", "log-answer"] {
        let session = connect_with(&plugin, "uid", config(mode, ""), source()).await.unwrap();
        let answer = String::from_utf8(get(&session).await.unwrap()).unwrap();
        let text = logged.text();
        assert!(text.contains("misbehaving@0.1.0") && text.contains("it is [redacted]"), "{mode}: {text}");
        assert!(!text.contains(SECRET) && !text.contains(&answer), "{mode}: {text}");
    }
}

#[tokio::test]
async fn a_log_that_is_flooded_has_room_for_others() {
    let host = host();
    let Some(bytes) = component("misbehaving") else { return };
    let grants = || Grants { cpu: std::time::Duration::from_secs(20), ..Grants::default() };
    let loud = host.load("loud", bytes.clone(), grants()).await.unwrap();
    let quiet = host.load("quiet", bytes, grants()).await.unwrap();
    let (logged, _listening) = listen();
    let source = || Arc::new(Manifest::default());
    let session = connect_with(&loud, "uid", config("log-flood", ""), source()).await.unwrap();
    get(&session).await.unwrap();
    let text = logged.text();
    assert_eq!(text.matches("plugin says").count(), 20, "of 20,000");
    assert_eq!(text.lines().count(), 21, "each on one line, and one that says that it is not all");
    assert!(text.contains("logs more than 20 lines in one call") && !text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line.len() < 800));
    for _ in 0..15 {
        get(&session).await.unwrap();
    }
    let text = logged.text();
    assert_eq!(text.matches("plugin says").count(), 180, "200 in a minute");
    assert_eq!(text.matches("more than 200 lines in a minute").count(), 1);
    let other = connect_with(&quiet, "uid", config("log-have", ""), source()).await.unwrap();
    get(&other).await.unwrap();
    assert!(logged.text().contains("quiet@0.1.0"), "others are heard");
}
