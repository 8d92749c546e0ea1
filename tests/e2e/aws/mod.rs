//! AWS: the reference document's stores, every way to log in, Secrets Manager, Parameter Store.

mod ambient;
mod login;
mod parameter_store;
mod render;
mod secrets_manager;
mod seed;
