//! Orders: how they are answered, moved and told.

use super::*;

#[test]
fn a_hosted_order_is_answered_with_its_products_and_the_portals_address() {
    let mut vendor = manual();
    let placed = answer(&mut vendor, &placing(&order("Reyes", HOSTED)));
    let order = placed.child("order").unwrap();
    assert_eq!(order.attribute("orderID"), Some("70001"));
    assert_eq!(order.attribute("number"), Some("100042"));
    let link = order.text_of("applicantPortalURL").unwrap();
    assert!(link.starts_with("https://agency.example/c/p/collect_information?guikey="));
    let held = vendor.orders();
    assert_eq!(
        (held[0].reference.as_str(), held[0].id.as_str()),
        ("100042", "70001")
    );
    assert_eq!(
        (held[0].status.as_str(), &held[0].result),
        ("inprogress candidate", &None)
    );
}

#[test]
fn default_products_are_added_where_they_need_no_data() {
    let wanted = order("Reyes", HOSTED).replace("<subOrder type=\"National Criminal\"/>", "");
    let placed = answer(&mut manual(), &placing(&wanted));
    let added: Vec<_> = placed.child("order").unwrap().all("subOrder").collect();
    assert_eq!(added.len(), 1, "the county search needs a county");
    assert_eq!(added[0].attribute("type"), Some("National Criminal"));
    assert_eq!(
        added[0].attribute("comments"),
        Some("added by IncludeDefaultProducts")
    );
}

#[test]
fn an_order_without_a_mode_is_answered_and_does_not_exist() {
    for mode in ["", "<mode>TEST</mode>"] {
        let mut vendor = manual();
        let body = format!("{mode}{}", order("Reyes", HOSTED));
        let placed = answer(&mut vendor, &asking(&body));
        assert_eq!(
            placed.child("order").unwrap().attribute("orderID"),
            Some("70001")
        );
        assert!(vendor.orders().is_empty());
        let query = asking("<getOrderResults orderID=\"70001\"/>");
        assert_eq!(error(&mut vendor, &query).0, "90");
    }
    let mut vendor = manual();
    answer(
        &mut vendor,
        &asking(&format!("<mode>DRAFT</mode>{}", order("Reyes", HOSTED))),
    );
    assert_eq!(vendor.orders()[0].status, "inprogress recruiter");
}

#[test]
fn the_same_number_twice_is_two_orders() {
    let mut vendor = manual();
    hosted(&mut vendor, "Reyes");
    hosted(&mut vendor, "Reyes");
    let references: Vec<_> = vendor.orders().into_iter().map(|it| it.reference).collect();
    assert_eq!(references, ["100042", "100042"]);
}

#[test]
fn a_hosted_order_becomes_active_under_another_number_and_the_old_one_still_works() {
    let mut vendor = manual();
    let draft = hosted(&mut vendor, "Reyes");
    assert!(vendor.advance(&draft, "inprogress vendor", None, START));
    let active = vendor.orders()[0].id.clone();
    assert_ne!(active, draft);
    let told = results(&mut vendor, &draft);
    let info = told.child("orderInfo").unwrap();
    assert_eq!(
        info.text_of("ordernumber_changed_to"),
        Some(active.as_str())
    );
    let told = results(&mut vendor, &active);
    assert_eq!(
        told.child("orderInfo")
            .unwrap()
            .text_of("ordernumber_changed_to"),
        None
    );
    let block = told.child("completeOrder").unwrap();
    assert_eq!(block.attribute("remote_number"), Some(active.as_str()));
    assert_eq!(block.text_of("order_state"), Some("inprogress vendor"));
    assert!(!vendor.advance("nobody", "inprogress vendor", None, START));
    assert!(!vendor.advance(&draft, "order completion", Some("clear+odd"), START));
}

#[test]
fn the_worst_colour_is_the_status() {
    for (code, status) in [
        ("clear", "clear"),
        ("canceled", "clear"),
        ("expired", "clear"),
        ("hits", "hits"),
        ("no hits", "hits"),
        ("lab-reject", "unknown"),
        ("labreject", "unknown"),
        ("cd_custom", "cd_custom"),
    ] {
        let mut vendor = manual();
        let number = hosted(&mut vendor, "Reyes");
        vendor.advance(&number, "order completion", Some(code), START);
        let told = results(&mut vendor, &number);
        let block = told.child("completeOrder").unwrap();
        assert_eq!(block.text_of("status"), Some(status), "{code}");
        assert_eq!(vendor.orders()[0].result.as_deref(), Some(status), "{code}");
    }
}

