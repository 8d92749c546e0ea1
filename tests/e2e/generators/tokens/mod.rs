//! Logins to the clouds' container registries, and temporary credentials: each of them is used, or is what the vendor's own
//! client gets.

mod aws;
