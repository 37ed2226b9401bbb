//! The result page as a recruiter sees it: in a real browser, on a phone and on a desk, by day and
//! by night, and on paper.

use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::{Database, Plan, World};
use adapters::simulator::FaultKind;

/// The narrowest phone, and a desk.
const WIDTHS: [u32; 2] = [360, 1280];

/// A page: what it is called here, and its document.
type Page = (String, String);

async fn page(world: &World, background_check_id: &str) -> String {
    let link = link(world, background_check_id).await;
    world.tenant().anonymous().get(&link).await.text
}

async fn link(world: &World, background_check_id: &str) -> String {
    let path = percent_encoded(background_check_id);
    let status = world.tenant().order(&path).await;
    status.body["result_link_url"].as_str().unwrap().to_owned()
}

fn percent_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// A page of every kind: the words of its headline and the step it shows, and the page.
async fn pages(world: &World) -> Vec<(Page, &'static str)> {
    let mut pages = Vec::new();
    for (number, (status, result, headline, step)) in (1..).zip([
        ("invited", None, "Waiting for the applicant", "Applicant"),
        ("in_progress", None, "In progress", "Screening"),
        ("on_hold", None, "On hold", "Screening"),
        ("complete", Some("pass"), "Complete: pass", ""),
        ("complete", Some("review"), "Complete: needs review", ""),
        ("complete", Some("fail"), "Complete: fail", ""),
        ("canceled", None, "Canceled", ""),
        ("expired", None, "Expired", ""),
        ("failed", None, "Not carried out", ""),
    ]) {
        // As long as an id may be, and with no place to break it.
        let id = format!("{number}{}", "W".repeat(250));
        let order = world.placed_as(&id).await;
        if status != "invited" {
            world.vendor_says(&order.our_ref.0, status, result).await;
            world.settle().await;
        }
        pages.push(((headline.to_owned(), page(world, &id).await), step));
    }
    world.fault(FaultKind::Reset, "/orders", 0);
    world.placed().await;
    let mut keep = async |headline: &str| {
        let html = page(world, "224466").await;
        pages.push(((headline.to_owned(), html), "Ordered"));
    };
    keep("Being ordered").await;
    world
        .execute("UPDATE orders SET waiting = 'not_seen' WHERE background_check_id = '224466'")
        .await;
    keep("Being clarified").await;
    let nobodys = format!("{}x", link(world, "224466").await);
    let nobodys = world.tenant().anonymous().get(&nobodys).await.text;
    pages.push((("This link does not work".to_owned(), nobodys), ""));
    pages
}

/// One document with every page in a frame, at each width, by day and by night, and the script
/// that measures them.
fn wall<'a>(pages: impl Iterator<Item = &'a Page> + Clone) -> String {
    let mut wall =
        String::from("<!doctype html><meta charset=\"utf-8\"><pre id=\"measured\"></pre>");
    for scheme in ["light", "dark"] {
        for width in WIDTHS {
            for (name, html) in pages.clone() {
                let html = html.replace('&', "&amp;").replace('"', "&quot;");
                wall.push_str(&format!(
                    "<iframe title=\"{name}\" style=\"color-scheme:{scheme};width:{width}px;height:740px;border:0\" srcdoc=\"{html}\"></iframe>"
                ));
            }
        }
    }
    format!("{wall}<script>{}</script>", include_str!("measure.js"))
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// What every reader must be able to do with a page.
fn expect_readable(seen: &Value) {
    let name = &seen["name"];
    assert_eq!(seen["headline"], *name);
    assert_eq!(seen["headings"], 1, "{name}");
    assert_eq!(seen["language"], "en", "{name}");
    assert_eq!(seen["width"], seen["needed"], "{name} scrolls sideways");
    // WCAG 2.2: 1.4.3 for text, 1.4.11 for signs.
    assert!(number(&seen["contrast"]) >= 4.5, "{name}: {seen}");
    assert!(number(&seen["sign"]) >= 3.0, "{name}: {seen}");
    assert!(number(&seen["smallest"]) >= 13.0, "{name}: {seen}");
    let edges = &seen["edges"];
    assert!(
        number(&edges[0]) >= 16.0 && number(&edges[1]) <= number(&seen["width"]) - 16.0,
        "{name}: {seen}"
    );
    if let Some(button) = seen["button"].as_object() {
        assert_eq!(button["method"], "post");
        assert_eq!(button["text"], "Open the full report");
        assert!(number(&button["height"]) >= 44.0, "{name}: {seen}");
        assert!(
            number(&button["outline"]) >= 2.0,
            "{name}: the focus is not seen"
        );
    }
}

#[tokio::test]
async fn every_page_is_readable_on_a_phone_and_on_a_desk_by_day_and_by_night() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let pages = pages(&world).await;
    let browser = Browser::new();
    let wall = browser.keep("wall.html", &wall(pages.iter().map(|(page, _)| page)));
    let measured = browser.measured(&wall);
    let measured = measured.as_array().unwrap();
    assert_eq!(measured.len(), 4 * pages.len());
    for (seen, (_, step)) in measured.iter().zip(pages.iter().cycle()) {
        expect_readable(seen);
        assert_eq!(seen["step"], *step, "{}", seen["name"]);
        let complete = seen["headline"].as_str().unwrap().starts_with("Complete");
        assert!(seen["button"].is_object() || !complete, "{}", seen["name"]);
    }
    let light = |seen: &Value| number(&seen["ground"][0]) > 200.0;
    let (day, night) = measured.split_at(2 * pages.len());
    assert!(day.iter().all(light) && !night.iter().any(light));
    let widths = measured.iter().map(|seen| seen["width"].as_u64().unwrap());
    assert_eq!(widths.max(), Some(1280));
}

