//! What a replica says while it is not ready.

use crate::support::{Operator, world};

#[test]
fn a_replica_that_is_not_ready_says_what_is_missing() {
    let world = world!("ha-readiness");
    let operator = Operator::start_without_rights(&world);
    let page = operator.page("/readyz");
    assert!(page.contains("503 Service Unavailable"), "{page}");
    for list in ["externalsecrets", "secretstores", "managed secrets", "clustersecretstores", "plugins"] {
        assert!(page.contains(list), "{list} in {page}");
    }
    assert!(operator.page("/healthz").contains("200 OK"), "it lives");
    let operator = operator.grant(&world);
    assert!(operator.leads(), "without an election it works as soon as it can");
}
