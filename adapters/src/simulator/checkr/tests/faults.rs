//! Misbehaviour, and that there is no other.

use super::*;

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(201, 401, || {
        let mut vendor = manual();
        let candidate = created(&mut vendor, &person());
        (vendor, post("/v1/invitations", &wanted(&candidate)))
    });
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.fault(fault(FaultKind::Invisible, 0));
    for target in ["/v1/candidates", "/v1/invitations"] {
        let mut seen = |after| vendor.handle(&get(target), START + after).read().1["count"].clone();
        assert_eq!([seen(29_999), seen(30_000)], [json!(0), json!(1)]);
    }
}

#[test]
fn two_instances_that_are_asked_the_same_say_the_same() {
    let [one, other] = [(); 2].map(|()| {
        let mut vendor = Checkr::default();
        vendor.set_callback_url(HOOK);
        placed(&mut vendor);
        vendor.due(START + Duration::from_secs(9).as_millis() as Millis)
    });
    assert_eq!(one.len(), 4);
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.body, other.body);
    }
}
