//! Requests, and what is refused.

use super::*;

#[test]
fn the_catalog_is_a_list_of_names() {
    let listed = answer(&mut manual(), &asking("<getPackages/>"));
    let names: Vec<_> = listed.all("package").map(Element::text).collect();
    assert_eq!(
        names,
        ["A La Carte", "Criminal and Evictions", "International"]
    );
}

#[test]
fn a_request_needs_its_type_and_its_length() {
    let without = |name: &str| {
        let mut request = asking("<getPackages/>");
        request.headers.retain(|(key, _)| key != name);
        error(&mut manual(), &request).0
    };
    assert_eq!(without("content-type"), "2");
    assert_eq!(without("content-length"), "3");
    let mut request = asking("<getPackages/>");
    request.headers[0].1 = "application/json".to_owned();
    assert_eq!(error(&mut manual(), &request).0, "4");
}

#[test]
fn credentials_stand_in_the_document_and_are_refused_under_a_200() {
    for (from, to, number) in [
        ("accio-test-password", "other", "10"),
        ("<login>", "<logon>", "1"),
        ("<account>acme</account>", "", "7"),
        ("<username>accio-test-user</username>", "<username/>", "8"),
        ("<password>accio-test-password</password>", "", "9"),
        (LOGIN, "", "6"),
    ] {
        let body = format!("<New_Order>{LOGIN}<getPackages/></New_Order>");
        let request = sent(&body.replace(from, to));
        assert_eq!(error(&mut manual(), &request).0, number, "{to}");
    }
}

#[test]
fn a_document_that_is_broken_or_asks_for_nothing_is_refused() {
    assert_eq!(error(&mut manual(), &sent("<New_Order>")).0, "1");
    assert_eq!(error(&mut manual(), &asking("")).0, "14");
    let entity = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hostname\">]><a>&b;</a>";
    assert_eq!(error(&mut manual(), &sent(entity)).0, "1");
    let other = Arrived {
        target: "/c/p/other".to_owned(),
        ..asking("<getPackages/>")
    };
    assert_eq!(manual().handle(&other, START).status, 404);
}

#[test]
fn what_is_wrong_with_an_order_is_numbered() {
    let usual = order("Reyes", HOSTED);
    for (from, to, number) in [
        ("<mode>PROD</mode>", "<mode>LIVE</mode>", "124"),
        ("Criminal and Evictions", "Criminal & Evictions", "1"),
        ("Criminal and Evictions", "Criminal", "45"),
        ("National Criminal", "National_Criminal", "30"),
        (" type=\"National Criminal\"", "", "30"),
        ("National Criminal", "MVR", "77"),
        ("<email>dana@mailbox.dev</email>", "", "107"),
        ("</subject>", "<dob>19900231</dob></subject>", "36"),
        ("</subject>", "<state>ZRX</state></subject>", "35"),
    ] {
        let mut vendor = manual();
        let body = format!("<a>{LOGIN}<mode>PROD</mode>{usual}</a>").replace(from, to);
        assert_eq!(error(&mut vendor, &sent(&body)).0, number, "{to}");
        assert!(vendor.orders().is_empty(), "{to}");
    }
    let no_subject = placing("<placeOrder number=\"1\"><package>A La Carte</package></placeOrder>");
    assert_eq!(error(&mut manual(), &no_subject).0, "32");
}

#[test]
fn a_product_that_is_not_in_the_package_is_refused_with_a_list_of_those_that_are() {
    let wanted = order("Reyes", HOSTED).replace("National Criminal", "MVR");
    let refused = answer(&mut manual(), &placing(&wanted));
    let text = refused
        .child("error")
        .and_then(|it| it.text_of("additionalinfo"));
    assert!(text.is_some_and(|text| text.contains("County_criminal:5\nNational Criminal:1")));
    let twice = order("Reyes", HOSTED).replace(
        "<subOrder type=\"National Criminal\"/>",
        "<subOrder type=\"SSN\"/><subOrder type=\"SSN\"/>",
    );
    assert_eq!(error(&mut manual(), &placing(&twice)).0, "77");
}

#[test]
fn a_package_alone_is_not_an_order() {
    let bare = order("Reyes", HOSTED)
        .replace("<subOrder type=\"National Criminal\"/>", "")
        .replace("<IncludeDefaultProducts/>", "");
    assert_eq!(error(&mut manual(), &placing(&bare)).0, "31");
}

#[test]
fn products_need_their_data_unless_the_applicant_gives_it() {
    let county =
        |subject: &str| order("Reyes", subject).replace("National Criminal", "County_criminal");
    assert_eq!(error(&mut manual(), &placing(&county(""))).0, "35");
    assert!(
        answer(&mut manual(), &placing(&county(HOSTED)))
            .child("order")
            .is_some()
    );
}

#[test]
fn orders_of_one_document_are_placed_up_to_the_first_mistake() {
    let good = order("Reyes", HOSTED);
    let bad = good.replace("Criminal and Evictions", "None");
    let mut vendor = manual();
    let answered = answer(&mut vendor, &placing(&format!("{good}{bad}{good}")));
    assert_eq!(answered.names(), ["order", "error"]);
    assert_eq!(vendor.orders().len(), 1);
}

#[test]
fn faults_strike_before_or_after_the_order_is_made() {
    assert_faults_strike(200, 200, || (manual(), placing(&order("Reyes", HOSTED))));
}
