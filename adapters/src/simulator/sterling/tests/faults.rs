//! Misbehaviour, and that there is no other.

use super::super::super::Manner;
use super::*;

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    for (kind, status, manner, made) in [
        (FaultKind::ActAndHang, 201, Manner::Never, 1),
        (FaultKind::ActAndReset, 201, Manner::Reset, 1),
        (FaultKind::ActAndBadGateway, 502, Manner::Plainly, 1),
        (FaultKind::ActAndTruncate, 201, Manner::Truncated, 1),
        (FaultKind::Hang, 500, Manner::Never, 0),
        (FaultKind::Reset, 500, Manner::Reset, 0),
        (FaultKind::Unavailable, 503, Manner::Plainly, 0),
        (FaultKind::TooMany, 429, Manner::Plainly, 0),
        (FaultKind::Unauthorized, 401, Manner::Plainly, 0),
    ] {
        let mut vendor = manual();
        let candidate = created(&mut vendor, &person());
        let order = ask("POST", "/v2/screenings", &wanted(&candidate));
        let order = signed_in(&mut vendor, order);
        vendor.fault(fault(kind, 1));
        let response = vendor.handle(&order, START);
        assert_eq!(
            (response.status, response.manner),
            (status, manner),
            "{kind:?}"
        );
        assert_eq!(vendor.orders().len(), made, "{kind:?}");
    }
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    let order = placed(&mut vendor);
    let id = order["candidateId"].as_str().unwrap().to_owned();
    vendor.fault(fault(FaultKind::Invisible, 0));
    let mut seen = |path: &str, after| {
        let shown = answer_at(&mut vendor, "GET", path, &Value::Null, START + after).1;
        shown.to_string().contains("1800000001")
    };
    for path in [
        format!("/candidates/{id}"),
        "/candidates?limit=5".to_owned(),
    ] {
        assert_eq!([seen(&path, 29_999), seen(&path, 30_000)], [false, true]);
    }
}

#[test]
fn two_instances_that_are_asked_the_same_say_the_same() {
    let [one, other] = [(); 2].map(|()| {
        let mut vendor = Sterling::default();
        placed(&mut vendor);
        vendor.due(START + 9_000)
    });
    assert_eq!(one.len(), 2);
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.body, other.body);
    }
}
