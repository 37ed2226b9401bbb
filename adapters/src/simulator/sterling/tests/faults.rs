//! Misbehaviour, and that there is no other.

use super::*;

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(201, 401, || {
        let mut vendor = manual();
        let candidate = created(&mut vendor, &person());
        let order = ask("POST", "/v2/screenings", &wanted(&candidate));
        let order = signed_in(&mut vendor, order);
        (vendor, order)
    });
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
