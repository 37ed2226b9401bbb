//! Nothing a vendor sends, and nothing an author writes, makes the language panic; and what a
//! vendor says badly never passes anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{order, shipped};
use crate::callback::{Says, Verified};
use crate::contract::{
    CancelOrder, Context, FetchOrder, Found, ListPackages, Memo, PlaceOrder, Reply, Turn,
};
use crate::sheet::load;
use crate::vocabulary::{OurRef, Outcome, Progress, Standing, TheirRef};

fn settings() -> BTreeMap<String, Value> {
    BTreeMap::from([
        ("work_location".to_owned(), json!("US-CA")),
        ("assessment".to_owned(), json!("use")),
        (
            "dashboard_url".to_owned(),
            json!("https://dashboard.checkr.com"),
        ),
    ])
}

fn passes(progress: &Progress) -> bool {
    progress.standing == Some(Standing::Complete(Outcome::Pass))
}

/// Gives the answer to every step of every operation; true if anybody passed.
fn answered(name: &str, reply: &Reply) -> bool {
    let vendor = shipped(name);
    let settings = settings();
    let cx = Context {
        settings: &settings,
        key: "key",
        base_url: "https://vendor.example",
    };
    let order = Arc::new(order("pkg"));
    let ours = OurRef("our-1".into());
    let theirs = TheirRef("theirs-1".into());
    let place = PlaceOrder {
        order: Arc::clone(&order),
        ours: ours.clone(),
        callback_url: String::new(),
    };
    let looks = [
        FetchOrder::Theirs(theirs.clone()),
        FetchOrder::Ours {
            order,
            ours,
            first_sent_at: 0,
        },
    ];
    let mut passed = false;
    let mut steps: Vec<&str> = vendor.placing_steps.iter().map(String::as_str).collect();
    steps.extend(["", "report", "orders", "nonsense"]);
    for step in steps {
        let memo = Memo {
            step: step.to_owned(),
            values: BTreeMap::from([("so_far".to_owned(), "{".to_owned())]),
        };
        if let Ok(Turn::Done(progress)) = vendor.place.decode(&place, &memo, &cx, reply) {
            passed |= passes(&progress);
        }
        for look in &looks {
            let fetch = vendor.fetch.as_ref().expect("both vendors have it");
            if let Ok(Turn::Done(Found::One(progress))) = fetch.decode(look, &memo, &cx, reply) {
                passed |= passes(&progress);
            }
        }
        let list = vendor.list.as_ref().expect("both vendors have it");
        drop(list.decode(&ListPackages, &memo, &cx, reply));
        let op = CancelOrder {
            theirs: theirs.clone(),
        };
        let cancel = vendor.cancel.as_ref().expect("both vendors have it");
        if let Ok(Turn::Done(progress)) = cancel.decode(&op, &memo, &cx, reply) {
            passed |= passes(&progress);
        }
    }
    let callbacks = vendor.callbacks.as_ref().expect("both vendors have it");
    for note in callbacks
        .reader
        .read(Verified::kept(&reply.body), &cx)
        .unwrap_or_default()
    {
        passed |= matches!(note.says, Says::Progress(progress) if passes(&progress));
    }
    passed
}

fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply {
        status,
        headers: vec![("retry-after".to_owned(), "\u{0}9".to_owned())],
        body,
    }
}

/// JSON made of the members that sheets look at, with values that are mostly not what they expect.
fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z. ]{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["complete", "clear", "consider", "dispute", "canceled"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        let names = vec![
            "id",
            "status",
            "result",
            "error",
            "errors",
            "data",
            "orders",
            "order",
            "tags",
            "object",
            "packages",
            "slug",
            "name",
            "price",
            "screenings",
            "type",
            "reference",
            "next_href",
            "report_id",
            "deleted_at",
            "includes_canceled",
            "adjudication",
        ];
        let member = (prop::sample::select(names), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(member, 0..8).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn readers_survive_arbitrary_bytes(status in 100_u16..600, body: Vec<u8>) {
        for name in ["sandbox", "checkr"] {
            prop_assert!(!answered(name, &reply(status, body.clone())));
        }
    }

    #[test]
    fn readers_survive_odd_answers(status in 100_u16..600, body in odd_json()) {
        for name in ["sandbox", "checkr"] {
            answered(name, &reply(status, body.to_string().into_bytes()));
        }
    }

    #[test]
    fn a_report_passes_only_where_every_word_says_so(
        status in "complete|clear|Complete|pending|gremlins|consider",
        result in prop::option::of("clear|consider|Clear|partial|gremlins"),
        includes_canceled in prop::sample::select(vec![json!(null), json!(false), json!(true), json!("true"), json!(1), json!([])]),
        adjudication in prop::sample::select(vec![json!(null), json!("engaged"), json!("odd"), json!("pre_adverse_action"), json!({})]),
    ) {
        let body = json!({
            "id": "rep_1", "status": &status, "result": &result,
            "includes_canceled": &includes_canceled, "adjudication": &adjudication,
        });
        let says_so = matches!(status.to_lowercase().as_str(), "complete" | "clear")
            && (result.as_deref().map(str::to_lowercase).as_deref() == Some("clear")
                || (result.is_none() && status == "clear"))
            && (includes_canceled.is_null() || includes_canceled == json!(false))
            && (adjudication.is_null() || adjudication == json!("engaged"));
        prop_assert_eq!(answered("checkr", &reply(200, body.to_string().into_bytes())), says_so);
    }

    #[test]
    fn loading_survives_sheets_with_a_line_taken_out_or_turned_into_nonsense(line in 0_usize..400, text in "\\PC{0,40}") {
        for sheet in [include_str!("../../../sheets/sandbox.toml"), include_str!("../../../sheets/checkr.toml")] {
            let mut lines: Vec<&str> = sheet.lines().collect();
            let at = line % lines.len();
            lines[at] = &text;
            drop(load("odd.toml", &lines.join("\n")));
        }
    }
}
