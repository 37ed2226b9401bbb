//! What the result page says and how it looks. Pure: an order in, a document out. Nothing of the
//! applicant is known here, so nothing of them can be shown.

use std::cmp::Ordering;
use std::sync::LazyLock;

use adapters::vocabulary::{Millis, Outcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::domain::order::{Order, Stage};

const CSS: &str = include_str!("page.css");

/// The policy that lets the page's own style in, and nothing else; its form may lead on to the
/// vendor's https.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(Sha256::digest(CSS.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' https:; frame-ancestors 'none'; base-uri 'none'"
    )
});

const CHECK: &str = "M5 12.5l4.5 4.5L19 7.5";
const EYE: &str = "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z M12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z";
const CROSS: &str = "M6.5 6.5l11 11 M17.5 6.5l-11 11";
const CLOCK: &str = "M12 6.5V12l3.5 2.5 M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z";
const PAUSE: &str = "M9 6v12 M15 6v12";
const DASH: &str = "M6 12h12";

/// How a stage is told: the tone, the sign, the headline, a sentence, and how far along it is.
struct Telling {
    tone: &'static str,
    sign: &'static str,
    headline: &'static str,
    sentence: &'static str,
    /// The step of [`STEPS`] that is under way; none where the order has ended.
    step: Option<usize>,
}

/// An order's way, in the words of whoever waits for it.
const STEPS: [&str; 4] = ["Ordered", "Applicant", "Screening", "Result"];

const fn ended(
    tone: &'static str,
    sign: &'static str,
    headline: &'static str,
    sentence: &'static str,
) -> Telling {
    Telling {
        tone,
        sign,
        headline,
        sentence,
        step: None,
    }
}

const fn under_way(step: usize, headline: &'static str, sentence: &'static str) -> Telling {
    Telling {
        tone: "going",
        sign: CLOCK,
        headline,
        sentence,
        step: Some(step),
    }
}

fn tell(order: &Order) -> Telling {
    match (order.stage, order.result) {
        (Stage::Complete, Some(Outcome::Pass)) => ended(
            "pass",
            CHECK,
            "Complete: pass",
            "The check is complete, and nothing in it stands against the applicant.",
        ),
        (Stage::Complete, Some(Outcome::Fail)) => ended(
            "fail",
            CROSS,
            "Complete: fail",
            "The check is complete and ended with a negative result. Read the report, and follow your adverse action process before you decide.",
        ),
        (Stage::Complete, Some(Outcome::Review)) => ended(
            "review",
            EYE,
            "Complete: needs review",
            "The check is complete, and there is something in the report that a person has to look at. That is not a negative result.",
        ),
        (Stage::Complete, None) => ended(
            "review",
            EYE,
            "Complete: no result",
            "The check is complete, and the screening provider gave no result. What was found is in the report.",
        ),
        (Stage::Canceled, _) => ended(
            "ended",
            DASH,
            "Canceled",
            "This check was withdrawn, so it has no result.",
        ),
        (Stage::Expired, _) => ended(
            "ended",
            DASH,
            "Expired",
            "The applicant did not answer the invitation in time, so there is no result. A new check has to be ordered.",
        ),
        (Stage::Refused | Stage::Failed, _) => ended(
            "ended",
            DASH,
            "Not carried out",
            "The screening provider did not carry this check out, so there is no result.",
        ),
        (Stage::Received | Stage::Placing | Stage::Unconfirmed, _) if order.waiting.is_some() => {
            under_way(
                0,
                "Being clarified",
                "It is being clarified with the screening provider whether this check was taken. Nothing has to be done here.",
            )
        }
        (Stage::Received | Stage::Placing | Stage::Unconfirmed, _) => under_way(
            0,
            "Being ordered",
            "The check is being handed to the screening provider.",
        ),
        (Stage::Invited, _) => under_way(
            1,
            "Waiting for the applicant",
            "The applicant was invited and has not finished the provider's form yet.",
        ),
        (Stage::InProgress, _) => under_way(
            2,
            "In progress",
            "The screening provider is at work. You will be told when the check is complete.",
        ),
        (Stage::OnHold, _) => Telling {
            tone: "review",
            sign: PAUSE,
            headline: "On hold",
            sentence: "The check waits for the applicant, the employer or a dispute before it goes on.",
            step: Some(2),
        },
    }
}

