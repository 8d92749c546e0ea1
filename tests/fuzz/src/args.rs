//! How the binary reads values of flags, which its settings file shares (`config`). A binary has no library to call, so
//! its module is compiled in here.

#[allow(dead_code, reason = "the command line's own are not needed")]
#[path = "../../../host/cli/src/args/values.rs"]
mod values;

pub(crate) use values::{parse_interval, parse_listen};
