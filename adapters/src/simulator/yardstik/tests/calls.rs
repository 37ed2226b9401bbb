//! Keys, packages, candidates, invitations and reports.

use super::*;

#[test]
fn a_call_needs_the_word_account_and_says_what_it_accepts() {
    let mut vendor = manual();
    let mut status = |authorization: &str, accept: &str| {
        let request = bare_get("/packages")
            .with("authorization", authorization)
            .with("accept", accept);
        vendor.handle(&request, START).status
    };
    assert_eq!(status("Account yardstik-test-key", "application/json"), 200);
    assert_eq!(status("Bearer yardstik-test-key", "application/json"), 401);
    assert_eq!(status("Account other", "application/json"), 401);
    assert_eq!(status("Account yardstik-test-key", "*/*"), 400);
}

#[test]
fn packages_are_a_bare_array_of_the_accounts_own_ids() {
    let (status, packages) = get(&mut manual(), "/packages");
    let expected = json!({
        "id": PACKAGE, "package_system_name": "basic_plus_mvr", "package_name": "Basic Plus + MVR",
    });
    assert_eq!((status, &packages[0]), (200, &expected));
}

#[test]
fn a_candidate_lists_its_reports_and_lists_are_filtered() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    post(
        &mut vendor,
        "/candidates",
        &json!({"first_name": "A", "last_name": "B", "email": "a@b"}),
    );
    let found = get(
        &mut vendor,
        "/candidates?query%5Bexternal_id_eq%5D=ord_01HX2",
    )
    .1;
    let meta = json!({"page": 1, "per_page": 25, "total_count": 1, "total_pages": 1});
    assert_eq!((&found["object"], &found["meta"]), (&json!("list"), &meta));
    let candidate = &found["data"][0];
    assert_eq!(candidate["reports"][0]["id"], invitation["report"]["id"]);
    assert_eq!(candidate["reports"][0]["account_package_id"], PACKAGE);
    let by_id = format!("/candidates/{}", candidate["id"].as_str().unwrap());
    assert_eq!(get(&mut vendor, &by_id).1, *candidate);
    let second = get(&mut vendor, "/candidates?page=2&per_page=1").1;
    assert_eq!(second["meta"]["total_pages"], 2);
    assert_eq!(second["data"].as_array().unwrap().len(), 1);
    assert_eq!(get(&mut vendor, "/candidates?page=0").0, 400);
    assert_eq!(get(&mut vendor, "/candidates/none").0, 404);
    let mut unfiltered = with(|account| account.filters_external_id = false);
    placed(&mut unfiltered);
    let all = get(
        &mut unfiltered,
        "/candidates?query%5Bexternal_id_eq%5D=other",
    )
    .1;
    assert_eq!(all["meta"]["total_count"], 1, "the parameter is ignored");
}

#[test]
fn a_candidate_that_lacks_something_is_refused() {
    for (name, value) in [
        ("first_name", json!("")),
        ("last_name", json!(null)),
        ("email", json!("dana")),
        ("phone", json!("888-555-1234")),
    ] {
        let mut person = person();
        person[name] = value;
        assert_eq!(post(&mut manual(), "/candidates", &person).0, 422, "{name}");
    }
}

#[test]
fn an_invitation_makes_its_report_at_once() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    assert_eq!(invitation["status"], "created");
    assert_eq!(invitation["expires_at"], "2026-02-08T10:00:02Z");
    assert_eq!(invitation["candidate"]["external_id"], "ord_01HX2");
    let report = report(&mut vendor);
    assert_eq!(
        (&report["status"], &report["id"]),
        (&json!("created"), &invitation["report"]["id"])
    );
    assert_eq!(report["adjudication"], json!(null));
    assert!(
        report["meta"]["report_url"]
            .as_str()
            .unwrap()
            .starts_with("https://app.")
    );
    let path = format!("/invitations/{}", invitation["id"].as_str().unwrap());
    assert_eq!(get(&mut vendor, &path).1, invitation);
}