/// What the page knows of an order beside the order itself.
pub(super) struct Seen<'a> {
    /// The link's own token, for the form.
    pub(super) token: &'a str,
    /// The package's name, where it is still known.
    pub(super) package: Option<String>,
    /// The provider's name.
    pub(super) provider: Option<String>,
    /// There is a report to go on to.
    pub(super) way_on: bool,
    /// When the page is written.
    pub(super) now: Millis,
}

/// The page of an order.
pub(super) fn order(order: &Order, seen: &Seen<'_>) -> String {
    let telling = tell(order);
    let package = match &seen.package {
        Some(name) => format!("{} ({})", escape(name), escape(&order.package_id)),
        None => escape(&order.package_id),
    };
    let facts = [
        ("Background check", Some(escape(&order.background_check_id))),
        ("Package", Some(package)),
        ("Provider", seen.provider.as_deref().map(escape)),
        ("Ordered", Some(date(order.created_at))),
        ("Ended", order.ended_at.map(date)),
    ];
    let facts: String = facts
        .into_iter()
        .filter_map(|(name, value)| {
            value.map(|value| format!("<div><dt>{name}</dt><dd>{value}</dd></div>"))
        })
        .collect();
    let way_on = if seen.way_on {
        button(order, seen.token)
    } else {
        String::new()
    };
    let steps = telling.step.map(steps).unwrap_or_default();
    let body = format!("<p>{}</p>{steps}<dl>{facts}</dl>{way_on}", telling.sentence);
    let note = format!(
        "As of {}. This page holds no personal data of the applicant.",
        date(seen.now)
    );
    document(&telling, "Background check", &body, &note)
}

/// A page that says one thing.
pub(super) fn plain(headline: &'static str, sentence: &'static str) -> String {
    document(
        &ended("ended", DASH, headline, sentence),
        "Background check results",
        &format!("<p>{sentence}</p>"),
        "This page holds no personal data of an applicant.",
    )
}

/// The way with the step that is under way; it is told by words as well as by colour.
fn steps(current: usize) -> String {
    let items = STEPS.iter().enumerate().map(|(number, name)| {
        let (mark, told) = match number.cmp(&current) {
            Ordering::Less => (" class=\"done\"", "done"),
            Ordering::Equal => (" aria-current=\"step\"", "now"),
            Ordering::Greater => ("", "later"),
        };
        format!("<li{mark}>{name}<span class=\"told\">, {told}</span></li>")
    });
    format!("<ol>{}</ol>", items.collect::<String>())
}

fn button(order: &Order, token: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/background_checks/{}/results?t={}\"><button>Open the full report</button>\
         <p class=\"note\">The report opens at the screening provider, which may ask you to sign in.</p></form>",
        escape(&order.tracking_id),
        escape(token)
    )
}

fn document(telling: &Telling, kind: &str, body: &str, note: &str) -> String {
    let Telling {
        tone,
        sign,
        headline,
        ..
    } = telling;
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{headline} | {kind}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main class=\"{tone}\">\n<header>\
         <div class=\"mark\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{sign}\"/></svg></div>\
         <div><p class=\"kind\">{kind}</p><h1>{headline}</h1></div></header>\n<section>{body}</section>\n</main>\n\
         <footer>{note}</footer>\n</body>\n</html>\n"
    )
}

/// A day as people write it: `15 January 2027, 08:00 UTC`.
fn date(at: Millis) -> String {
    Timestamp::from_millisecond(at).map_or_else(
        |_| String::from("-"),
        |at| at.strftime("%-d %B %Y, %H:%M UTC").to_string(),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
