//! The status page: what it says of good and bad objects, to scripts, to people and in a browser; and that it is not there
//! unless it is asked for.

use std::io::{Read, Write};
use std::net::TcpStream;

use claviger_testenv::RunDir;
use serde_json::Value;

use crate::support::{Browser, Operator, World, assert_no_value_left, world};

const VALUE: &str = "MARKED-status-page-value";
/// A key that the backend does not have, and that says so in the message.
const HOSTILE: &str = "<script>document.title=7</script>";

fn setup(world: &World) {
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: {VALUE}}}]}}}}}}\n"
    ));
    for (name, key) in [("good", "one"), ("bad", HOSTILE)] {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
             spec:\n  refreshInterval: 1h\n  secretStoreRef: {{name: fake}}\n  \
             data: [{{secretKey: a, remoteRef: {{key: \"{key}\"}}}}]\n"
        ));
    }
}

/// Head and body.
fn get(operator: &Operator, path: &str) -> (String, String) {
    let page = operator.page(path);
    let (head, body) = page.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {page:?}"));
    (head.to_owned(), body.to_owned())
}

fn started(world: &World) -> Operator {
    setup(world);
    let operator = Operator::start_flagged(world, &["--status-page"]);
    world.wait_ready("externalsecret", "good");
    world.wait_reason("externalsecret", "bad", "RemoteKeyNotFound");
    operator
}

/// This test's ExternalSecrets on the page, as a script sees them.
fn rows(world: &World, operator: &Operator) -> Vec<Value> {
    let (head, body) = get(operator, &format!("/status?namespace={}&format=json", world.name));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let page: Value = serde_json::from_str(&body).unwrap();
    page["externalSecrets"]["rows"].as_array().unwrap().clone()
}

#[test]
fn names_and_reasons_are_on_it_and_no_value() {
    let world = world!("status-page");
    let operator = started(&world);
    world.wait("both to be shown as they are", || {
        let rows = rows(&world, &operator);
        let shown = |row: &Value| {
            let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
            (text("name"), text("state"), text("reason"))
        };
        let shown: Vec<_> = rows.iter().map(shown).collect();
        let expected = [("bad", "failing", "RemoteKeyNotFound"), ("good", "ready", "SecretSynced")];
        let expected =
            expected.map(|(name, state, reason)| (name.to_owned(), state.to_owned(), reason.to_owned()));
        if shown == expected { Ok(()) } else { Err(format!("{rows:?}")) }
    });
    let rows = rows(&world, &operator);
    assert_eq!(rows[1]["about"]["store"], "SecretStore fake");
    assert!(rows.iter().all(|row| row["nextLook"].is_string()), "{rows:?}");
    assert!(rows[1]["lastSync"].is_string());
    let (.., message) = world.ready("externalsecret", "bad").unwrap();
    assert_eq!(rows[0]["message"], message.as_str(), "as in the status");

    let (head, body) = get(&operator, &format!("/status?namespace={}", world.name));
    for header in [
        "content-type: text/html; charset=utf-8",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
    ] {
        assert!(head.to_lowercase().contains(header), "{header}: {head}");
    }
    assert!(
        body.contains(">bad<") && body.contains(">good<") && body.contains("RemoteKeyNotFound"),
        "{body}"
    );
    assert!(body.contains("&lt;script&gt;document.title=7") && !body.contains("<script"), "{body}");
    for (query, words) in
        [("page=0", "page is a number"), ("namespace=A", "namespace is"), ("x=1", "there are")]
    {
        let (head, body) = get(&operator, &format!("/status?{query}"));
        assert!(head.starts_with("HTTP/1.1 400 ") && body.contains(words), "{query}: {head} {body}");
    }
    assert_no_value_left(&world, &operator, &[VALUE]);
    let (_, json) = get(&operator, "/status?format=json");
    assert!(!json.contains(VALUE));
}

#[test]
fn it_is_off_unless_asked_for() {
    let world = world!("status-page-off");
    let operator = Operator::start(&world);
    let (head, body) = get(&operator, "/status");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    assert_eq!(body, "try /metrics, /healthz or /readyz\n");
}

/// The head of the answer to a request of that method.
fn asked(operator: &Operator, method: &str, path: &str) -> String {
    let mut answer = String::new();
    let mut stream = TcpStream::connect(operator.address()).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn nothing_is_taken_at_its_port_but_get() {
    let world = world!("status-page-methods");
    let operator = started(&world);
    let before = rows(&world, &operator);
    for path in ["/status", "/metrics", "/healthz", "/readyz"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = asked(&operator, method, path);
            assert!(answer.starts_with("HTTP/1.1 404 "), "{method} {path}: {answer}");
        }
        // A body is not read, and is no harm.
        let answer = asked(&operator, "GET", path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    let names = |rows: &[Value]| rows.iter().map(|row| row["state"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&rows(&world, &operator)), names(&before));
}

#[test]
fn needs_chromium_a_browser_shows_it_and_runs_nothing_of_it() {
    let world = world!("status-page-browser");
    let dir = RunDir::create(&world.name).unwrap();
    let operator = started(&world);
    let browser = Browser::new(&world.env.tools);
    let url = format!("http://{}/status?namespace={}", operator.address(), world.name);
    world.wait("the failure to be shown", || {
        let document = browser.document(&url);
        if document.contains("RemoteKeyNotFound") { Ok(()) } else { Err(document) }
    });
    let document = browser.document(&url);
    let title = document.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    assert_eq!(title, Some("Claviger: 1 failing"), "the message's script did not run");
    // A browser writes what it understood: a script would stand there as one.
    assert!(
        document.contains("&lt;script&gt;document.title=7") && !document.contains("<script"),
        "{document}"
    );
    assert!(!document.contains(VALUE));
    for (width, height) in [(1280, 900), (400, 1600)] {
        let file = dir.path().join(format!("status-{width}.png"));
        browser.picture(&url, width, height, &file);
        let picture = std::fs::read(&file).unwrap();
        assert!(picture.starts_with(b"\x89PNG"), "{}", file.display());
        // PNG's header has the width at its 16th byte.
        assert_eq!(picture[16..20], width.to_be_bytes());
        // The same document with something that measures it, for what runs in the page itself the policy forbids; in a
        // frame, since a window has a least width.
        let (_, body) = get(&operator, &format!("/status?namespace={}", world.name));
        let script = "<script>parent.postMessage(document.documentElement.scrollWidth, '*')</script>";
        let measured = body.replace("</body>", &format!("{script}</body>"));
        std::fs::write(dir.path().join("measured.html"), measured).unwrap();
        let frame = dir.path().join("frame.html");
        let text = format!(
            "<script>onmessage = event => document.title = event.data</script>\
             <iframe src=\"measured.html\" style=\"width: {width}px; height: 800px; border: 0\"></iframe>"
        );
        std::fs::write(&frame, text).unwrap();
        let document = browser.document(&format!("file://{}", frame.display()));
        let is = document.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        let is: u32 = is.and_then(|is| is.parse().ok()).unwrap_or_else(|| panic!("{document}"));
        assert!(is <= width, "{is} pixels in a frame of {width}");
    }
}
