//! Which templates say that another time could give another text.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use template_jinja::{Options, render};

#[test]
fn what_reads_the_clock_varies_and_nothing_else() {
    let options = Options { strict: true, left: String::new(), right: String::new(), now_ms: 1_000 };
    let data = [("user".to_owned(), b"admin".to_vec())];
    for (template, expected) in [
        ("{{ now() }}", true),
        ("{{ now() | datetimeformat(\"%Y\") }}", true),
        ("{% set t = now(utc=true) %}", true),
        ("{% for x in [1] %}{{ \"%Y\" | strftime(now()) }}{% endfor %}", true),
        ("{{ user }}", false),
        ("{{ 0 | isoformat }}", false),
        ("{% if user == \"x\" %}{{ now() }}{% endif %}", false),
        ("{% set clock = now %}{{ user }}", false),
    ] {
        assert_eq!(render(template, &data, &options).expect(template).varies, expected, "{template}");
    }
}
