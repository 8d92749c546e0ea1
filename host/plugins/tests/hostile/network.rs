//! Addresses that no plugin may reach. Everything here runs in a network namespace of its own, where the
//! metadata address is the test's: what arrives there is counted, and nothing leaves the machine.

use std::sync::{Arc, Mutex};

use claviger_plugins::{Grants, HostConfig, Plugin, PluginHost};
use claviger_testenv::isolated;
use serde_json::json;

use crate::support::{Reply, Server, component, read, read_text, refusal};

/// Where the store's own server stands: an address as a cluster has them.
const OWN: &str = "10.9.9.9:8200";

pub(crate) async fn wary(grants: Grants) -> Option<Arc<Plugin>> {
    let host = PluginHost::new(HostConfig::default()).unwrap();
    Some(host.load("misbehaving", component("misbehaving")?, grants).await.unwrap())
}

#[tokio::test]
async fn a_redirect_to_the_metadata_server_leads_nowhere() {
    if !isolated("network::a_redirect_to_the_metadata_server_leads_nowhere") {
        return;
    }
    let Some(plugin) = wary(Grants::default()).await else { return };
    let metadata = Server::at("169.254.169.254:80", |_| Reply::Body("a credential".to_owned())).await;
    let loopback = Server::at("127.0.0.1:8200", |_| Reply::Body("a kubelet".to_owned())).await;
    let target = Arc::new(Mutex::new(String::new()));
    let follow = target.clone();
    let own = Server::at(OWN, move |first| match first.contains("/there") {
        true => Reply::Body("here".to_owned()),
        false => Reply::Redirect(follow.lock().unwrap().clone()),
    })
    .await;
    let config = json!({"mode": "redirect", "server": own.origin});
    for to in [
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://169.254.169.254:80/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://metadata.google.internal/",
        "http://127.0.0.1:8200/",
        "http://127.1:8200/",
        "http://[::1]:8200/",
        "http://localhost:8200/",
        "http://0.0.0.0:8200/",
        "https://10.9.9.9:8200/",
        "http://10.9.9.9:8201/",
        "http://user@10.9.9.9:8201/",
    ] {
        *target.lock().unwrap() = to.to_owned();
        let before = own.requests();
        let said = refusal(&plugin, read(&plugin, config.clone()).await);
        assert!(
            said.contains("misbehaving@0.1.0") && said.contains("was refused a connection"),
            "{to}: {said}"
        );
        assert!(said.contains("the store does not name it"), "{to}: {said}");
        assert_eq!(own.requests() - before, 1, "{to}");
    }
    assert_eq!((metadata.requests(), loopback.requests()), (0, 0));
    // On its own server a redirect is followed like any other URL.
    *target.lock().unwrap() = "/there".to_owned();
    assert_eq!(read_text(&plugin, config).await, "here");
}

/// The store may name what it likes, and the plugin ask for it: the admin has to grant it.
#[tokio::test]
async fn metadata_addresses_need_a_grant_and_a_plugin_that_asks() {
    if !isolated("network::metadata_addresses_need_a_grant_and_a_plugin_that_asks") {
        return;
    }
    let Some(wary_one) = wary(Grants::default()).await else { return };
    let granted = wary(Grants { link_local: true, ..Grants::default() }).await.unwrap();
    let mut servers = Vec::new();
    for address in ["169.254.169.254:80", "168.63.129.16:80", "100.100.100.200:80"] {
        servers.push(Server::at(address, |_| Reply::Body("a credential".to_owned())).await);
    }
    let asks = |url: &str, link_local: bool| {
        json!({"mode": "get", "url": url, "path": "/", "server": url,
            "connect": {"origins": [{"url": url, "linkLocal": link_local}]}})
    };
    for server in &servers {
        let url = server.origin.as_str();
        for (plugin, link_local) in [(&wary_one, false), (&wary_one, true), (&granted, false)] {
            let said = refusal(plugin, read(plugin, asks(url, link_local)).await);
            assert!(said.contains("link-local or metadata address"), "{url}: {said}");
        }
        assert_eq!(server.requests(), 0, "{url}");
        assert_eq!(read_text(&granted, asks(url, true)).await, "a credential");
        assert_eq!(server.requests(), 1, "{url}");
    }
    for url in [
        "http://[fd00:ec2::254]",
        "http://[fd00:ec2::23]",
        "http://[fd00:c1::a9fe:a9fe]",
        "http://[fd00:a9fe:a9fe::1]",
        "http://[fd00:42::42]",
        "http://[fd00:100::100:200]",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
    ] {
        let said = refusal(&wary_one, read(&wary_one, asks(url, true)).await);
        assert!(said.contains("link-local or metadata address"), "{url}: {said}");
    }
    assert_eq!(servers[0].requests(), 1);
}

#[tokio::test]
async fn a_guest_that_looks_around_reaches_nobody() {
    if !isolated("network::a_guest_that_looks_around_reaches_nobody") {
        return;
    }
    // Even one that may reach everything that can be granted: sockets are not among it.
    let grants = Grants { loopback: true, link_local: true, api_server: true, ..Grants::default() };
    let Some(plugin) = wary(grants).await else { return };
    for address in ["127.0.0.1:8200", OWN, "169.254.169.254:80"] {
        let server = Server::at(address, |_| Reply::Body("never".to_owned())).await;
        assert_eq!(read_text(&plugin, json!({"mode": "environment", "address": address})).await, "");
        assert_eq!((server.requests(), server.most_open()), (0, 0), "{address}");
    }
}
