//! The API server's own addresses, which plugins do not reach without a grant: those that the cluster publishes as the
//! endpoints of the Service `default/kubernetes`, and that Service's. The address by which this process asks it is one
//! of them or another (a load balancer's) and is denied from the start.
//!
//! It does not know addresses that the cluster does not publish.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use claviger_plugins::PluginHost;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

use crate::watch::relist::watched;

/// Where every cluster has it.
const NAMESPACE: &str = "default";
const SERVICE: &str = "kubernetes";
/// Of the slices of that Service. The API server itself bears it.
const SLICES: &str = "kubernetes.io/service-name=kubernetes";
/// After a failure. The addresses known so far stay denied.
const AGAIN: Duration = Duration::from_secs(10);

/// Every address that these publish. A port that is left out is every port (as 0).
fn addresses(service: Option<&Service>, slices: &[EndpointSlice]) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    let mut add = |ips: &[String], ports: &[u16]| {
        for ip in ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()) {
            found.extend(ports.iter().map(|port| SocketAddr::new(ip, *port)));
        }
    };
    let port = |port: i32| u16::try_from(port).unwrap_or_default();
    if let Some(spec) = service.and_then(|service| service.spec.as_ref()) {
        let ports: Vec<_> = spec.ports.iter().flatten().map(|it| port(it.port)).collect();
        for ips in [&spec.cluster_ips, &spec.external_ips] {
            add(ips.as_deref().unwrap_or_default(), &ports);
        }
    }
    for slice in slices {
        let ports: Vec<_> = slice.ports.iter().flatten().map(|it| it.port.map_or(0, port)).collect();
        let ports = if ports.is_empty() { vec![0] } else { ports };
        for endpoint in slice.endpoints.iter().flatten() {
            add(&endpoint.addresses, &ports);
        }
    }
    found
}

async fn look(client: &Client) -> kube::Result<BTreeSet<SocketAddr>> {
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), NAMESPACE);
    let service = services.get_opt(SERVICE).await?;
    let slices = slices.list(&ListParams::default().labels(SLICES)).await?;
    Ok(addresses(service.as_ref(), &slices.items))
}

/// Denies them, once. It is asked before any plugin is: so none is early.
pub(crate) async fn deny(client: &Client, host: &PluginHost) {
    match look(client).await {
        Ok(found) => host.egress().deny(found),
        Err(error) => tracing::warn!(
            %error,
            "the API server's addresses are not known but for the one it is asked at: stores may name the others. The \
             operator needs get of the Service default/kubernetes, and list and watch of endpointslices in default"
        ),
    }
}

/// Follows them until `stop` is cancelled.
pub(crate) async fn follow(client: Client, host: Arc<PluginHost>, stop: CancellationToken) {
    let slices: Api<PartialObjectMeta<EndpointSlice>> = Api::namespaced(client.clone(), NAMESPACE);
    let slices = watched(slices, watcher::Config::default().labels(SLICES));
    let mut events = std::pin::pin!(slices.default_backoff().take_until(stop.cancelled()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init | Event::InitApply(_)) => {}
            Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => {
                while let Err(error) = look(&client).await.map(|found| host.egress().deny(found)) {
                    tracing::warn!(%error, "the API server's addresses could not be read, trying again");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(AGAIN) => {}
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the watch of the API server's endpoints failed, retrying"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn found(service: Option<Value>, slices: Vec<Value>) -> Vec<String> {
        let service = service.map(|service| serde_json::from_value::<Service>(service).unwrap());
        let slices: Vec<_> = slices.into_iter().map(|it| serde_json::from_value(it).unwrap()).collect();
        addresses(service.as_ref(), &slices).iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn service_and_endpoints_of_both_families() {
        let service = json!({"spec": {
            "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00:10:96::1"],
            "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
        }});
        let slice = |addresses: Value, ports: Value| json!({"addressType": "IPv4", "endpoints": [{"addresses": addresses}], "ports": ports});
        let https = json!([{"name": "https", "port": 6443, "protocol": "TCP"}]);
        let slices =
            vec![slice(json!(["10.0.0.1", "10.0.0.2"]), https.clone()), slice(json!(["fd00::1"]), https)];
        let expected =
            ["10.0.0.1:6443", "10.0.0.2:6443", "10.96.0.1:443", "[fd00::1]:6443", "[fd00:10:96::1]:443"];
        assert_eq!(found(Some(service), slices), expected);
        // Neither is there, as in tests; a headless Service; a port that is every port.
        assert!(found(None, vec![]).is_empty());
        assert!(
            found(Some(json!({"spec": {"clusterIPs": ["None"], "ports": [{"port": 443}]}})), vec![])
                .is_empty()
        );
        for ports in [json!([{}]), json!([])] {
            assert_eq!(found(None, vec![slice(json!(["10.0.0.1"]), ports)]), ["10.0.0.1:0"]);
        }
    }
}
