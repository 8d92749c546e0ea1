//! End to end: real etcd, kube-apiserver with RBAC, kube-controller-manager, OpenBao, and the real binary.
//!
//! The servers belong to `cargo xtask test`, which hands them over by environment variable; each test
//! takes namespaces and mounts of its own and starts its own operator with a controller class of its
//! own, so tests run side by side. Run alone, without those servers, every test says so and is skipped
//! loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should say where")]

mod access;
mod audit;
mod authors;
mod aws;
mod azure;
mod bad_input;
mod cases;
mod chart;
mod commands;
mod conformance;
mod controller_class;
mod counts;
mod definitions;
mod diff;
mod doctor;
mod document;
mod external_secrets;
mod faults;
mod full_disk;
mod gcp;
mod generators;
mod ha;
mod image;
mod kubernetes;
mod leases;
mod limits;
mod metrics;
mod onepassword;
mod plugins;
mod policies;
mod push;
mod quota;
mod recovery;
mod refresh;
mod release;
mod scale;
mod spread;
mod status_page;
mod support;
mod takeover;
mod tenancy;
mod upgrade;
mod vault;
mod webhook;
mod webhook_provider;
