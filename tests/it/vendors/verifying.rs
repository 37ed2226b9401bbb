//! Trying a connection says in a sentence what is wrong with it, and where to put it right.

use std::time::Duration;

use cleargate::app::verifying::{Verdict, Verification};

use super::peer::{Act, Peer, answer, close};
use crate::support::{Database, Plan, World};

/// Longer than a connection is left alone for anything.
const PAUSE: Duration = Duration::from_secs(3600);

async fn verify(world: &World) -> Verification {
    world.clock.advance(PAUSE);
    let tenant = world.app().tenant_named("ACCT123").unwrap();
    world.app().verify_connection(&tenant.connections[0]).await
}

/// What trying a vendor at `base_url` comes to.
async fn verify_at(world: &World, base_url: &str) -> Verification {
    world.vendor_is_at(base_url).await;
    verify(world).await
}

#[track_caller]
fn expect(verification: &Verification, verdict: Verdict, words: &str) {
    assert_eq!(verification.verdict, verdict, "{}", verification.sentence);
    let told = &verification.sentence;
    assert!(told.contains(words), "`{words}` is not in: {told}");
    assert!(!told.contains("k3y") && !told.contains('\n'), "{told}");
}

/// The date header of an answer, so many seconds off our clock at the next trial.
fn dated(world: &World, seconds_off: i64) -> String {
    let at = world.clock.now() / 1000 + i64::try_from(PAUSE.as_secs()).unwrap() + seconds_off;
    let at = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(at).unwrap());
    format!("date: {}\r\n", httpdate::fmt_http_date(at))
}

#[tokio::test]
async fn a_connection_that_works_is_said_to() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    expect(
        &verify(&world).await,
        Verdict::Good,
        "Sandbox knows these credentials",
    );
    let checkr = Plan::checkr(Database::Sqlite).start().await;
    expect(
        &verify(&checkr).await,
        Verdict::Good,
        "Checkr knows these credentials",
    );
    assert!(checkr.vendor_orders().is_empty() && world.vendor_orders().is_empty());
}

#[tokio::test]
async fn wrong_credentials_are_told_by_name() {
    for plan in [
        Plan::sandbox(Database::Sqlite),
        Plan::checkr(Database::Sqlite),
    ] {
        // Its clock has to be that of the vendor's answers.
        let world = plan.running().start().await;
        let reference = world.file.split("api_key = \"").nth(1).unwrap();
        let reference = reference.split('"').next().unwrap().to_owned();
        world
            .import_changed(|file| file.replace(&reference, "text:guess"))
            .await;
        let verification = verify(&world).await;
        expect(
            &verification,
            Verdict::Credentials,
            "does not know these credentials (api_key",
        );
        assert!(!verification.is_good());
    }
}

#[tokio::test]
async fn what_a_vendor_answers_is_told_apart() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let html = "<html>Welcome to nginx!</html>";
    for (status, body, verdict, words) in [
        (200, "{}", Verdict::Good, "knows these credentials"),
        (
            401,
            "{}",
            Verdict::Credentials,
            "another region or environment",
        ),
        (
            403,
            "{}",
            Verdict::NotAllowed,
            "our address is not on the vendor's list",
        ),
        (404, "{}", Verdict::WrongHost, "answers 404"),
        (
            302,
            "",
            Verdict::WrongHost,
            "`base_url` is of another region",
        ),
        (200, html, Verdict::WrongHost, "not as Sandbox does"),
        (429, "{}", Verdict::Down, "it is busy"),
        (500, html, Verdict::Down, "it answered 500"),
        (503, "{}", Verdict::Down, "cannot be asked now"),
    ] {
        let peer = Peer::start(move |_| answer(status, "", body)).await;
        expect(&verify_at(&world, &peer.url()).await, verdict, words);
        assert_eq!(peer.count("/account"), 1, "{status}");
    }
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_told_apart_from_one_that_is_not_there() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    expect(
        &verify_at(&world, &url).await,
        Verdict::Down,
        "nobody answers at http://127.0.0.1",
    );
    let hung = Peer::start(|_| Act::Hang).await;
    expect(
        &verify_at(&world, &hung.url()).await,
        Verdict::Down,
        "no whole answer within",
    );
    let deaf = Peer::start(|_| close()).await;
    expect(
        &verify_at(&world, &deaf.url()).await,
        Verdict::Down,
        "cannot be asked now",
    );
    // No label of a host name is that long, so no name server has to be asked.
    let long = format!("http://{}.example", "x".repeat(64));
    expect(
        &verify_at(&world, &long).await,
        Verdict::WrongHost,
        "is not found",
    );
}

#[tokio::test]
async fn a_host_that_speaks_no_tls_is_told() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    let url = world.vendor.base_url().replace("http:", "https:");
    expect(
        &verify_at(&world, &url).await,
        Verdict::Tls,
        "no TLS can be agreed on",
    );
}

#[tokio::test]
async fn clocks_that_are_apart_are_told_as_the_cause_or_as_a_warning() {
    let world = Plan::sandbox(Database::Sqlite).start().await;
    for (status, seconds_off, verdict, words) in [
        (
            401,
            600,
            Verdict::Clock,
            "our clock is 600 s behind the vendor's; set this machine's clock",
        ),
        (
            403,
            -300,
            Verdict::Clock,
            "our clock is 300 s ahead of the vendor's",
        ),
        (
            401,
            60,
            Verdict::Credentials,
            "does not know these credentials",
        ),
        (200, 600, Verdict::Good, "our clock is 600 s behind"),
        (200, 60, Verdict::Good, "knows these credentials"),
        (503, 600, Verdict::Down, "cannot be asked now"),
    ] {
        let date = dated(&world, seconds_off);
        let peer = Peer::start(move |_| answer(status, &date, "{}")).await;
        expect(&verify_at(&world, &peer.url()).await, verdict, words);
    }
}

#[tokio::test]
async fn a_vendor_that_offers_no_such_call_is_not_said_to_be_wrong() {
    let folder = tempfile::TempDir::new().unwrap();
    let sheet = include_str!("../../../adapters/sheets/sandbox.toml");
    let part = |from: &str, to: &str| {
        let start = sheet.find(from).unwrap();
        sheet[start..sheet.find(to).unwrap()].to_owned()
    };
    let (verify_part, list) = (
        part("[[verify]]", "[[list]]"),
        part("[[list]]", "[[place]]"),
    );
    let by_list = Plan::sandbox(Database::Sqlite).sandbox_sheet(&folder, &[(&verify_part, "")]);
    let world = by_list.start().await;
    expect(
        &verify(&world).await,
        Verdict::Good,
        "knows these credentials",
    );
    assert_eq!(
        world.asked("GET", "/packages"),
        1,
        "its list is the next cheapest"
    );
    let neither =
        Plan::sandbox(Database::Sqlite).sandbox_sheet(&folder, &[(&verify_part, ""), (&list, "")]);
    let verification = verify(&neither.start().await).await;
    expect(&verification, Verdict::Unchecked, "nothing was tried");
    assert!(verification.is_good());
}
