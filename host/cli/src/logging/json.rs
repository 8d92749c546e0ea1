//! A log line as JSON: `timestamp`, `level` in lower case, `target`, the event's own fields, and each span's fields under the
//! span's name. tracing-subscriber's own lines have levels in upper case, which filters for `level` miss, and a span's
//! name beside its fields, where it hides a field `name`.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format.
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let meta = event.metadata();
        let mut line = Map::new();
        // Fields of the event first: none of them may stand in for what follows.
        event.record(&mut Fields(&mut line));
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            let fields = fields.and_then(|fields| serde_json::from_str(&fields.fields).ok());
            line.insert(span.name().to_owned(), fields.unwrap_or(Value::Null));
        }
        line.insert("timestamp".to_owned(), format!("{:.6}", Timestamp::now()).into());
        line.insert("level".to_owned(), level(*meta.level()).into());
        line.insert("target".to_owned(), meta.target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Takes an event's fields.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    /// An event's own words are its first field. One of the same name is a message that it is about.
    fn set(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            "message" if self.0.contains_key("message") => "about",
            name => name,
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = write!(text, "{value:?}");
        self.set(field, text.into());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_writer(written.clone())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_message_that_it_is_about_hides_no_words() {
        let lines = lines(|| {
            let message = "no such key";
            tracing::warn!(reason = "R", message, "not synced");
        });
        assert_eq!((&lines[0]["message"], &lines[0]["about"]), (&json!("not synced"), &json!("no such key")));
    }

    /// The reference document's filter for logs keeps lines by `level (error|warn|info)`, in lower case.
    #[test]
    fn levels_are_in_lower_case() {
        let lines = lines(|| {
            tracing::error!("e");
            tracing::warn!("w");
            tracing::info!("i");
            tracing::debug!("d");
            tracing::trace!("t");
        });
        let levels: Vec<_> = lines.iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["error", "warn", "info", "debug", "trace"]);
        for line in &lines {
            let timestamp = line["timestamp"].as_str().unwrap();
            assert!(timestamp.parse::<Timestamp>().is_ok() && timestamp.ends_with('Z'), "{timestamp}");
            assert_eq!(line["target"], module_path!());
        }
    }

    #[test]
    fn a_line_has_its_own_fields_and_those_of_what_it_is_a_part_of() {
        let lines = lines(|| {
            let span = tracing::error_span!("reconcile", kind = "ExternalSecret", name = "db", id = "1f");
            let _in = span.enter();
            let error = std::io::Error::other("a \"quoted\"\nline");
            tracing::warn!(count = 3, ready = false, name = "other", %error, "not {}", "synced");
        });
        let [line] = lines.as_slice() else { unreachable!("{lines:?}") };
        assert_eq!(line["message"], "not synced");
        assert_eq!(
            (&line["count"], &line["ready"], &line["name"]),
            (&json!(3), &json!(false), &json!("other"))
        );
        assert_eq!(line["error"], "a \"quoted\"\nline");
        assert_eq!(line["reconcile"], json!({"kind": "ExternalSecret", "name": "db", "id": "1f"}));
    }

    #[test]
    fn no_field_stands_in_for_the_level() {
        let lines = lines(|| tracing::info!(level = "error", timestamp = "never", "said"));
        assert_eq!(lines[0]["level"], "info");
        assert_ne!(lines[0]["timestamp"], "never");
    }
}
