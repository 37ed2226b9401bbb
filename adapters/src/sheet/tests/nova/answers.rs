//! What is sent to Nova, and what is made of its answers: lists, pages, documents, silence.

use super::*;

#[test]
fn several_orders_are_read_from_one_answer_and_those_that_are_not_in_it_are_not_seen() {
    let many = nova().fetch_many.expect("it reads many");
    let theirs = ["1", "2", "3", "4"].map(|one| TheirRef(one.into()));
    let op = FetchMany {
        theirs: theirs.to_vec(),
    };
    let request = seen(|cx| many.encode(&op, &Memo::default(), cx)).expect("it fits");
    assert_eq!(body(&request), json!({"ids": "1,2,3,4"}));
    let item = |id: &str, state: &str| json!({"id": id, "parts": [{"state": state}]});
    let items = json!([
        item("2", "new"),
        item("4", "run"),
        item("9", "new"),
        item("4", "void")
    ]);
    for answered in [json!({ "orders": items }), items] {
        let found = match seen(|cx| many.decode(&op, &Memo::default(), cx, &answer(&answered))) {
            Ok(Turn::Done(found)) => found,
            other => panic!("{other:?}"),
        };
        let invited = Progress::new(theirs[1].clone(), Some(Standing::Invited));
        let not_seen = |blind| Found::NotSeen { blind };
        assert_eq!(
            found,
            [
                (theirs[0].clone(), not_seen(false)),
                (theirs[1].clone(), Found::One(invited)),
                (theirs[2].clone(), not_seen(false)),
                (theirs[3].clone(), not_seen(true)),
            ]
        );
    }
}

#[test]
fn a_body_is_made_of_what_is_ordered() {
    let (_, request) = place(&["mvr"]);
    assert_eq!(request.effect, Effect::Once, "the check is off");
    assert_eq!(
        body(&request),
        json!({
            "email": "dana.reyes@mailbox.dev", "name": "Dana Reyes",
            "checks": {"ID": {}, "MVR": {"deep": true}},
            "extras": [{"type": "mvr"}], "plain": ["mvr"], "at": "20260102",
        })
    );
    let bare = body(&place(&[]).1);
    assert_eq!((bare.get("extras"), bare.get("plain")), (None, None));
    let unknown = PlaceOrder {
        order: Arc::new(order("unheard-of")),
        ours: OurRef("ours".into()),
        callback_url: String::new(),
    };
    let unfit = seen(|cx| nova().place.encode(&unknown, &Memo::default(), cx));
    assert_eq!(
        unfit.map_err(|unfit| unfit.field).err().as_deref(),
        Some("order.package")
    );
}

#[test]
fn an_order_that_a_later_step_cannot_say_is_refused_before_the_first() {
    let two = NOVA
        .replace(
            "[[place]]\nstep = \"order\"",
            "[[place]]\nstep = \"person\"\nrequest = \"POST /people\"\neffect = \"harmless\"\n\
             success = \".id\"\nkeep = { person = \".id\" }\nnext = \"order\"\n\
             json = { name = \"{applicant.last_name}\" }\n\n[[place]]\nstep = \"order\"",
        )
        .replace("plain =", "person = \"{memo.person}\"\nplain =");
    let vendor = load("nova.toml", &two).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let encoded = |order| {
        let op = PlaceOrder {
            order: Arc::new(order),
            ours: OurRef("ours".into()),
            callback_url: String::new(),
        };
        let request = seen(|cx| vendor.place.encode(&op, &Memo::default(), cx));
        request
            .map(|request| request.step.clone())
            .map_err(|unfit| unfit.field)
    };
    assert_eq!(encoded(order("basic")), Ok("person".to_owned()));
    let without = order("basic").without("applicant.email");
    assert_eq!(encoded(without), Err("applicant.email".to_owned()));
}

#[test]
fn a_success_that_speaks_of_somebody_else_is_none() {
    let op = place(&[]).0;
    let decoded = |body: Value| {
        let answer = answer(&body);
        seen(|cx| nova().place.decode(&op, &Memo::default(), cx, &answer))
    };
    let mine = json!({"id": "7", "email": "dana.reyes@mailbox.dev", "parts": [{"state": "new"}]});
    assert!(matches!(decoded(mine), Ok(Turn::Done(_))));
    let silent = json!({"id": "7", "parts": [{"state": "new"}]});
    assert!(matches!(decoded(silent), Ok(Turn::Done(_))));
    let other = json!({"id": "7", "email": "other@mailbox.dev", "kind": "old"});
    assert_eq!(decoded(other), Err(Fault::Duplicate(TheirRef("7".into()))));
}

