//! The operator is killed at each step of a reconcile, by a proxy on its way to the API server and to OpenBao: before the
//! step's request arrives there, and after it was answered and before the answer is heard. Another process goes on from
//! what is written down, and nothing else.

use claviger_testenv::{Mark, Moment, PlainApi, Proxy, RunDir, Trap};

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, Watch, World, world};

/// Whom a step asks.
#[derive(Clone, Copy)]
enum Server {
    ApiServer,
    OpenBao,
}

/// A step of the first reconcile of an ExternalSecret by a process that has just started, by its request.
struct Step {
    what: &'static str,
    server: Server,
    method: &'static str,
    /// Part of the path, with names in braces.
    path: &'static str,
    /// The first such request, the second …
    nth: usize,
}

const fn step(
    what: &'static str,
    server: Server,
    method: &'static str,
    path: &'static str,
    nth: usize,
) -> Step {
    Step { what, server, method, path, nth }
}

const READ: &str = "dynamic read";
const APPLY: &str = "apply";

static STEPS: [Step; 8] = {
    use Server::{ApiServer, OpenBao};
    let (login, secret) = ("/v1/auth/{login}/login", "/api/v1/namespaces/{ns}/secrets/{es}");
    [
        step("login of the store", OpenBao, "POST", login, 1),
        step("KV read", OpenBao, "GET", "/v1/{kv}/data/{db}/creds/{es}", 1),
        step("look at the mount", OpenBao, "GET", "/v1/sys/internal/ui/mounts/{db}/creds/{es}", 1),
        step("login for the credential", OpenBao, "POST", login, 2),
        step(READ, OpenBao, "GET", "/v1/{db}/creds/{es}", 1),
        step(APPLY, ApiServer, "PATCH", secret, 1),
        step("event", ApiServer, "POST", "/apis/events.k8s.io/v1/namespaces/{ns}/events", 1),
        step("status", ApiServer, "PATCH", "/externalsecrets/{es}/status", 1),
    ]
};

const MOMENTS: [Moment; 2] = [Moment::Asked, Moment::Answered];

