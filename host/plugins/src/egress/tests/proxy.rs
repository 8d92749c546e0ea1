//! Requests that go by a proxy, against a real one on loopback: what it is asked for, what it is never asked for, and
//! what a failure says. And authorities that are trusted besides the system's.

use std::net::SocketAddr;

use claviger_testenv::ForwardProxy;

use super::*;
use crate::egress::{Proxies, Proxy};

/// A name that nobody but the proxy knows.
const NAME: &str = "vault.behind.example";

fn through(proxy: &str, no_proxy: &str) -> EgressConfig {
    let one = || Some(Proxy::parse(proxy).unwrap());
    EgressConfig { proxies: Proxies::new(one(), one(), no_proxy).unwrap(), ..EgressConfig::default() }
}

/// `HOST:PORT` of a server.
fn at(server: &Server) -> String {
    server.origin.trim_start_matches("https://").to_owned()
}

/// A server that speaks no TLS, and answers what it is asked for.
async fn plain() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, mut tasks) = (listener.local_addr().unwrap(), JoinSet::new());
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 8192];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&buffer[..read]).into_owned();
            let answer = ok(asked.lines().next().unwrap_or_default());
            let _ = stream
                .write_all(answer.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes())
                .await;
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_tunnel_to_a_name_that_the_proxy_looks_up() {
    let authority = Authority::new();
    let server = server(&authority, NAME, None, ok("hi")).await;
    let proxy = ForwardProxy::start(&[(&format!("{NAME}:8200"), &at(&server))], Some("us:p@ss")).unwrap();
    let origin = format!("https://{NAME}:8200");
    // Of the store's own authority, and with `%40` for what would end the user.
    let config = through(&format!("http://us:p%40ss@{}", proxy.address()), "");
    let mut by_proxy = configured(config.clone(), &origin, Some(authority.material())).unwrap();
    for _ in 0..3 {
        assert_eq!(get(&mut by_proxy, &format!("{origin}/v1/x")).await.unwrap(), (200, Bytes::from("hi")));
    }
    assert_eq!(proxy.asked(), [format!("CONNECT {NAME}:8200")], "one tunnel is kept");
    // Trust is the store's all the same.
    let mut wary = configured(config, &origin, None).unwrap();
    assert!(matches!(get(&mut wary, &format!("{origin}/v1/x")).await, Err(Error::TlsCertificateError)));
    let said = wary.trouble().unwrap();
    assert!(said.contains(&format!("{origin} (through the proxy {})", proxy.address())), "{said}");
    assert!(!said.contains("p@ss") && !said.contains("p%40ss"), "{said}");
    let _ = proxy.asked();

    let unknown = "https://unknown.behind.example:8200";
    for (login, origin, expected) in
        [("us:p%40ss@", unknown, "tunnel error: unsuccessful"), ("", unknown, "proxy authorization required")]
    {
        let config = through(&format!("http://{login}{}", proxy.address()), "");
        let mut refused = configured(config, origin, None).unwrap();
        assert!(get(&mut refused, &format!("{origin}/v1/x")).await.is_err());
        let said = refused.trouble().unwrap();
        assert!(said.contains("through the proxy") && said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_plain_request_is_passed_on_and_what_the_guest_says_to_the_proxy_is_not() {
    let (address, _tasks) = plain().await;
    let proxy = ForwardProxy::start(&[(&format!("{NAME}:80"), &address.to_string())], Some("u:p")).unwrap();
    let origin = format!("http://{NAME}");
    let by =
        |login: &str| configured(through(&format!("{login}{}", proxy.address()), ""), &origin, None).unwrap();
    let (status, body) = get(&mut by("u:p@"), &format!("{origin}/v1/x")).await.unwrap();
    assert_eq!((status, body), (200, Bytes::from(format!("GET http://{NAME}/v1/x HTTP/1.1"))));
    assert_eq!(proxy.asked(), [format!("GET http://{NAME}/v1/x")]);
    // A login of the guest's own making is taken off.
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(format!("{origin}/v1/x")).header("proxy-authorization", "Basic dTpw");
    let sent = by("").send_request(request.body(body).unwrap(), None, Box::new(async { Ok(()) }));
    assert_eq!(Pin::from(sent).await.unwrap().0.status().as_u16(), 407);
}

#[tokio::test]
async fn what_goes_past_the_proxy() {
    let authority = Authority::new();
    let server = server(&authority, "127.0.0.1", None, ok("hi")).await;
    let proxy = ForwardProxy::start(&[(&at(&server), &at(&server))], None).unwrap();
    // Loopback is no proxy's to reach, list or no list: refused, or granted and reached directly.
    let url = format!("{}/v1/x", server.origin);
    let config = through(&proxy.address(), "");
    let mut refused = configured(config.clone(), &server.origin, Some(authority.material())).unwrap();
    assert!(matches!(get(&mut refused, &url).await, Err(Error::HttpRequestDenied)));
    let granted = EgressConfig { allow_loopback: true, ..config };
    let mut direct = configured(granted, &server.origin, Some(authority.material())).unwrap();
    assert_eq!(get(&mut direct, &url).await.unwrap().0, 200);
    // Names that mean loopback are looked up here, and the address is refused here.
    let port = at(&server).rsplit(':').next().unwrap().to_owned();
    let origin = format!("https://localhost:{port}");
    let mut by_name = configured(through(&proxy.address(), ""), &origin, None).unwrap();
    assert!(matches!(
        get(&mut by_name, &format!("{origin}/v1/x")).await,
        Err(Error::DestinationIpProhibited)
    ));
    assert_eq!(proxy.asked(), [""; 0]);
}

#[tokio::test]
async fn addresses_that_no_plugin_may_reach_are_not_handed_to_a_proxy() {
    let api_server: SocketAddr = "10.96.0.1:443".parse().unwrap();
    let proxy = ForwardProxy::start(&[], None).unwrap();
    let config = EgressConfig { denied: vec![api_server], ..through(&proxy.address(), "") };
    for origin in [
        "http://169.254.169.254",
        "https://[::ffff:169.254.169.254]",
        "http://2852039166",
        "https://10.96.0.1",
        "https://[64:ff9b::10.96.0.1]",
        "http://127.0.0.1:8200",
    ] {
        let mut hooks = configured(config.clone(), origin, None).unwrap();
        assert!(
            matches!(get(&mut hooks, &format!("{origin}/v1/x")).await, Err(Error::HttpRequestDenied)),
            "{origin}"
        );
    }
    // The proxy itself may not be one of them, and the message says that it is about the proxy.
    let config = EgressConfig { denied: vec![api_server], ..through("10.96.0.1:443", "") };
    let mut hooks = configured(config, "https://a.example", None).unwrap();
    assert!(matches!(get(&mut hooks, "https://a.example/v1/x").await, Err(Error::HttpRequestDenied)));
    let denial = hooks.denial().unwrap().to_string();
    assert!(
        denial.contains("(through the proxy 10.96.0.1:443)") && denial.contains("API server"),
        "{denial}"
    );
    assert_eq!(proxy.asked(), [""; 0]);
}

#[tokio::test]
async fn another_name_for_the_certificate_and_a_proxy_do_not_go_together() {
    let config = || through("proxy.example:3128", ".direct.example");
    let named = |name: &str| TlsMaterial { server_name: Some(name.to_owned()), ..TlsMaterial::default() };
    assert!(configured(config(), "https://a.example", Some(named("A.example"))).is_ok());
    assert!(configured(config(), "https://a.direct.example", Some(named("b.example"))).is_ok());
    let error = configured(config(), "https://a.example", Some(named("b.example"))).err().unwrap();
    let CallError::Provider(claviger_core::provider::ProviderError::InvalidConfig { detail, .. }) = error
    else {
        panic!("{error}")
    };
    let said = claviger_core::redact::Redactor::default().clean(&detail);
    assert!(said.contains("through the proxy proxy.example:3128") && said.contains("NO_PROXY"), "{said}");
}

#[tokio::test]
async fn authorities_are_trusted_besides_the_systems_where_a_store_names_none() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = server(&ours, "127.0.0.1", None, ok("hi")).await;
    let url = format!("{}/v1/x", server.origin);
    let with = |pem: &str| EgressConfig {
        allow_loopback: true,
        authorities: Authorities::from_pem(pem.as_bytes()).unwrap(),
        ..EgressConfig::default()
    };
    let both = format!("{}{}", theirs.pem, ours.pem);
    for tls in [None, Some(TlsMaterial::default())] {
        let mut trusting = configured(with(&both), &server.origin, tls).unwrap();
        assert_eq!(get(&mut trusting, &url).await.unwrap().0, 200);
    }
    for (pem, tls) in [(&theirs.pem, None), (&both, Some(theirs.material()))] {
        let mut wary = configured(with(pem), &server.origin, tls).unwrap();
        assert!(matches!(get(&mut wary, &url).await, Err(Error::TlsCertificateError)));
    }
}

/// What goes past a proxy is told by where it lies: a plugin that wishes for link-local addresses, and is granted them, gets no
/// other way to public names by it, and leaves none behind for who does not wish for them.
#[test]
fn a_wish_is_no_way_past_the_proxy() {
    let proxied = through("http://127.0.0.1:3128", "");
    for granted in [false, true] {
        let pool = EgressPool::new(proxied.clone());
        for wished in [true, false, true] {
            let rule = OriginRule {
                origin: Origin::parse("https://api.example.com").unwrap(),
                link_local: wished,
                paths: vec!["/".to_owned()],
                tls: None,
                max_response_bytes: None,
                max_header_bytes: None,
            };
            let plugin =
                PluginId { name: "p".to_owned(), version: "1".to_owned(), digest: "sha256:0".to_owned() };
            let grant = Reach { link_local: granted, ..Reach::default() };
            let session = pool.session(&plugin, "uid", vec![rule], grant).unwrap();
            assert!(!session.proxies().is_empty(), "granted {granted}, wished {wished}");
        }
    }
}