#[test]
fn an_applicant_called_hits_has_a_second_order_without_our_number() {
    let mut vendor = Accio::default();
    let number = hosted(&mut vendor, "Hits");
    vendor.due(START + 1_500);
    let told = results(&mut vendor, &number);
    let blocks: Vec<_> = told.all("completeOrder").collect();
    let attributes = |nth: usize| {
        let block: &Element = blocks[nth];
        ["number", "reference_number"].map(|name| block.attribute(name).unwrap())
    };
    assert_eq!(attributes(0), ["100042", ""]);
    assert_eq!(attributes(1), ["", "100042"]);
    let statuses: Vec<_> = blocks
        .iter()
        .map(|it| it.text_of("status").unwrap())
        .collect();
    assert_eq!(statuses, ["clear", "hits"]);
    assert_eq!(vendor.orders()[0].result.as_deref(), Some("hits"));
}

#[test]
fn an_order_passes_by_itself_unless_nobody_wrote_to_its_applicant() {
    let mut vendor = Accio::default();
    hosted(&mut vendor, "Reyes");
    // The element counts, not what stands in it.
    let quiet = order("Reyes", HOSTED).replace(
        "<package>",
        "<SuppressApplicantPortalEmail>N</SuppressApplicantPortalEmail><package>",
    );
    answer(&mut vendor, &placing(&quiet));
    vendor.due(START + 1_500);
    let states: Vec<_> = vendor.orders().into_iter().map(|it| it.status).collect();
    assert_eq!(states, ["order completion", "inprogress candidate"]);
}

#[test]
fn consent_is_asked_for_by_itself_with_the_portal_and_alone_where_it_is_wanted() {
    let state = |subject: &str| {
        let mut vendor = manual();
        answer(&mut vendor, &placing(&order("Reyes", subject)));
        (
            vendor.orders()[0].status.clone(),
            vendor.orders[0].is_signed,
        )
    };
    let candidate = "inprogress candidate".to_owned();
    assert_eq!(state(HOSTED), (candidate.clone(), true));
    let without = format!("{HOSTED}<require_ews>N</require_ews>");
    assert_eq!(state(&without), (candidate.clone(), false));
    assert_eq!(state("<require_ews>Y</require_ews>"), (candidate, true));
    assert_eq!(state(""), ("inprogress vendor".to_owned(), false));
}

#[test]
fn the_report_can_be_had_as_a_document() {
    let mut vendor = manual();
    let number = hosted(&mut vendor, "Reyes");
    let query = format!("<getOrderResults orderID=\"{number}\" format=\"pdf\"/>");
    let told = answer(&mut vendor, &asking(&query));
    let pdf = told.child("pdfresults").unwrap();
    assert_eq!(pdf.attribute("encoding"), Some("base64"));
    assert!(pdf.text().starts_with("JVBERi0"));
    assert!(told.child("completeOrder").is_none());
    assert_eq!(error(&mut vendor, &asking("<getOrderResults/>")).0, "89");
}

#[test]
fn an_agency_may_use_its_own_words_or_tell_in_short() {
    let told = |choose: fn(&mut Account)| {
        let mut vendor = with(choose);
        let number = hosted(&mut vendor, "Reyes");
        vendor.advance(&number, "order completion", None, START);
        results(&mut vendor, &number)
    };
    let own = told(|account| {
        let words = ("order completion".to_owned(), "Fertig".to_owned());
        account.states = [words].into();
    });
    let state = own.child("completeOrder").unwrap().text_of("order_state");
    assert_eq!(state, Some("Fertig"));
    let short = told(|account| account.summary = true);
    let block = short.child("completeOrder").unwrap();
    assert_eq!(block.names(), ["status", "state"]);
    assert_eq!(block.text_of("state"), Some("order complete"));
}

#[test]
fn times_have_no_zone_and_blanks_behind_them() {
    let mut vendor = manual();
    let number = hosted(&mut vendor, "Reyes");
    let query = asking(&format!("<getOrderResults orderID=\"{number}\"/>"));
    let body = String::from_utf8(vendor.handle(&query, START).body).unwrap();
    assert!(
        body.contains("<time_ordered>2026-02-01 04:00:02 </time_ordered>"),
        "{body}"
    );
}
