//! Posts.

use super::*;
use crate::callback::{Forged, Proof};

#[test]
fn each_change_is_posted_and_each_component() {
    let mut vendor = Accio::default();
    hosted(&mut vendor, "Reyes");
    assert_eq!(news(&mut vendor, START), ["inprogress candidate"]);
    // The invitation is filled in, and the draft has become an order.
    let active = ["inprogress vendor", "inprogress vendor"];
    assert_eq!(news(&mut vendor, START + 500), active);
    let done = ["National Criminal", "order completion"];
    assert_eq!(news(&mut vendor, START + 1_500), done);
    assert!(news(&mut vendor, START + 900_000).is_empty());
}

#[test]
fn only_the_kinds_that_an_order_wants_are_posted() {
    let mut vendor = Accio::default();
    let wanted = order("Reyes", HOSTED).replace(
        "</postBackInfo>",
        "<postback_types>OCR::DEL</postback_types></postBackInfo>",
    );
    answer(&mut vendor, &placing(&wanted));
    assert_eq!(news(&mut vendor, START + 1_500), ["order completion"]);
}

#[test]
fn the_guid_stands_in_the_login_and_the_credentials_in_the_header() {
    let mut vendor = manual();
    hosted(&mut vendor, "Reyes");
    let outgoing: Outgoing = vendor.due(START).remove(0);
    assert_eq!(outgoing.url, "https://gateway.example/cb");
    let post = Element::parse(&outgoing.body).unwrap();
    let login = post.child("login").unwrap();
    for name in ["account", "username", "password"] {
        assert_eq!(login.text_of(name), Some("guid-1"));
    }
    let proof = Proof::Basic {
        user: "any".into(),
        password: "any".into(),
    };
    let other = believed(&outgoing, &proof, "other", START);
    assert_eq!(other, Err(Forged::Mismatch));
    let header = (
        "Authorization".to_owned(),
        "Basic Y2I6Y2Itc2VjcmV0".to_owned(),
    );
    assert!(outgoing.headers.contains(&header));
    let mime = ("Content-Type".to_owned(), "text/xml".to_owned());
    assert!(outgoing.headers.contains(&mime));
    assert_eq!(outgoing.headers.len(), 2);
}

#[test]
fn a_component_is_posted_with_the_number_of_its_order() {
    let mut vendor = manual();
    let number = hosted(&mut vendor, "Reyes");
    vendor.advance(&number, "order completion", Some("hits+held"), START);
    let active = vendor.orders()[0].id.clone();
    let posts = posted(&mut vendor, START);
    let result = posts
        .iter()
        .find_map(|post| post.child("postResults"))
        .unwrap();
    for (name, value) in [
        ("order", "100042"),
        ("remote_order", active.as_str()),
        ("filledStatus", "filled"),
        ("filledCode", "hits"),
        ("held_for_review", "Y"),
    ] {
        assert_eq!(result.attribute(name), Some(value), "{name}");
    }
}

#[test]
fn a_post_address_behind_the_subject_is_passed_over() {
    let mut vendor = Accio::default();
    let order = order("Reyes", HOSTED);
    let behind = order
        .replace(POST_BACK, "")
        .replace("<package>", &format!("{POST_BACK}<package>"));
    answer(&mut vendor, &placing(&behind));
    assert!(vendor.due(START + 9_000).is_empty());
    assert_eq!(vendor.orders()[0].status, "order completion");
}

#[test]
fn an_agency_may_ignore_post_addresses() {
    let mut vendor = with(|account| account.ignores_post_backs = true);
    hosted(&mut vendor, "Reyes");
    assert!(vendor.due(START).is_empty());
}

#[test]
fn only_a_document_without_an_error_acknowledges() {
    for (body, taken) in [
        ("<XML>Accepted</XML>", true),
        ("", false),
        ("ok", false),
        ("{\"ok\":true}", false),
        ("<html><body>ok</body></html>", false),
        ("<XML><a><error/></a></XML>", false),
        ("<response><error>later</error></response>", false),
    ] {
        let mut vendor = manual();
        hosted(&mut vendor, "Reyes");
        let id = vendor.due(START)[0].id;
        vendor.answered(id, Some(200), body.as_bytes(), START);
        let again = vendor.due(START + 600_000).len();
        assert_eq!(again == 0, taken, "{body}");
    }
}

#[test]
fn after_too_many_failed_posts_nothing_is_posted_any_more() {
    let mut vendor = with(|account| account.most_failed_posts = 3);
    let number = hosted(&mut vendor, "Reyes");
    let tried = attempts(&mut vendor, START, 600_000);
    assert_eq!(tried, [0, 600_000, 1_200_000]);
    vendor.advance(&number, "order completion", None, START);
    assert!(vendor.due(START + 999_999_999).is_empty());
}

#[test]
fn ended_orders_are_posted_as_no_longer_active() {
    for status in ["expired", "deleted"] {
        let mut vendor = manual();
        let number = hosted(&mut vendor, "Reyes");
        posted(&mut vendor, START);
        vendor.advance(&number, status, None, START);
        let posts = posted(&mut vendor, START);
        let block = posts[0].child("completeOrder").unwrap();
        assert_eq!(block.attribute("isactive"), Some("N"), "{status}");
    }
}

#[test]
fn posts_may_be_doubled_and_swallowed() {
    let mut vendor = manual();
    vendor.fault(fault(FaultKind::Mute, 1));
    vendor.fault(fault(FaultKind::Stutter, 1));
    let number = hosted(&mut vendor, "Reyes");
    assert!(vendor.due(START).is_empty());
    vendor.advance(&number, "inprogress recruiter", None, START);
    assert_eq!(news(&mut vendor, START).len(), 2);
}