#[test]
fn an_id_of_another_account_or_with_a_pasted_newline_is_refused() {
    let mut vendor = manual();
    let candidate = post(&mut vendor, "/candidates", &person()).1;
    for package in [
        "6a1f0c11-0000-0000-0000-000000000000",
        &format!("{PACKAGE}\n"),
        "",
    ] {
        let mut body = wanted(&candidate);
        body["account_package_id"] = json!(package);
        assert_eq!(
            post(&mut vendor, "/invitations", &body).0,
            422,
            "{package:?}"
        );
    }
    let nobody = json!({"account_package_id": PACKAGE, "candidate_id": "none"});
    assert_eq!(post(&mut vendor, "/invitations", &nobody).0, 422);
    assert!(vendor.orders().is_empty());
}

#[test]
fn a_second_report_of_candidate_and_package_is_refused_for_thirty_days() {
    let mut vendor = manual();
    let candidate = placed(&mut vendor)["candidate"].clone();
    let again = signed_in(ask("POST", "/invitations", &wanted(&candidate)));
    assert_eq!(vendor.handle(&again, START + 30 * DAY - 1).status, 422);
    let as_report = signed_in(ask("POST", "/reports", &wanted(&candidate)));
    assert_eq!(vendor.handle(&as_report, START).status, 422);
    assert_eq!(vendor.handle(&again, START + 30 * DAY).status, 201);
}

#[test]
fn a_report_without_an_invitation_writes_to_nobody() {
    let mut vendor = manual();
    let candidate = post(&mut vendor, "/candidates", &person()).1;
    let mut body = wanted(&candidate);
    body["external_id"] = json!("ord_2");
    let (status, report) = post(&mut vendor, "/reports", &body);
    assert_eq!((status, &report["status"]), (201, &json!("created")));
    assert_eq!(report["external_id"], "ord_2");
    assert!(report["meta"]["apply"].is_string());
    let other = post(&mut vendor, "/candidates", &person()).1;
    let mut consented = wanted(&other);
    consented["account_candidate_consented"] = json!(true);
    assert_eq!(
        post(&mut vendor, "/reports", &consented).1["status"],
        "queued"
    );
}

#[test]
fn only_an_invitation_that_has_run_out_is_sent_anew() {
    let mut vendor = manual();
    let invitation = placed(&mut vendor);
    let refresh = format!(
        "/invitations/{}/refresh",
        invitation["id"].as_str().unwrap()
    );
    assert_eq!(answer(&mut vendor, "PATCH", &refresh, &json!({})).0, 422);
    vendor.advance("ord_01HX2", "expired", None, START);
    let (status, shown) = answer(&mut vendor, "PATCH", &refresh, &json!({}));
    assert_eq!((status, &shown["status"]), (200, &json!("created")));
    assert_eq!(report(&mut vendor)["status"], "created");
    vendor.advance("ord_01HX2", "canceled", None, START);
    let path = format!("/invitations/{}", invitation["id"].as_str().unwrap());
    assert!(get(&mut vendor, &path).1["canceled_at"].is_string());
}

#[test]
fn an_employer_accepts_a_consider_or_begins_adverse_action() {
    let mut vendor = manual();
    let candidate = placed(&mut vendor)["candidate"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = vendor.orders()[0].id.clone();
    let approve = format!("/candidates/{candidate}/approve_by_report");
    let body = json!({"report_id": id});
    assert_eq!(answer(&mut vendor, "PATCH", &approve, &body).0, 422);
    vendor.advance(&id, "consider", None, START);
    assert_eq!(answer(&mut vendor, "PATCH", &approve, &body).0, 200);
    assert_eq!(report(&mut vendor)["status"], "proceed");
    vendor.advance(&id, "consider", None, START);
    let adverse = format!("/reports/{id}/adverse_actions");
    let body = json!({"violations": [{"description": "x"}]});
    assert_eq!(
        post(&mut vendor, &adverse, &body).1["status"],
        "pre_adverse"
    );
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(201, 401, || {
        let mut vendor = manual();
        let candidate = post(&mut vendor, "/candidates", &person()).1;
        let order = ask("POST", "/invitations", &wanted(&candidate));
        (vendor, signed_in(order))
    });
}

#[test]
fn what_was_just_placed_may_be_invisible_to_look_ups() {
    let mut vendor = manual();
    placed(&mut vendor);
    vendor.fault(fault(FaultKind::Invisible, 0));
    let list = signed_in(bare_get("/candidates"));
    let mut seen =
        |after| vendor.handle(&list, START + after).read().1["meta"]["total_count"].clone();
    assert_eq!([seen(29_999), seen(30_000)], [json!(0), json!(1)]);
}