#[tokio::test]
async fn what_is_on_the_page_is_what_a_recruiter_needs_and_nothing_of_the_applicant() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = world.placed().await;
    world
        .vendor_says(&order.our_ref.0, "complete", Some("pass"))
        .await;
    world.settle().await;
    let page = ("Complete: pass".to_owned(), page(&world, "224466").await);
    let browser = Browser::new();
    let wall = browser.keep("wall.html", &wall(std::iter::once(&page)));
    let seen = &browser.measured(&wall)[0];
    let text = seen["text"].as_str().unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "Background check",
            "Complete: pass",
            "The check is complete, and nothing in it stands against the applicant.",
            "Background check",
            "224466",
            "Package",
            "Basic Package (PKG001)",
            "Provider",
            "Sandbox",
            "Ordered",
            "15 January 2027, 08:00 UTC",
            "Ended",
            "15 January 2027, 08:00 UTC",
            "Open the full report",
            "The report opens at the screening provider, which may ask you to sign in.",
            "As of 15 January 2027, 08:00 UTC. This page holds no personal data of the applicant.",
        ]
    );
    assert_eq!(seen["title"], "Complete: pass | Background check");
}

/// The pages of a PDF.
fn sheets(pdf: &[u8]) -> usize {
    let text = String::from_utf8_lossy(pdf);
    text.matches("/Type /Page").count() - text.matches("/Type /Pages").count()
}

#[tokio::test]
async fn the_page_looks_over_http_as_it_was_made_and_is_printed_on_one_sheet() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let order = world.placed().await;
    world
        .vendor_says(&order.our_ref.0, "complete", Some("review"))
        .await;
    world.settle().await;
    let (link, html) = (link(&world, "224466").await, page(&world, "224466").await);
    // The gateway answers while the browser asks.
    tokio::task::spawn_blocking(move || {
        let browser = Browser::new();
        // Its own policy lets the whole style in: without any it looks the same.
        let alone = browser.keep("page.html", &html);
        let pictures = [&link, &alone].map(|url| browser.picture(url, 800, 900));
        assert!(pictures[0].starts_with(b"\x89PNG") && pictures[0].len() > 10_000);
        assert!(
            pictures[0] == pictures[1],
            "the policy changes how it looks"
        );
        let bare = browser.keep(
            "bare.html",
            &html.replace("<style>", "<style media=\"tv\">"),
        );
        assert!(
            browser.picture(&bare, 800, 900) != pictures[0],
            "the style is seen"
        );
        let printed = browser.print(&link);
        assert!(printed.starts_with(b"%PDF-"));
        assert_eq!(sheets(&printed), 1);
    })
    .await
    .unwrap();
}
