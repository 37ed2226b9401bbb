//! The log: JSON lines for machines, text for a person at a terminal.
//!
//! Our own layer writes the JSON, because an operator looks for `order` or `request_id` and
//! not for a position in a list of spans: the fields of all surrounding spans and of the event
//! stand side by side, an inner one before an outer one of the same name.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::sync::Once;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

/// Writes the log to stderr from now on. Only the first call counts.
pub fn start_log(settings: &LogSettings) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let terminal = io::stderr().is_terminal();
        let text = match settings.format {
            LogFormat::Json => false,
            LogFormat::Text => true,
            LogFormat::Auto => terminal,
        };
        subscriber(text, terminal, settings.level.0, io::stderr)
            .try_init()
            .expect("only this function sets a global subscriber");
    });
}

/// A subscriber that writes to `writer`.
fn subscriber<W>(
    text: bool,
    ansi: bool,
    level: LevelFilter,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = if text {
        let lines = tracing_subscriber::fmt::layer();
        lines.with_writer(writer).with_ansi(ansi).boxed()
    } else {
        JsonLines(writer).boxed()
    };
    tracing_subscriber::registry()
        .with(targets(level))
        .with(lines)
}

/// Libraries' lines below `warn` may show URLs and bodies, so no setting lets them through.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets([("cleargate", level), ("adapters", level)])
}

/// Writes a line of JSON for each event. A span's fields are kept as the members of an object, a
/// comma behind each, and put together when there is a line: most requests never log one.
struct JsonLines<W>(W);

/// The members of a span.
struct Members(String);

/// What a request's span usually has.
const MEMBERS: usize = 256;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    target: &'a str,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members(String::with_capacity(MEMBERS));
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(members);
        }
    }

    fn on_record(&self, id: &Id, fields: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(members) = span.extensions_mut().get_mut::<Members>()
        {
            fields.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Map::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            let extensions = span.extensions();
            let members = extensions
                .get::<Members>()
                .map_or("", |members| members.0.as_str());
            let members = members.trim_end_matches(',');
            if let Ok(Value::Object(of_span)) = serde_json::from_str(&format!("{{{members}}}")) {
                fields.extend(of_span);
            }
        }
        event.record(&mut Fields(&mut fields));
        let mut time = String::new();
        let told = SystemTime.format_time(&mut Writer::new(&mut time));
        let metadata = event.metadata();
        let line = Line {
            time: told.map_or_else(|_| String::new(), |()| time),
            level: metadata.level().as_str(),
            target: metadata.target(),
            fields,
        };
        if let Ok(mut line) = serde_json::to_vec(&line) {
            line.push(b'\n');
            // There is nowhere to say that the log cannot be written.
            let written = self.0.make_writer_for(metadata).write_all(&line);
            written.unwrap_or_default();
        }
    }
}

impl Members {
    fn member(&mut self, field: &Field, write: impl FnOnce(&mut String)) {
        for text in ["\"", field.name(), "\":"] {
            self.0.push_str(text);
        }
        write(&mut self.0);
        self.0.push(',');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.member(field, |members| *members += &value.to_string());
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Escaped<'_>) -> fmt::Result) {
        self.member(field, |members| {
            members.push('"');
            let written = write(&mut Escaped(members));
            members.push_str(if written.is_ok() { "\"" } else { " ...\"" });
        });
    }
}

impl Visit for Members {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }
}

/// Writes text as it stands inside a JSON string.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte < b' ';
        // All bytes at once, which is many times faster than to stop at the first that is found.
        if !text
            .as_bytes()
            .iter()
            .fold(false, |any, byte| any | special(byte))
        {
            self.0.push_str(text);
            return Ok(());
        }
        let mut rest = text;
        while let Some(at) = rest.as_bytes().iter().position(special) {
            let (plain, from) = rest.split_at(at);
            self.0.push_str(plain);
            write!(self.0, "\\u{:04x}", from.as_bytes()[0])?;
            rest = &from[1..];
        }
        self.0.push_str(rest);
        Ok(())
    }
}

/// Takes the fields of an event as JSON.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    /// An error with all its causes, as a person would tell it.
    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let causes = std::iter::successors(Some(error), |&error| error.source());
        let told: Vec<String> = causes.map(ToString::to_string).collect();
        self.insert(field, told.join(": "));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{debug, error, info, info_span};

    use super::*;
    use crate::config::Settings;

    /// What was written, shared with the test.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs at `level`.
    fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(false, false, level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, work);
        let bytes = written.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_all_spans_side_by_side() {
        let lines = lines(LevelFilter::INFO, || {
            let _request = info_span!("request", request_id = "r-1", order = "outer").entered();
            let _order = info_span!("order", order = "o-1").entered();
            info!(attempts = 3_u64, queued = true, "placed\nthe order");
        });
        let [line] = lines.as_slice() else {
            panic!("one line, not {lines:?}")
        };
        assert_eq!(line["request_id"], "r-1");
        assert_eq!(line["order"], "o-1");
        assert_eq!(line["attempts"], 3);
        assert_eq!(line["queued"], true);
        assert_eq!(line["message"], "placed\nthe order");
        assert_eq!(line["level"], "INFO");
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_spans_fields_are_kept_whatever_they_hold_and_whenever_they_come() {
        let lines = lines(LevelFilter::INFO, || {
            let text = "a \"quoted\" \\ line\nand another";
            let span = info_span!(
                "request",
                text,
                n = 7_u64,
                ok = true,
                late = tracing::field::Empty
            );
            span.record("late", tracing::field::display("o-\u{1}\u{2f6a}"));
            let _request = span.entered();
            info!("placed");
        });
        assert_eq!(lines[0]["text"], "a \"quoted\" \\ line\nand another");
        assert_eq!(lines[0]["n"], 7);
        assert_eq!(lines[0]["ok"], true);
        assert_eq!(lines[0]["late"], "o-\u{1}\u{2f6a}");
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let lines = lines(LevelFilter::INFO, || {
            let cause = "x".parse::<u8>().unwrap_err();
            let failure = crate::config::ConfigError::Unreadable {
                path: "f".into(),
                source: io::Error::other(cause),
            };
            error!(error = &failure as &dyn Error, "no settings");
        });
        let told = lines[0]["error"].as_str().unwrap();
        assert!(told.ends_with("invalid digit found in string"), "{told}");
    }

    #[test]
    fn libraries_are_heard_from_warn_upwards_whatever_the_level() {
        let lines = lines(LevelFilter::TRACE, || {
            debug!(target: "hyper::client", "GET /the/whole/url");
            error!(target: "hyper::client", "gone");
            debug!(target: "cleargate::app", "ours");
        });
        let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["gone", "ours"]);
    }

    #[test]
    fn the_log_may_be_started_again() {
        let settings = Settings::default().log;
        start_log(&settings);
        start_log(&settings);
    }
}
