//! Go's text/template with the functions that ESO gives it, sprig's above all: for template engine `v2`, and for
//! providers whose requests are templates.
//!
//! The language is implemented here, on bytes, after Go's own: what Go refuses is refused, what it shows is
//! shown byte for byte (`tests/corpus.rs` compares with Go). Not here: functions that reach outside (`env`,
//! `expandenv`, `getHostByName`), which ESO removed too; time and randomness other than the host gives.
//!
//! ```
//! use go_template::{Options, render};
//!
//! let options = Options {
//!     strict: true, // Go's `missingkey=error`
//!     left: String::new(),
//!     right: String::new(),
//!     now_ms: 1_709_211_845_678,
//!     seed: vec![7; 32],
//! };
//! let data = [("user".to_owned(), b"admin".to_vec())];
//!
//! let rendered = render("user={{ .user | upper | quote }}", &data, &options).unwrap();
//! assert_eq!(rendered.text, br#"user="ADMIN""#);
//! assert!(!rendered.varies); // no function that time or chance decide
//!
//! let failure = render("a\n{{ .usr }}", &data, &options).unwrap_err();
//! assert_eq!(failure.line, 2);
//! ```

mod error;
mod format;
mod functions;
mod language;
mod limits;
pub mod material;
mod mentions;
mod pki;
mod render;
mod text;
mod time;
mod value;

pub use error::EngineError;
pub use functions::names;
pub use mentions::mentions;
pub use render::{Failure, Object, Options, Rendered, render, render_objects};
pub use time::duration::parse as parse_duration;
