//! A vendor that speaks XML: what is sent, what is read, and what proves a callback.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::order;
use crate::callback::{Forged, Incoming, OrderKey, Says, Verified, verify};
use crate::contract::{
    Context, Fault, FetchOrder, Found, Memo, Piece, PlaceOrder, Reply, Request, Turn, Vendor,
};
use crate::sheet::load;
use crate::vocabulary::{Order, OurRef, Outcome, Private, Progress, Standing, TheirRef};

const IRIS: &str = r##"
name = "iris"
title = "Iris"
answers = "xml"
credentials = ["user", "password", "callback_password"]
auth = "none"
dropped = [
  "order.placed_at", "applicant.id", "applicant.phone", "applicant.address_2", "applicant.city", "applicant.state", "applicant.zip",
  "hiring_manager.id", "hiring_manager.first_name", "hiring_manager.last_name", "hiring_manager.email", "job.id",
]

[settings.quiet]
meaning = "Given: nobody writes to the applicant."
form = "text"
example = "yes"
default = ""

[policy]
reference = { alphabet = "0-9", length = 15 }
ambiguity = { wait_for_callback = "2h" }
absent_after = "1m"
look_first = "1m"
look_at_most = "1h"

[errors]
text = ".error.text"
rules = [
  { when = { ".error.@n" = [10, 11] }, is = "denied" },
  { when = { ".error.@n" = { present = true } }, is = "refused", message = "Iris says: {said}" },
]

[read.order]
theirs = ".order.@id"
status = ".order.state"
statuses = { open = "invited", done = "complete" }
result = ".order.state.@flag"
results = { FALSE = "pass", TRUE = "review" }
without_result = "review"

[[place]]
step = "order"
request = "POST /send"
mime = "application/xml"
effect = "once"
success = ".order.@id"
read = "order"
xml = '''
<?xml version="1.0"?>
<!DOCTYPE Order SYSTEM 'order.dtd'>
<Order>
  <login user="{secret.user}"><pw>x{secret.password}</pw></login>
  <place number="{ours}">
    <person>
      <last>{applicant.last_name}</last>
      <first>{applicant.first_name?}</first>
      <address type="current"><line>{applicant.address?}</line></address>
      <mail kind="{settings.quiet?}">{applicant.email?}</mail>
    </person>
    <quiet _when="{settings.quiet?}"/>
    <package>{order.package}</package>
    <add _each="{order.add_ons}" type="{item}"><of>{ours}</of></add>
    <defaults/>
  </place>
</Order>
'''

[[fetch]]
step = "status"
request = "POST /send"
effect = "read"
success = ".order.@id"
read = "order"
form = { id = "{theirs}", "who[name]" = "{secret.user}", none = "{settings.quiet?}" }

[callback]
format = "xml_in_form"
proof = { document = { ".@user" = "user", ".login.pw" = "callback_password" } }
accepted = { status = 200, mime = "text/xml", body = "<ok/>" }
theirs = ".order[*].@id"
then = "apply"
read = "order"
"##;

fn iris() -> Vendor {
    load("iris.toml", IRIS).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"));
    })
}

fn settings(quiet: &str) -> BTreeMap<String, Value> {
    BTreeMap::from([("quiet".to_owned(), json!(quiet))])
}

fn seen<T>(quiet: &str, look: impl FnOnce(&Context<'_>) -> T) -> T {
    look(&Context {
        settings: &settings(quiet),
        key: "k",
        base_url: "https://iris.example",
    })
}

fn placed(order: Order, quiet: &str) -> Request {
    let op = PlaceOrder {
        order: Arc::new(order),
        ours: OurRef("123456789012345".into()),
        callback_url: String::new(),
    };
    seen(quiet, |cx| iris().place.encode(&op, &Memo::default(), cx)).expect("it fits")
}

/// The body with its holes shown.
fn body(request: &Request) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Bytes(bytes) => String::from_utf8(bytes.clone()).expect("it is text"),
        Piece::Secret { name, escape } => format!("[{name} {escape:?}]"),
    };
    request.body.iter().map(text).collect()
}

