//! What Accio promises, and what it does to a client that trusts it too much. This file has what
//! the tests share.

mod calls;
mod orders;
mod posts;

use super::super::testing::{START, assert_faults_strike, attempts, believed, fault};
use super::super::{FaultKind, Outgoing, Pace};
use super::*;

const LOGIN: &str = "<login><account>acme</account><username>accio-test-user</username>\
                     <password>accio-test-password</password></login>";
const POST_BACK: &str = "<postBackInfo><authentication><type>Basic</type><username>cb</username>\
                         <password>cb-secret</password></authentication>\
                         <URL>https://gateway.example/cb</URL><guID>guid-1</guID></postBackInfo>";
const HOSTED: &str = "<email>dana@mailbox.dev</email><portalfromapplicant>Y</portalfromapplicant>";

fn sent(body: &str) -> Arrived {
    Arrived {
        method: "POST".to_owned(),
        target: PATH.to_owned(),
        headers: vec![
            ("content-type".to_owned(), "text/xml".to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
        ],
        body: body.as_bytes().to_vec(),
    }
}

/// A document with credentials, in which `inside` is what is wanted.
fn asking(inside: &str) -> Arrived {
    sent(&format!("<New_Order>{LOGIN}{inside}</New_Order>"))
}

/// An order for `last_name`, with what else stands in its `subject`.
fn order(last_name: &str, subject: &str) -> String {
    format!(
        "<placeOrder number=\"100042\">{POST_BACK}<subject><name_first>Dana</name_first>\
         <name_last>{last_name}</name_last><quoteback_1>q-1</quoteback_1>{subject}</subject>\
         <package>Criminal and Evictions</package>\
         <subOrder type=\"National Criminal\"/><IncludeDefaultProducts/></placeOrder>"
    )
}

fn placing(order: &str) -> Arrived {
    asking(&format!("<mode>PROD</mode>{order}"))
}

fn with(choose: impl FnOnce(&mut Account)) -> Accio {
    let mut account = Account {
        pace: Pace::manual(),
        ..Account::default()
    };
    choose(&mut account);
    Accio::new(account)
}

/// A vendor whose orders stay where they are.
fn manual() -> Accio {
    with(|_| ())
}

fn answer(vendor: &mut Accio, request: &Arrived) -> Element {
    let response = vendor.handle(request, START);
    assert_eq!(response.status, 200);
    Element::parse(&response.body).unwrap()
}

/// The `n` of the error, and its text.
fn error(vendor: &mut Accio, request: &Arrived) -> (String, String) {
    let answer = answer(vendor, request);
    let error = answer.child("error").expect("it is refused");
    let number = error.attribute("n").unwrap_or_default().to_owned();
    (
        number,
        error.text_of("errortext").unwrap_or_default().to_owned(),
    )
}

/// Places a hosted order and returns its number.
fn hosted(vendor: &mut Accio, last_name: &str) -> String {
    let placed = answer(vendor, &placing(&order(last_name, HOSTED)));
    let order = placed.child("order").expect("it is placed");
    order.attribute("orderID").unwrap_or_default().to_owned()
}

fn results(vendor: &mut Accio, number: &str) -> Element {
    let query = format!("<getOrderResults orderID=\"{number}\"/>");
    answer(vendor, &asking(&query))
}

/// The documents posted by `now`, each acknowledged.
fn posted(vendor: &mut Accio, now: Millis) -> Vec<Element> {
    let due = vendor.due(now);
    due.iter()
        .map(|outgoing| {
            vendor.answered(outgoing.id, Some(200), b"<XML>Accepted</XML>", now);
            Element::parse(&outgoing.body).unwrap()
        })
        .collect()
}

/// What each post is about: a component's type, or the order's state.
fn news(vendor: &mut Accio, now: Millis) -> Vec<String> {
    let posts = posted(vendor, now).into_iter();
    let word = |post: Element| match post.child("postResults") {
        Some(result) => result.attribute("type").unwrap_or_default().to_owned(),
        None => {
            let order = post.child("completeOrder").expect("it is about an order");
            order.text_of("order_state").unwrap_or_default().to_owned()
        }
    };
    posts.map(word).collect()
}
