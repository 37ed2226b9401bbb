//! The log: JSON lines for machines, text for a person at a terminal.
//!
//! Our own formatter writes the JSON, because an operator looks for `order` or `request_id` and
//! not for a position in a list of spans: the fields of all surrounding spans and of the event
//! stand side by side, an inner one before an outer one of the same name.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

type Filter = reload::Handle<Targets, Registry>;

/// Writes the log to stderr from now on. A later call changes the level and nothing else.
pub fn start_log(settings: &LogSettings) {
    static FILTER: OnceLock<Filter> = OnceLock::new();
    let filter = FILTER.get_or_init(|| {
        let terminal = io::stderr().is_terminal();
        let text = match settings.format {
            LogFormat::Json => false,
            LogFormat::Text => true,
            LogFormat::Auto => terminal,
        };
        let (subscriber, filter) = subscriber(text, terminal, settings.level.0, io::stderr);
        subscriber
            .try_init()
            .expect("only this function sets a global subscriber");
        filter
    });
    filter
        .reload(targets(settings.level.0))
        .expect("the subscriber lives as long as the process");
}

/// A subscriber that writes to `writer`, and the handle that changes its level.
fn subscriber<W>(
    text: bool,
    ansi: bool,
    level: LevelFilter,
    writer: W,
) -> (impl Subscriber + Send + Sync, Filter)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = if text {
        lines.with_ansi(ansi).boxed()
    } else {
        lines.fmt_fields(SpanFields).event_format(JsonLines).boxed()
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    (subscriber, handle)
}

/// Libraries' lines below `warn` may show URLs and bodies, so no setting lets them through.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets([("cleargate", level), ("adapters", level)])
}

struct JsonLines;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    target: &'a str,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<S> FormatEvent<S, SpanFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, SpanFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let written = extensions.get::<FormattedFields<SpanFields>>();
            let members = written.map_or("", |written| written.trim_end_matches(','));
            if let Ok(Value::Object(of_span)) = serde_json::from_str(&format!("{{{members}}}")) {
                fields.extend(of_span);
            }
        }
        event.record(&mut Fields(&mut fields));
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let line = Line {
            time,
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            fields,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// Writes the fields of a span as members of a JSON object, a comma behind each. A line's object is
/// put together when there is a line: most requests never log one, so this only ever appends.
struct SpanFields;

impl<'w> FormatFields<'w> for SpanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = Members {
            writer,
            written: Ok(()),
        };
        fields.record(&mut members);
        members.written
    }

    fn add_fields(
        &self,
        current: &'w mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Members<'w> {
    writer: Writer<'w>,
    written: fmt::Result,
}

impl Members<'_> {
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        let written = write!(self.writer, "\"{}\":{value},", field.name());
        self.written = self.written.and(written);
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let write = |writer: &mut Writer<'_>| {
            write!(writer, "\"{}\":\"", field.name())?;
            Escaped(writer).write_fmt(value)?;
            writer.write_str("\",")
        };
        self.written = self.written.and_then(|()| write(&mut self.writer));
    }
}

impl Visit for Members<'_> {
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
        self.text(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// Writes text as it stands inside a JSON string.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let special = |letter: char| matches!(letter, '"' | '\\') || letter < ' ';
        let mut rest = text;
        while let Some(at) = rest.find(special) {
            let (plain, from) = rest.split_at(at);
            let letter = from.as_bytes()[0];
            self.0.write_str(plain)?;
            write!(self.0, "\\u{letter:04x}")?;
            rest = &from[1..];
        }
        self.0.write_str(rest)
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
    fn lines(level: LevelFilter, work: impl FnOnce(&Filter)) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let (subscriber, filter) = subscriber(false, false, level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || work(&filter));
        let bytes = written.0.lock().unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_has_the_fields_of_its_event_and_of_all_spans_side_by_side() {
        let lines = lines(LevelFilter::INFO, |_| {
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
        let lines = lines(LevelFilter::INFO, |_| {
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
        let lines = lines(LevelFilter::INFO, |_| {
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
        let lines = lines(LevelFilter::TRACE, |_| {
            debug!(target: "hyper::client", "GET /the/whole/url");
            error!(target: "hyper::client", "gone");
            debug!(target: "cleargate::app", "ours");
        });
        let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
        assert_eq!(messages, ["gone", "ours"]);
    }

    #[test]
    fn the_level_can_change_while_it_runs() {
        let lines = lines(LevelFilter::INFO, |filter| {
            debug!("too fine");
            filter.reload(targets(LevelFilter::DEBUG)).unwrap();
            debug!("fine");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "fine");
    }

    #[test]
    fn the_log_may_be_started_again() {
        let settings = Settings::default().log;
        start_log(&settings);
        start_log(&settings);
    }
}
