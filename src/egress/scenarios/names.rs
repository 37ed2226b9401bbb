//! Names that lead inside.

use std::net::SocketAddr;

use hickory_resolver::proto::rr::RecordType;

use super::*;
use crate::egress::judge::Rule;
use crate::egress::testing::{Then, answer, at};

/// Posts once to a host with these answers, and expects a refusal without any connect.
async fn assert_never_connects(
    refusal: Refusal,
    answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
) {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(answers).await;
    assert_refused(&client.post(&url_at(&allowed)).await, &refusal);
    assert_eq!((allowed.connects(), inside.connects()), (0, 0));
}

#[tokio::test]
async fn one_bad_address_among_good_ones_refuses_all() {
    let loopback = Refusal::Address(Rule::Loopback);
    assert_never_connects(loopback.clone(), |_, _| at("127.0.0.1 127.0.0.2")).await;
    assert_never_connects(loopback.clone(), |_, _| at("127.0.0.2 127.0.0.1")).await;
    assert_never_connects(loopback, |_, _| at("127.0.0.1 ::ffff:127.0.0.2")).await;
    let not_global = Refusal::Address(Rule::NotGlobal);
    assert_never_connects(not_global.clone(), |_, _| at("127.0.0.1 ::1")).await;
    assert_never_connects(not_global, |_, _| at("127.0.0.1 64:ff9b::127.0.0.2")).await;
}

#[tokio::test]
async fn an_alias_that_leads_inside_is_refused() {
    let answers = |name: &str, _: usize| match name {
        HOST => Answer::Alias("db.corp.example.com"),
        _ => at("127.0.0.2"),
    };
    assert_never_connects(Refusal::Address(Rule::Loopback), answers).await;
}

#[tokio::test]
async fn an_alias_that_stays_outside_is_followed() {
    let receiver = Receiver::answering("200 OK").await;
    let answers = |name: &str, _: usize| match name {
        HOST => Answer::Alias("edge.example.net"),
        _ => at("127.0.0.1"),
    };
    let client = client_seeing(answers).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn seventeen_addresses_are_refused_and_sixteen_are_not() {
    let sixteen = (16..32)
        .map(|last| format!("127.0.0.{last} "))
        .collect::<String>();
    let seventeen = format!("127.0.0.1 {sixteen}");
    assert_never_connects(Refusal::TooManyAddresses, move |_, _| at(&seventeen)).await;
    let receiver = Receiver::scripted("127.0.0.31:0", |_| (answer("200 OK"), Then::Keep)).await;
    let client = client_seeing(move |_, _| at(&sixteen)).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_and_called_where_it_was_judged() {
    let allowed = Receiver::answering("200 OK\r\nConnection: close").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(|_, turn| at(["127.0.0.1", "127.0.0.2"][turn.min(1)])).await;
    assert_answered(&client.post(&url_at(&allowed)).await, 200);
    assert_eq!(client.names.questions(RecordType::A), 1);
    assert_refused(
        &client.post(&url_at(&allowed)).await,
        &Refusal::Address(Rule::Loopback),
    );
    assert_eq!((allowed.connects(), inside.connects()), (1, 0));
}

#[tokio::test]
async fn a_silent_name_server_costs_the_time_of_a_look_up_and_no_more() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| Answer::Silence).await;
    let attempt = client.post(&url_at(&receiver)).await;
    assert_failed(&attempt, FailureKind::Dns);
    assert_eq!(receiver.connects(), 0);
}

#[tokio::test]
async fn a_name_server_that_is_silent_on_ipv6_does_not_stop_a_webhook() {
    let receiver = Receiver::answering("200 OK").await;
    let client = client_seeing(|_, _| Answer::OnlyIpv4([127, 0, 0, 1].into())).await;
    assert_answered(&client.post(&url_at(&receiver)).await, 200);
}

#[tokio::test]
async fn a_name_without_address_fails() {
    let receiver = Receiver::answering("200 OK").await;
    for client in [
        client_seeing(|_, _| Answer::NoSuchName).await,
        client_seeing(|_, _| at("")).await,
    ] {
        let attempt = client.post(&url_at(&receiver)).await;
        assert_failed(&attempt, FailureKind::Dns);
    }
}

#[tokio::test]
async fn a_name_is_asked_as_it_stands() {
    let client = client_seeing(|_, _| Answer::NoSuchName).await;
    let attempt = client.post(&format!("http://{HOST}:8443/")).await;
    assert_failed(&attempt, FailureKind::Dns);
    assert_eq!(client.names.names_asked(), [HOST.to_owned()].into());
}

#[tokio::test]
async fn an_address_in_place_of_a_name_is_judged_before_it_is_called() {
    let allowed = Receiver::answering("200 OK").await;
    let inside = Receiver::inside(&allowed).await;
    let client = client_seeing(|_, _| Answer::Silence).await;
    let url = |ip: &str| {
        format!(
            "http://{}/",
            SocketAddr::new(ip.parse().unwrap(), allowed.port())
        )
    };
    assert_answered(&client.post(&url("127.0.0.1")).await, 200);
    assert_answered(&client.post(&url("::ffff:127.0.0.1")).await, 200);
    for ip in ["127.0.0.2", "::ffff:127.0.0.2"] {
        let attempt = client.post(&url(ip)).await;
        assert_refused(&attempt, &Refusal::Address(Rule::Loopback));
    }
    assert_eq!(inside.connects(), 0);
}
