//! One run of servers: its folder, its processes, its ports, and waiting for them.
//!
//! A run's folder holds data, logs and pid files. Its `lock` is held by the owner for as long as it
//! lives, so a folder whose lock is free belongs to an owner that is gone: [`RunDir::create`] stops what
//! is left of it. What a server *is* does not matter here.

mod dir;
mod ports;
mod process;
mod wait;

pub use dir::RunDir;
pub(crate) use dir::{make_private, tail, write_private};
pub use ports::free_port;
pub(crate) use process::Process;
pub use wait::poll;
