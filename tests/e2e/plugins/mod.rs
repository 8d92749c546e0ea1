//! Plugins from outside, as an admin installs them: ConfigMap or registry, and Plugin object on the real API server.
//!
//! Plugin objects are cluster-scoped: each test names its own after itself, and only its operator serves
//! them (`spec.controller`). What a component does inside one call is tested in `host/plugins/tests`.

mod hostile;
mod lifecycle;
mod oci;
mod own_ports;
mod refused;
mod rights;
