//! A world for tests: servers that are a function. Only tests.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;

use crate::world::{Reply, Request, World};

type Server<'f> = dyn Fn(&Request) -> (u16, String) + 'f;

/// See the module. It is 2026-01-02 03:04:05 UTC.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    pub(crate) requests: RefCell<Vec<Request>>,
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> (u16, String) + 'f) -> Self {
        Self { server: Box::new(server), requests: RefCell::default() }
    }
}

impl World for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        let answer = |request: Request| {
            let (status, body) = (self.server)(&request);
            self.requests.borrow_mut().push(request);
            Ok(Reply::new(status, body))
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }
}
