//! The page as HTML: one document without scripts, images or anything from elsewhere. Pure.
//!
//! Every text passes [`Escaped`]: names and messages may be anybody's.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::data::{Page, ROWS, Role, Row, Section, State};
use super::query::Query;

const STYLE: &str = include_str!("style.css");

/// What a browser may do with it: apply just this style, send the form here, and nothing else.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// A text between tags or in quotes of an attribute. What cannot be seen, or turns the direction of what follows, shows as
/// a mark.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(' ')?,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
                    f.write_char('\u{fffd}')?;
                }
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The whole document.
pub(super) fn render(page: &Page) -> String {
    Document(page).to_string()
}

struct Document<'a>(&'a Page);

impl fmt::Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.0;
        writeln!(
            f,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>Claviger: {} failing</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>",
            page.sections().iter().map(|(_, section)| section.failing).sum::<usize>()
        )?;
        head(f, page)?;
        writeln!(f, "<main>")?;
        summary(f, page)?;
        for (title, section) in page.sections() {
            table(f, page, title, section)?;
        }
        pages(f, page)?;
        writeln!(f, "</main>\n</body>\n</html>")
    }
}

impl Page {
    fn sections(&self) -> [(&'static str, &Section); 4] {
        [
            ("ExternalSecrets", &self.external_secrets),
            ("PushSecrets", &self.push_secrets),
            ("Stores", &self.stores),
            ("Plugins", &self.plugins),
        ]
    }

    fn query(&self) -> Query {
        Query { page: self.page, namespace: self.namespace.clone(), ..Query::default() }
    }
}

fn head(f: &mut fmt::Formatter<'_>, page: &Page) -> fmt::Result {
    let role = match page.role {
        Role::Alone => "works, without an election",
        Role::Leader => "leads",
        Role::Standby => "stands by",
    };
    writeln!(f, "<header>\n<h1>Claviger <small>{}</small></h1>", Escaped(page.version))?;
    write!(f, "<p class=\"role\">This replica <b>{role}</b>")?;
    if let Some(scope) = &page.scope {
        write!(f, ", for namespace <b>{}</b> only", Escaped(scope))?;
    }
    match &page.missing {
        None => write!(f, "; ready")?,
        Some(missing) => write!(f, "; <b class=\"failing\">not ready</b>: {}", Escaped(missing))?,
    }
    writeln!(f, ". As of {}.</p>", Time(page.generated, page.generated))?;
    writeln!(
        f,
        "<form method=\"get\" action=\"/status\"><label>Namespace <input name=\"namespace\" value=\"{}\" \
         pattern=\"[a-z0-9\\-]*\" maxlength=\"63\" autocomplete=\"off\" spellcheck=\"false\"></label> \
         <button>Show</button>{}</form>\n</header>",
        Escaped(page.namespace.as_deref().unwrap_or_default()),
        if page.namespace.is_some() { " <a href=\"/status\">all</a>" } else { "" }
    )
}

fn summary(f: &mut fmt::Formatter<'_>, page: &Page) -> fmt::Result {
    writeln!(f, "<section class=\"counts\">")?;
    for (title, section) in page.sections() {
        let class = if section.failing > 0 { "failing" } else { "ready" };
        write!(
            f,
            "<div class=\"{class}\"><h3>{title}</h3><p><b>{}</b> of {} ready",
            section.ready, section.total
        )?;
        for (count, what) in [(section.failing, "failing"), (section.pending, "not looked at yet")] {
            if count > 0 {
                write!(f, "<br>{count} {what}")?;
            }
        }
        if section.others > 0 {
            write!(f, "<br>{} of other controller classes left out", section.others)?;
        }
        writeln!(f, "</p></div>")?;
    }
    writeln!(f, "</section>")
}

fn table(f: &mut fmt::Formatter<'_>, page: &Page, title: &str, section: &Section) -> fmt::Result {
    if section.total == 0 {
        return Ok(());
    }
    writeln!(f, "<section>\n<h2>{title}</h2>")?;
    if !section.reasons.is_empty() {
        write!(f, "<p class=\"reasons\">")?;
        for (reason, count) in &section.reasons {
            let reason = if reason.is_empty() { "without a reason" } else { reason };
            write!(f, "<span>{count} {}</span> ", Escaped(reason))?;
        }
        writeln!(f, "</p>")?;
    }
    if section.rows.is_empty() {
        return writeln!(f, "<p class=\"more\">All {} are on earlier pages.</p>\n</section>", section.total);
    }
    writeln!(
        f,
        "<table>\n<thead><tr><th>State</th><th>Name</th><th>Reason and message</th><th>Last sync</th><th>Next look</th>\
         <th>About</th></tr></thead>\n<tbody>"
    )?;
    for row in &section.rows {
        line(f, page.generated, row)?;
    }
    writeln!(f, "</tbody>\n</table>")?;
    if section.total > section.rows.len() {
        let first = (page.page - 1).saturating_mul(ROWS) + 1;
        let last = first + section.rows.len() - 1;
        writeln!(f, "<p class=\"more\">{first} to {last} of {}, those that fail first.</p>", section.total)?;
    }
    writeln!(f, "</section>")
}

fn line(f: &mut fmt::Formatter<'_>, now: Timestamp, row: &Row) -> fmt::Result {
    let (class, state) = match row.state {
        State::Failing => ("failing", "Failing"),
        State::Pending => ("pending", "Pending"),
        State::Ready => ("ready", "Ready"),
    };
    write!(f, "<tr class=\"{class}\"><td data-is=\"State\"><span class=\"state\">{state}</span>")?;
    if let Some(since) = row.since {
        let (exact, lasts) = (claviger_core::status::rfc3339(since), now.duration_since(since).as_secs());
        let lasts = span(lasts.max(0).unsigned_abs());
        write!(f, "<small>for <time datetime=\"{exact}\" title=\"since {exact}\">{lasts}</time></small>")?;
    }
    if row.failures > 1 {
        write!(f, "<small>{} times in a row</small>", row.failures)?;
    }
    write!(f, "</td><td data-is=\"Name\"><b>{}</b>", Escaped(&row.name))?;
    if row.namespace.is_empty() {
        write!(f, "<small>{}</small>", row.kind)?;
    } else {
        write!(f, "<small>in {}</small>", Escaped(&row.namespace))?;
    }
    write!(f, "</td><td data-is=\"Reason\"><code>{}</code>", Escaped(&row.reason))?;
    if !row.message.is_empty() {
        write!(f, "<p dir=\"auto\">{}</p>", Escaped(&row.message))?;
    }
    write!(f, "</td>")?;
    for (label, time) in [("Last sync", row.last_sync), ("Next look", row.next_look)] {
        match time {
            Some(time) => write!(f, "<td data-is=\"{label}\">{}</td>", Time(now, time))?,
            None => write!(f, "<td class=\"none\">–</td>")?,
        }
    }
    write!(f, "<td data-is=\"About\">")?;
    for (name, value) in &row.about {
        write!(f, "<small><i>{name}</i> {}</small>", Escaped(value))?;
    }
    writeln!(f, "</td></tr>")
}

fn pages(f: &mut fmt::Formatter<'_>, page: &Page) -> fmt::Result {
    if page.pages < 2 && page.page == 1 {
        return Ok(());
    }
    let query = page.query();
    write!(f, "<nav>")?;
    if page.page > 1 {
        let before = (page.page - 1).min(page.pages);
        write!(f, "<a rel=\"prev\" href=\"{}\">before</a> ", Escaped(&query.link(before)))?;
    }
    write!(f, "page {} of {}", page.page, page.pages)?;
    if page.page < page.pages {
        write!(f, " <a rel=\"next\" href=\"{}\">next</a>", Escaped(&query.link(page.page + 1)))?;
    }
    writeln!(f, "</nav>")
}

/// A time as seen from another, with the exact one to be had.
struct Time(Timestamp, Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(now, time) = *self;
        let exact = claviger_core::status::rfc3339(time);
        let seconds = time.duration_since(now).as_secs();
        let shown = match seconds {
            0 if now == time => exact.clone(),
            0 => "now".to_owned(),
            seconds if seconds > 0 => format!("in {}", span(seconds.unsigned_abs())),
            seconds => format!("{} ago", span(seconds.unsigned_abs())),
        };
        write!(f, "<time datetime=\"{exact}\" title=\"{exact}\">{shown}</time>")
    }
}

/// The largest unit that there are two of.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        for (text, expected) in [
            ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("&lt;", "&amp;lt;"),
            ("a\u{202e}b\u{0}\u{1b}\u{200b}c", "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}c"),
            ("é ü 日本", "é ü 日本"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }

    #[test]
    fn times_are_read_at_a_glance() {
        for (seconds, shown) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), shown);
        }
    }
}
