//! What every end-to-end test needs: the servers, an operator of its own, and ways to look.

mod api;
mod aws;
mod azure;
mod browser;
mod corner;
mod database;
mod google;
mod latency;
mod leaks;
mod logins;
mod operator;
mod package;
mod person;
mod rounds;
mod seed;
mod vault;
mod watch;

pub(crate) use api::{Api, Asked, Said, json_of};
pub(crate) use aws::{Account, allow};
pub(crate) use azure::Vault;
pub(crate) use browser::Browser;
pub(crate) use corner::World;
pub(crate) use database::Database;
pub(crate) use google::{ACCESSOR, Project, VIEWER, WORKLOAD, member, one};
pub(crate) use latency::{bystander, bystander_store, print_latency};
pub(crate) use leaks::assert_no_value_left;
pub(crate) use logins::Logins;
pub(crate) use operator::{AMBIENT_VALUE, ENDPOINTS, Operator};
pub(crate) use package::{chameleon, component, digest, leb, noise, pack, relabelled, section};
pub(crate) use person::Person;
pub(crate) use rounds::Rounds;
pub(crate) use seed::seed_values;
pub(crate) use vault::Mount;
pub(crate) use watch::Watch;

/// The environment, or a loud skip.
macro_rules! world {
    ($name:literal) => {
        match $crate::support::World::new($name) {
            Some(world) => world,
            None => return,
        }
    };
}
pub(crate) use world;
