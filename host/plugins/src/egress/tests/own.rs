//! The process's own ports, by an address of this machine that is no loopback.

use super::*;

/// A pod's metrics are at every address of it, and its own address is no loopback.
#[tokio::test]
async fn own_ports_are_not_reached_by_own_addresses() {
    if !isolated("egress::tests::own::own_ports_are_not_reached_by_own_addresses") {
        return;
    }
    let authority = Authority::new();
    let mut held = Vec::new();
    // The second one only where the machine has IPv6.
    for ip in ["10.9.9.9", "2001:db8::9"] {
        let at = |port: u16| if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
        if TcpListener::bind(at(8200)).await.is_err() {
            assert!(ip.contains(':'), "{ip}");
            continue;
        }
        let metrics = server_at(&at(8080), &authority, ip, None, ok("a metric")).await;
        let vault = server_at(&at(8200), &authority, ip, None, ok("hi")).await;
        let pool = EgressPool::new(EgressConfig::default());
        let own_url = format!("{}/v1/x", metrics.origin);
        let mut before = of_pool(&pool, &metrics.origin, Some(authority.material())).unwrap();
        assert_eq!(get(&mut before, &own_url).await.unwrap().0, 200, "nobody said whose it is");

        pool.listens_at(["0.0.0.0:8080".parse().unwrap(), "127.0.0.1:8200".parse().unwrap()]);
        let seen = metrics.connections.load(Ordering::SeqCst);
        let mut later = of_pool(&pool, &metrics.origin, Some(authority.material())).unwrap();
        // A session from before, too.
        for hooks in [&mut before, &mut later] {
            assert!(get(hooks, &own_url).await.is_err(), "{own_url}");
            let said = hooks.denial().unwrap().to_string();
            assert!(said.contains("own port") && said.contains("spec.grants.loopback"), "{said}");
        }
        assert_eq!(metrics.connections.load(Ordering::SeqCst), seen, "{own_url}");

        // Another port there is another server's.
        let mut other = of_pool(&pool, &vault.origin, Some(authority.material())).unwrap();
        assert_eq!(get(&mut other, &format!("{}/v1/x", vault.origin)).await.unwrap().0, 200);
        // Granted as loopback is.
        let config = EgressConfig { allow_loopback: true, ..EgressConfig::default() };
        let open = EgressPool::new(config);
        open.listens_at(["0.0.0.0:8080".parse().unwrap()]);
        let mut granted = of_pool(&open, &metrics.origin, Some(authority.material())).unwrap();
        assert_eq!(get(&mut granted, &own_url).await.unwrap().0, 200);
        held.push((metrics, vault));
    }
}
