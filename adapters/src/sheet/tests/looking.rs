//! A look-up over pages: what fits on one of them may not be the only one that does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::order;
use super::tally::TALLY;
use crate::contract::{Context, Fault, FetchOrder, Found, Memo, Reply, Turn, Vendor};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Standing, TheirRef};

const PAGES: &str = "pages = { more = \".has_more\" }\nfind = { in = \".orders\", where = { \".ref\" = \"{ours}\" } }";

/// Tally, with other pages for its look-up, or with more said of what is found.
fn tally(pages: &str, find: &str) -> Vendor {
    let find = format!(
        "pages = {{ {pages} }}\nfind = {{ in = \".orders\", where = {{ \".ref\" = \"{{ours}}\" }}{find} }}"
    );
    assert!(TALLY.contains(PAGES));
    let sheet = TALLY.replacen(PAGES, &find, 1);
    load("tally.toml", &sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// What a look-up says after these pages, and how many of them it read.
fn looked_up(vendor: &Vendor, pages: &[Value]) -> (Result<Found, Fault>, usize) {
    let op = FetchOrder::Ours {
        order: order("7").into(),
        ours: OurRef("ours".into()),
        first_sent_at: 0,
    };
    let settings = BTreeMap::new();
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let fetch = vendor.fetch.as_ref().expect("it looks up");
    let mut memo = Memo::default();
    for (nth, page) in pages.iter().enumerate() {
        fetch.encode(&op, &memo, &cx).expect("it can be asked for");
        let reply = Reply {
            status: page["http"]
                .as_u64()
                .map_or(200, |status| u16::try_from(status).unwrap()),
            headers: Vec::new(),
            body: page.to_string().into_bytes(),
        };
        match fetch.decode(&op, &memo, &cx, &reply) {
            Ok(Turn::Next(next)) => memo = next,
            Ok(Turn::Done(found)) => return (Ok(found), nth + 1),
            Err(fault) => return (Err(fault), nth + 1),
        }
    }
    panic!("it asks for a page after {pages:?}");
}

fn ours(id: &str) -> Value {
    json!({"id": id, "ref": "ours", "state": "open"})
}

fn page(orders: &[Value], more: bool) -> Value {
    json!({"orders": orders, "has_more": more})
}

const BLIND: Result<Found, Fault> = Ok(Found::NotSeen { blind: true });

#[test]
fn an_order_that_fits_is_the_one_only_when_no_other_page_has_another() {
    let vendor = tally("more = \".has_more\"", "");
    let other = || json!({"id": "9", "ref": "theirs"});
    let pages = [
        page(&[ours("1")], true),
        page(&[other()], true),
        page(&[], false),
    ];
    let (found, read) = looked_up(&vendor, &pages);
    let Ok(Found::One(progress)) = found else {
        panic!("{found:?}");
    };
    assert_eq!((progress.theirs, read), (TheirRef("1".into()), 3));
    assert_eq!(progress.standing, Some(Standing::InProgress));
    assert!(
        progress.keep.is_empty(),
        "nothing of the pages stays: {:?}",
        progress.keep
    );

    let both = Found::Several(vec![TheirRef("1".into()), TheirRef("2".into())]);
    let pages = [
        page(&[ours("1")], true),
        page(&[other()], true),
        page(&[ours("2")], true),
    ];
    assert_eq!(
        looked_up(&vendor, &pages),
        (Ok(both.clone()), 3),
        "two are several"
    );
    let pages = [page(&[ours("1"), ours("2")], true)];
    assert_eq!(
        looked_up(&vendor, &pages),
        (Ok(both), 1),
        "there is no need to read on"
    );
}

#[test]
fn an_order_that_two_pages_show_is_one() {
    let vendor = tally("more = \".has_more\"", "");
    let mut moved = ours("1");
    moved["state"] = json!("done");
    moved["grade"] = json!("good");
    let pages = [page(&[ours("1")], true), page(&[moved], false)];
    let found = looked_up(&vendor, &pages).0;
    assert!(matches!(found, Ok(Found::One(_))), "{found:?}");
}

#[test]
fn what_several_mean_holds_over_all_pages() {
    let pages = [page(&[ours("1")], true), page(&[ours("2")], false)];
    let vendor = tally("more = \".has_more\"", ", several = \"blind\"");
    assert_eq!(looked_up(&vendor, &pages), (BLIND, 2));
    let vendor = tally("more = \".has_more\"", ", several = \"first\"");
    let (found, read) = looked_up(&vendor, &pages);
    assert!(matches!(found, Ok(Found::One(_))), "{found:?}");
    assert_eq!(read, 1, "any will do");
}

#[test]
fn a_list_that_is_not_read_to_its_end_proves_nothing() {
    let endless = || vec![page(&[], true), page(&[ours("1")], true), page(&[], true)];
    let vendor = tally("more = \".has_more\", most = 3", "");
    assert_eq!(
        looked_up(&vendor, &endless()),
        (BLIND, 3),
        "one, and more to come"
    );
    let nothing = vec![page(&[], true); 3];
    assert_eq!(looked_up(&vendor, &nothing), (BLIND, 3));
    let two = [
        page(&[ours("1")], true),
        page(&[], true),
        page(&[ours("2")], true),
    ];
    let found = looked_up(&vendor, &two).0;
    assert!(matches!(found, Ok(Found::Several(_))), "{found:?}");
}

#[test]
fn a_list_that_does_not_say_how_long_it_is_proves_nothing() {
    let vendor = tally("last = \".pages\"", "");
    let of = |pages: Value, orders: &[Value]| [json!({"orders": orders, "pages": pages})];
    let absent = Ok(Found::NotSeen { blind: false });
    assert_eq!(looked_up(&vendor, &of(json!(1), &[])).0, absent);
    assert_eq!(looked_up(&vendor, &of(json!("1"), &[])).0, absent);
    for odd in [json!("many"), json!({}), json!(-1), json!(null)] {
        assert_eq!(looked_up(&vendor, &of(odd.clone(), &[])).0, BLIND, "{odd}");
        assert_eq!(
            looked_up(&vendor, &of(odd.clone(), &[ours("1")])).0,
            BLIND,
            "{odd}"
        );
    }
    let vendor = tally("full = { in = \".all\", size = 2 }", "");
    assert_eq!(
        looked_up(&vendor, &[json!({"orders": [], "all": [1]})]).0,
        absent
    );
    assert_eq!(looked_up(&vendor, &[json!({"orders": []})]).0, BLIND);
}

/// An answer that a rule reads as the end of the list takes nothing back.
#[test]
fn an_order_that_was_seen_is_not_unseen_by_a_later_page() {
    let end = "\nerrors = [{ status = 404, is = \"not_seen\" }]\nread = \"order\"\n\n[callback]";
    let sheet = TALLY.replacen("\nread = \"order\"\n\n[callback]", end, 1);
    let vendor = load("tally.toml", &sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let gone = json!({"http": 404});
    let found = looked_up(&vendor, &[page(&[ours("1")], true), gone.clone()]).0;
    assert!(matches!(found, Ok(Found::One(_))), "{found:?}");
    let found = looked_up(&vendor, &[page(&[], true), gone]).0;
    assert_eq!(found, Ok(Found::NotSeen { blind: false }));
    let broken = json!({"http": 500});
    let found = looked_up(&vendor, &[page(&[ours("1")], true), broken]).0;
    assert!(matches!(found, Err(Fault::Unclear(_))), "{found:?}");
}
