//! What is ordered is said whole or not at all: to leave out what a function makes nothing of would
//! order something else.

use std::collections::BTreeMap;

use serde_json::json;

use super::order;
use super::tally::TALLY;
use crate::contract::{Context, Memo, Piece, PlaceOrder};
use crate::sheet::load;
use crate::vocabulary::OurRef;

const EXTRAS: &str = "\"extra[]\" = \"{order.add_ons?}\"";

/// The body that orders a package with add-ons, where Tally says them so, or the field at fault.
fn placed(said: &str, add_ons: &[&str]) -> Result<String, String> {
    placed_by(&TALLY.replacen(EXTRAS, said, 1), add_ons)
}

fn placed_by(sheet: &str, add_ons: &[&str]) -> Result<String, String> {
    let vendor = load("tally.toml", sheet).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let mut order = order("7");
    order.add_ons = add_ons.iter().map(|id| (*id).to_owned()).collect();
    let op = PlaceOrder {
        order: order.into(),
        ours: OurRef("ours".into()),
        callback_url: String::new(),
    };
    let settings = BTreeMap::new();
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "",
    };
    let request = vendor.place.encode(&op, &Memo::default(), &cx);
    let request = request.map_err(|unfit| unfit.field)?;
    let [Piece::Bytes(bytes)] = request.body.as_slice() else {
        panic!("{request:?}");
    };
    Ok(String::from_utf8(bytes.clone()).expect("it is text"))
}

#[test]
fn an_add_on_of_which_a_function_makes_nothing_stops_the_order() {
    let unfit = || Err("order.add_ons".to_owned());
    for (functions, good) in [
        ("map 'a' 'X' 'b' 'Y'", "a"),
        ("only 'a' 'b'", "a"),
        ("part '/' 1", "x/y"),
        ("after ':'", "x:y"),
        ("at_most 2", "a"),
        ("slice 3 9", "abcdef"),
        ("digits", "7"),
        ("number", "7"),
        ("us_phone", "8885551234"),
        ("map 'a' 'X' | join ','", "a"),
        ("map 'a' 'X' | text", "a"),
        ("map 'a' ''", "none"),
    ] {
        for optional in ["?", ""] {
            let said = format!("\"extra[]\" = \"{{order.add_ons{optional} | {functions}}}\"");
            let orders = good != "none";
            assert_eq!(placed(&said, &[good]).is_ok(), orders, "{said}");
            for add_ons in [&["zzz"][..], &[good, "zzz"], &["zzz", good]] {
                let add_ons: Vec<_> = add_ons
                    .iter()
                    .copied()
                    .filter(|one| *one != "none")
                    .collect();
                let add_ons = if orders { add_ons } else { vec!["a"] };
                assert_eq!(placed(&said, &add_ons), unfit(), "{said}: {add_ons:?}");
            }
        }
        let said = format!("\"extra[]\" = \"{{order.add_ons? | {functions}}}\"");
        assert_eq!(
            placed(&said, &[]).as_deref(),
            Ok("ref=ours&plan=7&fixed=a%20b"),
            "{said}"
        );
    }
    // The first of several leaves out the others.
    let first = "\"extra\" = \"{order.add_ons? | first}\"";
    assert!(placed(first, &["a"]).is_ok());
    assert_eq!(placed(first, &["a", "b"]), unfit());
}

#[test]
fn an_item_behind_each_of_which_a_function_makes_nothing_stops_the_order() {
    let form = TALLY.lines().find(|line| line.starts_with("form = { ref"));
    let json = "json = { ref = \"{ours}\", plan = \"{order.package}\", extras = [{ _each = \"{order.add_ons}\", \
                type = \"{item? | map 'a' 'X'}\" }] }";
    let xml = "xml = '''<o ref=\"{ours}\" plan=\"{order.package}\"><x _each=\"{order.add_ons}\" \
               type=\"{item? | map 'a' 'X'}\"/></o>'''";
    for body in [json, xml] {
        let sheet = TALLY.replacen(form.expect("it orders with a form"), body, 1);
        let whole = placed_by(&sheet, &["a", "a"]).expect("it can be said");
        assert_eq!(whole.matches('X').count(), 2, "{whole}");
        for lost in [&["zzz"][..], &["a", "zzz"]] {
            assert_eq!(
                placed_by(&sheet, lost),
                Err("order.add_ons".to_owned()),
                "{body}"
            );
        }
    }
}

#[test]
fn however_many_things_are_ordered_all_of_them_are_sent() {
    let form = TALLY.lines().find(|line| line.starts_with("form = { ref"));
    let json = "json = { ref = \"{ours}\", plan = \"{order.package}\", extras = [{ _each = \"{order.add_ons}\", \
                type = \"{item}\" }] }";
    let sheet = TALLY.replacen(form.expect("it orders with a form"), json, 1);
    let names: Vec<String> = (0..150).map(|nth| format!("extra-{nth}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let body = placed_by(&sheet, &names).expect("it can be said");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let sent = body["extras"].as_array().map(Vec::len);
    assert_eq!(
        (sent, &body["extras"][149]["type"]),
        (Some(150), &json!("extra-149"))
    );
}
