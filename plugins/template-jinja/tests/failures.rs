//! What a failure says and where, that it never says a value, and that nothing grows without bound.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use template_jinja::{Failure, Options, names, render};

fn options() -> Options {
    Options { strict: true, left: String::new(), right: String::new(), now_ms: 0 }
}

fn data() -> Vec<(String, Vec<u8>)> {
    let text = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    vec![
        text("user", "admin"),
        text("password", "hunter2-marked"),
        text("number", "987654321987654321"),
        ("bin".to_owned(), vec![0xff, 0x00, b'a', 0xfe]),
    ]
}

fn failure(template: &str) -> Failure {
    render(template, &data(), &options()).expect_err(template)
}

#[test]
fn says_what_and_where() {
    let cases = [
        ("{{ nope }}", 1, 4, "undefined value: `nope` is undefined"),
        ("a: {{ user }}\nb: {{ passwrod | quote }}\n", 2, 18, "undefined value: `passwrod` is undefined"),
        ("é {{ nope }}", 1, 6, "undefined value: `nope` is undefined"),
        ("{{ data['tls.crt'] }}", 1, 4, "undefined value: `data['tls.crt']` is undefined"),
        ("{{ user.name }}", 1, 4, "undefined value: `user.name` is undefined"),
        ("{{ user.name.first }}", 1, 8, "undefined value: `user.name` is undefined"),
        ("{{ nope | b64encode }}", 1, 11, "undefined value: `nope` is undefined"),
        ("{{ nope | sha256 }}", 1, 11, "undefined value: `nope` is undefined"),
        ("{{ [nope] | tojson }}", 1, 13, "undefined value: `nope` is undefined"),
        ("{{ nope | isoformat }}", 1, 11, "undefined value: `nope` is undefined"),
        ("{{ 'a %(é)s' | format(user) }}", 1, 16, "format: a key in %(…) has to be ASCII"),
        ("{{ '%(é' | format(user) }}", 1, 12, "format: a key in %(…) has to be ASCII"),
        ("{{ user | nofilter }}", 1, 11, "unknown filter: filter nofilter is unknown"),
        ("{{ nofunction() }}", 1, 4, "unknown function: nofunction is unknown"),
        ("{{ user.nomethod() }}", 1, 8, "unknown method: string has no method named nomethod"),
        ("x\n  {% if user %}y", 2, 16, "syntax error: unexpected end of input, expected end of block"),
        ("{{ 'open }}", 1, 12, "syntax error: unexpected end of string"),
        ("{% include 'other' %}", 1, 4, "syntax error: unknown statement include"),
        ("{% import 'other' as other %}", 1, 4, "syntax error: unknown statement import"),
        ("{% extends 'other' %}", 1, 4, "syntax error: unknown statement extends"),
        (
            "{{ user + 1 }}",
            1,
            4,
            "invalid operation: tried to use + operator on unsupported types string and number",
        ),
        ("{{ user | b64decode | hexdecode }}", 1, 11, "b64decode: the value is not base64"),
        ("{{ '' | required('no replica set') }}", 1, 9, "no replica set"),
        ("{{ '' | required }}", 1, 9, "a required value is missing"),
        (
            "{{ now() | datetimeformat('%Q') }}",
            1,
            12,
            "unknown directive in the format of a time: known are %Y %y %m %d %e %j %H %I %M %S %p %A %a %B %b %h %u %w %s %z %Z %F %T %D %R %n %t %%",
        ),
        (
            "a {{ bin }}",
            1,
            6,
            "a value that is no UTF-8 text cannot be written as text: use b64encode or hexencode",
        ),
        (
            "{{ data }}",
            1,
            4,
            "data holds every key and cannot be written as a whole: name a key, as in data[\"key\"]",
        ),
    ];
    let mut wrong = Vec::new();
    for (template, line, column, detail) in cases {
        let expected = Failure { line, column, detail: detail.to_owned() };
        let got = failure(template);
        if got != expected {
            wrong.push(format!("{template}\n  expected {expected:?}\n  got      {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn never_quotes_a_value() {
    let cases = [
        "{{ password | required | fromjson }}",
        "{{ '' | required(password) }}",
        "{{ '' | required('bad ' ~ password) }}",
        "{{ password | b64decode }}",
        "{{ password | hexdecode }}",
        "{{ ('[' ~ password) | fromjson }}",
        "{{ ('{\"' ~ password ~ '\": ') | fromjson }}",
        "{{ ('[' ~ password) | fromyaml }}",
        "{{ ('*' ~ password) | fromyaml }}",
        "{{ password | int }}",
        "{{ password | float }}",
        "{{ password * password }}",
        "{{ password - 1 }}",
        "{{ -password }}",
        "{{ password() }}",
        "{{ password.nope() }}",
        "{{ password[password][0] }}",
        "{{ {}[password] }}",
        "{{ data[password] }}",
        "{{ [user] | map(password) | list }}",
        "{{ [user] | select(password) | list }}",
        "{{ [user] | selectattr('x', password) | list }}",
        "{{ [user] | map(attribute=password) | join }}",
        "{{ user | attr(password) }}",
        "{{ ('%' ~ password) | format(1) }}",
        "{{ '%(x)s' | format(**{password: 1}) }}",
        "{{ user | indent(**{password: 1}) }}",
        "{{ dict(**{password: 1}) | required | nope }}",
        "{% macro m() %}{% endmacro %}{{ m(**{password: 1}) }}",
        "{{ user | strftime(password) }}",
        "{{ now() | datetimeformat('%Q' ~ password) }}",
        "{{ password | isoformat }}",
        "{{ range(password) }}",
        "{{ 5 | round(method=password) }}",
        "{% for a, b in [password] %}{% endfor %}",
        "{% for x in password | int %}{% endfor %}",
        "{{ password.split(1) }}",
        "{% set user.x = password %}",
        "{{ namespace(password) }}",
        "{% autoescape password %}{% endautoescape %}",
        "{{ (number | int) ** 9 }}",
        "{{ (number | int) // 0 }}",
        "{{ (number | int) % 0 }}",
        "{{ password | tojson(**{password: 1}) }}",
        "{{ {(password, 1): 2} | tojson }}",
        "{{ data }}",
        "{{ [data] }}",
        "{{ data ~ '' }}",
        "{{ data | string }}",
        "{{ password | pprint }}",
        "{{ debug() }}",
    ];
    let mut rendered = Vec::new();
    for template in cases {
        let Err(failure) = render(template, &data(), &options()) else {
            rendered.push(template);
            continue;
        };
        let detail = failure.detail.to_lowercase();
        let found = ["hunter2", "marked", "987654321"].iter().find(|value| detail.contains(*value));
        assert!(found.is_none(), "{template}: {detail}");
    }
    assert_eq!(rendered, [""; 0], "they should fail");
}

#[test]
fn bytes_are_kept_or_refused() {
    let ok = |template: &str| String::from_utf8(render(template, &data(), &options()).unwrap().text).unwrap();
    assert_eq!(ok("{{ bin | b64encode }} {{ bin | hexencode }}"), "/wBh/g== ff0061fe");
    assert_eq!(ok("{{ bin | b64encode | b64decode | sha256 == bin | sha256 }}"), "True");
    assert_eq!(ok("{{ bin == bin | hexencode | hexdecode }} {{ bin == user }}"), "True False");
    assert_eq!(ok("{% if bin %}{% set copy = bin %}{{ copy | b64urlencode }}{% endif %}"), "_wBh_g==");
    let refused = [
        "{{ bin }}",
        "{{ bin ~ '' }}",
        "{{ bin | upper }}",
        "{{ bin | string }}",
        "{{ bin | trim }}",
        "{{ bin | quote }}",
        "{{ bin | urlencode }}",
        "{{ [bin] }}",
        "{{ [bin] | join }}",
        "{{ [bin] | tojson }}",
        "{{ {'k': bin} | toyaml }}",
        "{{ data | tojson }}",
        "{{ '%s' | format(bin) }}",
        "{{ user.replace('a', bin | string) }}",
        "{% set x %}{{ bin }}{% endset %}",
        "{{ (bin ~ 'x') | b64encode }}",
        "{{ ','.join([bin]) }}",
        "{{ bin | string | length }}",
        "{% if bin | string %}{% endif %}",
    ];
    for template in refused {
        let detail = failure(template).detail;
        assert!(detail.contains("no UTF-8 text"), "{template}: {detail}");
    }
}

#[test]
fn data_is_always_every_key() {
    let data = vec![
        ("data".to_owned(), b"mine".to_vec()),
        ("tls.crt".to_owned(), b"pem".to_vec()),
        ("now".to_owned(), b"shadows".to_vec()),
    ];
    let got = render("{{ data['data'] }} {{ data['tls.crt'] }} {{ now }}", &data, &options()).unwrap().text;
    assert_eq!(got, b"mine pem shadows");
}

#[test]
fn growth_is_bounded() {
    let cases = [
        ("{{ 'x' * 5000000 }}", "4 MiB"),
        ("{{ 'x' * 90000000 }}", "does too much"),
        ("{{ 'x' * 99999999999 }}", "does too much"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "does too much"),
        ("{% for a in range(1000) %}{{ 'x' * 10000 }}{% endfor %}", "4 MiB"),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = [n.s, n.s] | join %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = n.s | replace('x', 'xx') %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = n.s.replace('x', 'xx') %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}",
            "does too much",
        ),
        (
            "{% set n = namespace(s='x') %}{% for a in range(60) %}{% set n.s = n.s | b64encode %}{% endfor %}",
            "does too much",
        ),
        ("{{ range(9999999) }}", "too many elements"),
        ("{{ ([1] * 50000000) | list }}", "does too much"),
        ("{{ ([1] * 50000000) | tojson }}", "4 MiB"),
        ("{{ ([1] * 50000000) | toyaml }}", "4 MiB"),
        ("{{ ([1] * 50000000) | join }}", "does too much"),
        ("{{ ([1] * 50000000) | sort }}", "does too much"),
        ("{{ user | indent(9999999) }}{{ ('\\n' * 1000) | indent(9999999, blank=true) }}", "4 MiB"),
        ("{{ 'x' | nindent(99999999999) }}", "4 MiB"),
        ("{{ '%99999999d' | format(1) }}", "does too much"),
        ("{{ '{:99999999}'.format(1) }}", "unknown method"),
        ("{{ ('%c' * 900000) | strftime(0) }}", "unknown directive"),
        ("{{ ('%A' * 900000) | strftime(0) }}", "4 MiB"),
        ("{{ ('a' * 2500000) | hexencode }}", "4 MiB"),
        (
            "{{ 'a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]' | fromyaml }}",
            "more than 100000 values",
        ),
    ];
    for (template, expected) in cases {
        let detail = failure(template).detail;
        assert!(detail.contains(expected), "{template}: {detail}");
    }
}

/// On a stack of its own: frames of a build without optimisation are many times larger than a guest's.
#[test]
fn depth_is_bounded() {
    let deep = |open: &str, close: &str, n: usize| format!("{}x{}", open.repeat(n), close.repeat(n));
    let expression =
        |open: &str, close: &str, n: usize| format!("{{{{ {}1{} }}}}", open.repeat(n), close.repeat(n));
    let cases = [
        (deep("{% if true %}", "{% endif %}", 40), None),
        (deep("{% if true %}", "{% endif %}", 5000), Some("recursion")),
        (expression("(", ")", 40), None),
        (expression("(", ")", 5000), Some("recursion")),
        (expression("[", "]", 5000), Some("recursion")),
        ("{% macro r(n) %}{{ r(n + 1) }}{% endmacro %}{{ r(0) }}".to_owned(), Some("recursion limit exceeded")),
        ("{% macro r(n) %}{% if n %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(30) }}".to_owned(), None),
        ("{% for x in [[[]]] recursive %}{{ loop([x]) }}{% endfor %}".to_owned(), Some("recursion")),
        ("{{ ('[' * 90 ~ ']' * 90) | fromjson | tojson | length }}".to_owned(), None),
        ("{{ ('[' * 100000) | fromjson }}".to_owned(), Some("not JSON")),
        ("{{ ('[' * 5000) | fromyaml }}".to_owned(), Some("not YAML")),
        (
            "{% set n = namespace(l=[]) %}{% for x in range(300) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l | tojson }}"
                .to_owned(),
            Some("nested deeper"),
        ),
        (
            "{% set n = namespace(l=[]) %}{% for x in range(300) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l | toyaml }}"
                .to_owned(),
            Some("nested deeper"),
        ),
    ];
    let run = move || {
        let mut wrong = Vec::new();
        for (template, expected) in cases {
            match (render(&template, &data(), &options()), expected) {
                (Ok(_), None) => {}
                (Err(failure), Some(expected)) if failure.detail.contains(expected) => {}
                (got, expected) => wrong.push(format!("{template:.60}: {got:?} instead of {expected:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn delimiters_must_differ() {
    let with = |left: &str, right: &str| {
        let options = Options { left: left.to_owned(), right: right.to_owned(), ..options() };
        render("{{ x }}", &[], &options)
    };
    assert_eq!(with("<<", ">>").unwrap().text, b"{{ x }}");
    let failure = with("{%", "%}").unwrap_err();
    assert_eq!((failure.line, failure.column), (0, 0));
    assert!(failure.detail.starts_with("invalid custom delimiters"), "{}", failure.detail);
}

#[test]
fn nothing_reaches_outside() {
    for name in ["debug", "pprint", "include", "random", "env", "lookup"] {
        assert!(!names().iter().any(|known| known == name), "{name}");
    }
    let twice =
        |template: &str| (render(template, &data(), &options()), render(template, &data(), &options()));
    let (first, second) = twice("{{ now() }} {{ user | sha256 }}");
    assert_eq!(first, second);
}

#[test]
fn only_keys_of_a_format_have_to_be_ascii() {
    for (template, text) in [
        ("{{ 'é %s %%(é) ü' | format(user) }}", "é admin %(é) ü"),
        ("{{ '%(name)s é' | format(name=user) }}", "admin é"),
        ("{{ '%5.1f|%-3d|' | format(1.25, 7) }}", "  1.2|7  |"),
    ] {
        let rendered = render(template, &data(), &options()).expect(template);
        assert_eq!(rendered.text, text.as_bytes(), "{template}");
    }
}
