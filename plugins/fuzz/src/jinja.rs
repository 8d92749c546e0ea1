//! Jinja templates: `strict` or not and a value in lines, the template behind them.
//!
//! Holds: the text is bounded; the same gives the same; a failure names a place in the template and never the value; what
//! says that it does not vary does not, at another time.

use template_jinja::{Options, render};

use crate::script::{is_telling, line, text};

/// Bytes of a rendered text.
const LONGEST: usize = 4 * 1024 * 1024;

/// See the module.
pub fn run(data: &[u8]) {
    let mut rest = data;
    let [strict, value] = [(); 2].map(|()| line(&mut rest));
    let template = text(rest);
    let options = Options {
        strict: strict == "strict",
        left: String::new(),
        right: String::new(),
        now_ms: 1_709_211_845_678,
    };
    let values = [("v".to_owned(), value.as_bytes().to_vec()), ("tls.key".to_owned(), vec![0xff, 0])];
    let first = render(template, &values, &options);
    match &first {
        Ok(rendered) => assert!(rendered.text.len() <= LONGEST, "{} bytes", rendered.text.len()),
        Err(failure) => {
            let lines = u32::try_from(template.lines().count() + 1).unwrap_or(u32::MAX);
            assert!(failure.line <= lines, "{failure:?}");
            assert!(
                !is_telling(value) || template.contains(value) || !failure.detail.contains(value),
                "{failure:?}"
            );
        }
    }
    let again = render(template, &values, &options);
    assert_eq!(first.as_ref().ok(), again.as_ref().ok(), "the same gives another");
    if let Ok(rendered) = &first
        && !rendered.varies
    {
        let other = Options { now_ms: 1_800_000_000_000, ..options };
        let other = render(template, &values, &other);
        assert_eq!(
            other.ok().map(|other| other.text).as_ref(),
            Some(&rendered.text),
            "it varies and does not say so"
        );
    }
}