/// The servers, the proxies before them, and what watches.
struct Bench<'a> {
    world: &'a World,
    corner: Corner<'a>,
    watch: Watch<'a>,
    operator: Operator,
    to_api: Proxy,
    to_bao: Proxy,
    _plain: PlainApi,
    _dir: RunDir,
    bao: Mark,
    api: Mark,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World, roles: &[(&str, &str, &str)]) -> Self {
        let dir = RunDir::create(&world.name).unwrap();
        let plain = PlainApi::of_bearers(&world.env.cluster, dir.path()).unwrap();
        let to_api = Proxy::start(plain.address()).unwrap();
        let to_bao = Proxy::start(world.env.bao.address()).unwrap();
        let corner = Corner::at(world, roles, LEASE_RIGHTS, &to_bao.address());
        let watch = Watch::start(world, "approle");
        let (bao, api) = (world.env.bao.audit_mark(), world.env.cluster.audit_mark());
        let operator = Operator::start_by(world, &to_api.address());
        world.wait_ready("secretstore", "vault");
        Self { world, corner, watch, operator, to_api, to_bao, _plain: plain, _dir: dir, bao, api }
    }

    /// Kills the present process at a step.
    fn set(&self, server: Server, method: &'static str, path: &str, nth: usize, moment: Moment) {
        let proxy = match server {
            Server::ApiServer => &self.to_api,
            Server::OpenBao => &self.to_bao,
        };
        proxy.set(Trap { method, path: path.to_owned(), nth, moment, pid: self.operator.pid() });
    }

    /// What was made for an ExternalSecret and its role of the same name: how many leases, of which its Secret's record
    /// never named so many, and writes of the Secret that came through.
    fn left(&self, es: &str) -> Left {
        let made = self.corner.leases_made(self.bao, es);
        let recorded = self.watch.recorded(es);
        assert!(recorded.is_subset(&made), "{es}: {recorded:?} of {made:?}");
        let place = format!("/namespaces/{}/secrets/{es}?", self.world.name);
        let requests = self.world.env.cluster.audit_requests(self.api).unwrap().into_iter();
        let writes = requests
            .filter(|request| request.user == self.operator.user() && request.verb == "patch")
            .filter(|request| request.uri.contains(&place) && (200..300).contains(&request.status));
        Left { made: made.len(), lost: made.len() - recorded.len(), writes: writes.count() }
    }

    /// That the database takes what the Secret holds, and that its lease is there.
    fn assert_good(&self, es: &str, what: &str) {
        self.corner.database.accepts_secret(es).unwrap_or_else(|refused| panic!("{what}: {refused}"));
        let held = self.corner.lease_of(es);
        assert!(self.corner.database.leases(es).contains(&held), "{what}: {held}");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Left {
    made: usize,
    lost: usize,
    writes: usize,
}

#[test]
fn killed_at_any_step_it_goes_on_from_what_is_recorded() {
    let world = world!("leases-steps");
    let names: Vec<String> = (0..STEPS.len() * MOMENTS.len()).map(|n| format!("step{n}")).collect();
    let roles: Vec<(&str, &str, &str)> = names.iter().map(|name| (name.as_str(), "1h", "2h")).collect();
    let mut bench = Bench::new(&world, &roles);
    let mut expected = Vec::new();
    for (n, es) in names.iter().enumerate() {
        let (step, moment) = (&STEPS[n / MOMENTS.len()], MOMENTS[n % MOMENTS.len()]);
        let what = format!("{} {moment:?}", step.what);
        let path = [
            ("{ns}", &world.name),
            ("{es}", es),
            ("{kv}", &bench.corner.mount.path),
            ("{db}", &bench.corner.database.mount),
            ("{login}", &bench.corner.login),
        ];
        let path = path.iter().fold(step.path.to_owned(), |path, (name, is)| path.replace(name, is));
        bench.operator.kill();
        bench.operator.relaunch();
        bench.set(step.server, step.method, &path, step.nth, moment);
        bench.corner.external_secret(es, es, "1h", "");
        bench.operator.wait_killed(&what);
        // What it was killed with: nothing made, something made that nobody wrote down, or that as well.
        let (made, recorded) =
            (bench.corner.leases_made(bench.bao, es).len(), bench.watch.recorded(es).len());
        assert!(made <= 1 && recorded <= made, "{what}: {recorded} of {made}");
        let answered = usize::from(moment == Moment::Answered);
        match step.what {
            READ => assert_eq!((made, recorded), (answered, 0), "{what}"),
            APPLY => assert_eq!((made, recorded), (1, answered), "{what}"),
            _ => {}
        }
        bench.operator.restart();
        world.wait_ready("externalsecret", es);
        bench.assert_good(es, &what);
        // What is recorded is enough.
        let all = made + usize::from(recorded == 0);
        expected.push((what, Left { made: all, lost: made - recorded, writes: 1 }));
        println!("{:?}", (&expected[n], bench.left(es)));
    }
    // By now each has been looked at by many processes.
    let found: Vec<(String, Left)> =
        expected.iter().zip(&names).map(|((what, _), es)| (what.clone(), bench.left(es))).collect();
    assert_eq!(found, expected);
    for (es, (what, _)) in names.iter().zip(&expected) {
        bench.assert_good(es, what);
    }
}

/// Renewed at two thirds of its life; a third is left to go on in.
const LIFE: &str = "24s";

#[test]
fn killed_at_a_renewal_it_renews_and_at_a_revocation_it_revokes() {
    let world = world!("leases-steps-later");
    let roles = [
        ("renewed0", LIFE, "1h"),
        ("renewed1", LIFE, "1h"),
        ("replaced0", "1h", "2h"),
        ("replaced1", "1h", "2h"),
    ];
    let mut bench = Bench::new(&world, &roles);
    for (n, moment) in MOMENTS.into_iter().enumerate() {
        let (es, what) = (format!("renewed{n}"), format!("renewal {moment:?}"));
        bench.corner.external_secret(&es, &es, "1h", "");
        world.wait_ready("externalsecret", &es);
        bench.set(Server::OpenBao, "PUT", "/v1/sys/leases/renew", 1, moment);
        bench.operator.wait_killed(&what);
        let mark = world.env.bao.audit_mark();
        bench.operator.restart();
        world.wait("it to be renewed", || match bench.corner.asked(mark, "sys/leases/renew") {
            0 => Err(bench.operator.log()),
            _ => Ok(()),
        });
        bench.assert_good(&es, &what);
        assert_eq!(bench.left(&es), Left { made: 1, lost: 0, writes: 1 }, "{what}");
        world.kubectl(&["-n", &world.name, "delete", "externalsecret", &es]);
        world.wait("its lease to be revoked", || match bench.corner.database.leases(&es).as_slice() {
            [] => Ok(()),
            left => Err(format!("{left:?}")),
        });
    }
    for (n, moment) in MOMENTS.into_iter().enumerate() {
        let (es, what) = (format!("replaced{n}"), format!("revocation {moment:?}"));
        bench.corner.external_secret(&es, &es, "1h", "claviger.io/revoke-superseded-after: 0s");
        world.wait_ready("externalsecret", &es);
        bench.set(Server::OpenBao, "PUT", "/v1/sys/leases/revoke", 1, moment);
        world.sync_now(&es);
        bench.operator.wait_killed(&what);
        bench.operator.restart();
        world.wait("the replaced one to be gone", || {
            let (left, held) = (bench.corner.database.leases(&es), bench.corner.lease_of(&es));
            if left == [held] { Ok(()) } else { Err(format!("{left:?}\n{}", bench.operator.log())) }
        });
        bench.assert_good(&es, &what);
        assert_eq!(bench.left(&es), Left { made: 2, lost: 0, writes: 2 }, "{what}");
    }
}