fn fetched(xml: &str) -> Result<Found, Fault> {
    let reply = Reply {
        status: 200,
        headers: Vec::new(),
        body: xml.as_bytes().to_vec(),
    };
    let op = FetchOrder::Theirs(TheirRef("7".into()));
    let fetch = iris().fetch.expect("it fetches");
    match seen("", |cx| fetch.decode(&op, &Memo::default(), cx, &reply))? {
        Turn::Done(found) => Ok(found),
        Turn::Next(_) => panic!("there is one step"),
    }
}

fn standing(xml: &str) -> Option<Standing> {
    match fetched(xml) {
        Ok(Found::One(progress)) => progress.standing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_document_is_sent_in_its_own_order_without_what_is_absent() {
    let request = placed(order("pkg"), "");
    assert_eq!(request.mime.as_deref(), Some("application/xml"));
    assert_eq!(
        body(&request),
        "<?xml version=\"1.0\"?><!DOCTYPE Order SYSTEM 'order.dtd'><Order>\
         <login user=\"[user Xml]\"><pw>x[password Xml]</pw></login><place number=\"123456789012345\">\
         <person><last>Reyes</last><first>Dana</first><mail>dana.reyes@mailbox.dev</mail></person>\
         <package>pkg</package><defaults/></place></Order>"
    );
}

#[test]
fn what_is_asked_for_by_a_setting_or_an_add_on_is_sent_once_for_each() {
    let mut order = order("pkg");
    order.add_ons = vec!["County & State".into(), "b".into()];
    let body = body(&placed(order, "yes"));
    assert!(body.contains("<mail kind=\"yes\">"), "{body}");
    assert!(
        body.contains("</person><quiet/><package>pkg</package><add type=\"County &amp; State\"><of>123456789012345</of></add><add type=\"b\">"),
        "{body}"
    );
}

#[test]
fn whatever_is_in_a_value_stays_in_its_place() {
    let nasty = "</last><a b=\"c\" d='e'>&amp;]]>\r\n\tJos\u{e9} \u{1F600}\u{0}";
    let mut nasty_order = order("p\"'><x/>");
    nasty_order.applicant.last_name = Some(nasty.into());
    let body = body(&placed(nasty_order, ""));
    assert!(body.is_ascii(), "{body}");
    let at = body.find("<Order>").expect("a root");
    let tree = super::super::xml::read(&body.as_bytes()[at..]).expect("well formed");
    let text = |path: &str| tree.pointer(path).cloned();
    assert_eq!(
        text("/place/0/person/0/last/0/#"),
        Some(json!(nasty.trim_end_matches('\u{0}')))
    );
    assert_eq!(text("/place/0/package/0/#"), Some(json!("p\"'><x/>")));
}

#[test]
fn a_form_is_sent_member_by_member() {
    let op = FetchOrder::Theirs(TheirRef("a&b=c\r\n".into()));
    let fetch = iris().fetch.expect("it fetches");
    let request = seen("", |cx| fetch.encode(&op, &Memo::default(), cx)).expect("it fits");
    assert_eq!(
        body(&request),
        "id=a%26b%3Dc%0D%0A&who%5Bname%5D=[user Form]"
    );
    assert_eq!(
        request.mime.as_deref(),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn an_answer_is_read_by_elements_and_attributes() {
    let done =
        |flag: &str| format!("<x><order id='7'><state flag='{flag}'>\n DONE </state></order></x>");
    let complete = |outcome| Some(Standing::Complete(outcome));
    assert_eq!(standing(&done("FALSE")), complete(Outcome::Pass));
    assert_eq!(standing(&done("TRUE")), complete(Outcome::Review));
    assert_eq!(standing(&done("odd")), complete(Outcome::Review));
    assert_eq!(
        standing("<x><order id='7'><state>done</state></order></x>"),
        complete(Outcome::Review)
    );
    assert_eq!(
        standing("<x><order id='7'><state>lost</state></order></x>"),
        None
    );
    let refused =
        fetched("<x><order id='7'/><error n='77'><text>No <b>such</b> thing</text></error></x>");
    assert_eq!(
        refused,
        Err(Fault::Refused {
            code: "refused_by_vendor".into(),
            field: None,
            message: "Iris says: No  thing".replace("  ", " "),
        })
    );
    assert_eq!(
        fetched("<x><error n='10'><text>no</text></error></x>"),
        Err(Fault::Denied)
    );
    for unclear in ["", "{}", "<x/>", "<html>ok</html>", "<x><order id='7'>"] {
        assert!(
            matches!(fetched(unclear), Err(Fault::Unclear(_))),
            "{unclear}"
        );
    }
}

#[test]
fn a_callback_is_proved_by_the_credentials_in_it() {
    let callbacks = iris().callbacks.expect("it calls back");
    let document = |user: &str, password: &str| {
        let xml = format!(
            "<r user=\"{user}\"><login><pw>{password}</pw></login><order id='7'><state flag='FALSE'>done</state></order></r>"
        );
        format!(
            "request={}",
            percent_encoding::utf8_percent_encode(&xml, percent_encoding::NON_ALPHANUMERIC)
        )
    };
    let believed = |body: &str| {
        let incoming = Incoming {
            method: "POST",
            headers: &[],
            query: &[],
            body: body.as_bytes(),
        };
        let secrets = |name: &str| match name {
            "user" => vec![Private::from("me")],
            "callback_password" => vec![Private::from("old"), Private::from("new")],
            _ => Vec::new(),
        };
        verify(&callbacks.proof, &incoming, &secrets, 0).map(drop)
    };
    assert_eq!(believed(&document("me", "new")), Ok(()));
    assert_eq!(believed(&document("me", "old")), Ok(()));
    assert_eq!(believed(&document("me", "x")), Err(Forged::Mismatch));
    assert_eq!(believed(&document("you", "new")), Err(Forged::Mismatch));
    assert_eq!(believed(&document("me", "")), Err(Forged::Missing));
    assert_eq!(believed("request=x"), Err(Forged::Missing));

    let body = document("me", "new");
    let notes = seen("", |cx| {
        callbacks.reader.read(Verified::kept(body.as_bytes()), cx)
    });
    let notes = notes.expect("it can be read");
    assert_eq!(notes[0].order, [OrderKey::Theirs(TheirRef("7".into()))]);
    let pass = Progress::new(
        TheirRef("7".into()),
        Some(Standing::Complete(Outcome::Pass)),
    );
    assert_eq!(notes[0].says, Says::Progress(Box::new(pass)));
    assert_eq!(callbacks.accepted.body, "<ok/>");
}

#[test]
fn a_document_that_is_none_and_a_callback_without_proof_that_is_applied_are_mistakes() {
    let spoiled = |from: &str, to: &str| {
        let text = IRIS.replacen(from, to, 1);
        let mistakes = load("iris.toml", &text).expect_err("it is wrong");
        mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let check = |from: &str, to: &str, says: &str| {
        let told = spoiled(from, to);
        assert!(told.contains(says), "{told}");
    };
    check("</Order>\n'''", "</Ordr>\n'''", "this is not XML");
    check("</Order>\n'''", "'''", "no whole root element");
    check("<last>{", "<last>&e;{", "a reference or CDATA");
    check("{ours}\">", "{item}\">", "it stands only behind `_each`");
    check(
        "{applicant.first_name?}",
        "{applicant.frist_name?}",
        "is nothing that can be named",
    );
    check(
        "proof = {",
        "proof = \"hint\" #",
        "a callback that proves nothing is applied",
    );
    check("\".@user\"", "\".order[*]\"", "stands in one place");
    check(
        "answers = \"xml\"",
        "answers = \"xlm\"",
        "it is \"json\", \"xml\"",
    );
    let told = spoiled("{applicant.last_name}", "{applicant.lost_name}");
    let line = IRIS
        .lines()
        .position(|line| line.contains("<last>"))
        .expect("it is there");
    assert!(told.contains(&format!("iris.toml:{}:", line + 1)), "{told}");
}