#[test]
fn an_order_without_a_reference_is_found_by_person_and_time() {
    let vendor = nova();
    assert!(vendor.finds_ours && vendor.finds_by_person);
    assert!(vendor.dropped.iter().any(|name| name == "reference"));
    let fetch = vendor.fetch.expect("it fetches");
    let op = FetchOrder::Ours {
        order: Arc::new(order("basic")),
        ours: OurRef("ours".into()),
        first_sent_at: 1_767_323_045_000,
    };
    let request = seen(|cx| fetch.encode(&op, &Memo::default(), cx)).expect("it fits");
    let query: Vec<_> = request
        .query
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(
        query,
        ["dana.reyes@mailbox.dev", "2026-01-02T03:02:05Z", "0"]
    );
    let item = |id: &str, made: &str| json!({"id": id, "email": "dana.reyes@mailbox.dev", "made": made, "parts": [{"state": "new"}]});
    let look = |memo: &Memo, items: Value| seen(|cx| fetch.decode(&op, memo, cx, &answer(&items)));
    let first = look(
        &Memo::default(),
        json!([
            item("1", "2026-01-02T03:02:04Z"),
            item("a", "2026-01-02T03:04:05Z")
        ]),
    );
    let Ok(Turn::Next(memo)) = first else {
        panic!("the page is full: {first:?}");
    };
    assert_eq!(memo.values.get("page").map(String::as_str), Some("2"));
    let found = look(&memo, json!([item("5", "2026-01-02T03:02:05Z")]));
    assert!(matches!(found, Ok(Turn::Done(Found::One(progress))) if progress.theirs.0 == "5"));
    let none = look(&memo, json!([]));
    assert_eq!(none, Ok(Turn::Done(Found::NotSeen { blind: false })));
    let full = json!([
        item("a", "2026-01-02T03:04:05Z"),
        item("b", "2026-01-02T03:04:05Z")
    ]);
    let Ok(Turn::Next(third)) = look(&memo, full.clone()) else {
        panic!("three pages are allowed");
    };
    assert_eq!(
        look(&third, full),
        Ok(Turn::Done(Found::NotSeen { blind: true }))
    );
}

#[test]
fn a_list_goes_on_while_its_header_names_a_next_page() {
    let list = nova().list.expect("it lists");
    let page = |link: &str| {
        let reply = reply(200, &[("link", link)], r#"[{"name": "A La Carte"}]"#);
        seen(|cx| list.decode(&ListPackages, &Memo::default(), cx, &reply))
    };
    let next = page("<api.nova.example/packages?page=1>; rel=\"next\", <x>; rel=\"last\"");
    assert!(matches!(next, Ok(Turn::Next(memo)) if memo.values["page"] == "1"));
    for last in ["", "<x?page=0>; rel=\"last\""] {
        match page(last) {
            Ok(Turn::Done(catalog)) => assert_eq!(catalog.packages[0].vendor_id, "A La Carte"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_report_may_be_bytes_and_an_answer_of_another_kind_is_none() {
    let report = nova().report.expect("it has reports");
    let op = ReportLink {
        theirs: TheirRef("1".into()),
    };
    let first = answer(&json!({"report": "https://nova.example/report/r1"}));
    let next = seen(|cx| report.decode(&op, &Memo::default(), cx, &first));
    let Ok(Turn::Next(memo)) = next else {
        panic!("{next:?}", next = next.is_ok());
    };
    let request = seen(|cx| report.encode(&op, &memo, cx)).expect("it fits");
    assert_eq!(request.path, "/report/r1");
    let bytes = |mime: &str, body: &[u8]| {
        let reply = reply(200, &[("content-type", mime)], body);
        seen(|cx| report.decode(&op, &memo, cx, &reply))
    };
    match bytes("Application/PDF; charset=binary", b"%PDF-1.7\xff") {
        Ok(Turn::Done(MintedReport::Document { mime, bytes })) => {
            assert_eq!(
                (mime.as_str(), bytes.expose().as_slice()),
                ("application/pdf", &b"%PDF-1.7\xff"[..])
            );
        }
        _ => panic!("no document"),
    }
    assert!(matches!(
        bytes("text/html", b"<html>"),
        Err(Fault::Unclear(_))
    ));
    assert!(matches!(
        bytes("application/pdf", b""),
        Err(Fault::Unclear(_))
    ));
}
