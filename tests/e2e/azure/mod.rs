//! The provider `azurekv`, with stores and ExternalSecrets as users write them, under the clouds' real names.
//! What verifies tokens and gives objects is `tests/servers/azure_server.py`.

mod faults;
mod find;
mod identity;
mod login;
mod objects;
mod render;
mod seed;
mod workload_identity;
