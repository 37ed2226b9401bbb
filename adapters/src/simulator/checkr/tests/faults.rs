//! Misbehaviour, and that there is no other.

use super::*;

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    for (kind, status, manner, made) in [
        (FaultKind::ActAndReset, 201, Manner::Reset, 1),
        (FaultKind::ActAndBadGateway, 502, Manner::Plainly, 1),
        (FaultKind::ActAndTruncate, 201, Manner::Truncated, 1),
        (FaultKind::ActAndDrip, 201, Manner::Dripping, 1),
        (FaultKind::Hang, 500, Manner::Never, 0),
        (FaultKind::Reset, 500, Manner::Reset, 0),
        (FaultKind::Unavailable, 503, Manner::Plainly, 0),
        (FaultKind::TooMany, 429, Manner::Plainly, 0),
        (FaultKind::Unauthorized, 401, Manner::Plainly, 0),
    ] {
        let mut vendor = manual();
        vendor.fault(fault(kind, 1));
        let response = vendor.handle(&post("/v1/candidates", &person()), START);
        assert_eq!(
            (response.status, response.manner),
            (status, manner),
            "{kind:?}"
        );
        assert_eq!(count(&mut vendor, "/v1/candidates"), made, "{kind:?}");
    }
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
