//! Template engine `jinja`: the Jinja language as minijinja has it, with the filters that secrets need.
//!
//! Each template stands for itself: there is no include, import or extends, no loader, no randomness, and
//! the clock is the host's. Every key is a variable, and `data["tls.crt"]` reaches those whose name is no
//! identifier; a key called `data` is `data["data"]`. A value that is no UTF-8 text can be encoded and
//! hashed; writing it into the text is an error that says so.
//!
//! ```
//! use template_jinja::{Options, render};
//!
//! let options =
//!     Options { strict: true, left: String::new(), right: String::new(), now_ms: 1_709_211_845_678 };
//! let data = [("user".to_owned(), b"admin".to_vec()), ("tls.key".to_owned(), vec![0xff, 0x00])];
//!
//! let rendered = render("user={{ user | upper }}", &data, &options).unwrap();
//! assert_eq!(rendered.text, b"user=ADMIN");
//! assert!(!rendered.varies); // it did not ask for the time
//!
//! let encoded = render("{{ data['tls.key'] | b64encode }}", &data, &options).unwrap();
//! assert_eq!(encoded.text, b"/wA=");
//! let failure = render("\n{{ usr }}", &data, &options).unwrap_err();
//! assert_eq!(failure.line, 2);
//! ```

mod data;
mod failure;
mod filters;
mod limits;
pub mod plugin;
mod render;

pub use claviger_plugin_sdk::engine::{Failure, Rendered};
pub use filters::names;
pub use render::{Options, render};
