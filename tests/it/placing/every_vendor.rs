//! Every shipped vendor under every fault at every request of a placing: afterwards it has one order
//! of ours, or a person is asked; nobody is told that an order failed which exists.

use std::collections::BTreeSet;
use std::time::Duration;

use adapters::simulator::FaultKind::{
    self, ActAndBadGateway, ActAndHang, ActAndNest, ActAndPage, ActAndReset, ActAndTruncate, Hang,
    Reset,
};
use adapters::simulator::FaultOrder;
use cleargate::domain::order::{Order, Stage};
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::support::stage::with;
use crate::support::{Database, Plan, World, on_both_databases};

const FAULTS: [FaultKind; 8] = [
    ActAndHang,
    ActAndReset,
    ActAndBadGateway,
    ActAndPage,
    ActAndNest,
    ActAndTruncate,
    Hang,
    Reset,
];
const HOUR: Duration = Duration::from_secs(3600);
/// Scenes that are played at the same time. More would only make each other late.
const AT_ONCE: usize = 8;

on_both_databases! {
    async fn a_fault_at_any_request_leaves_one_order_at_every_vendor_or_asks_a_person(database) {
        let mut placings = Vec::new();
        for vendor in adapters::shipped() {
            placings.push(placing_at(database, &vendor.name).await);
        }
        let requests = placings.iter().flat_map(|placing| placing.requests.iter().map(move |it| (placing, it)));
        assert!(requests.clone().count() > placings.len(), "some place in several steps");
        let scenes = requests.flat_map(|(placing, request)| FAULTS.map(|kind| (placing, request, kind)));
        let found: Vec<_> = stream::iter(scenes)
            .map(|(placing, request, kind)| async move {
                let what = format!("{}: {kind:?} at {} {}", placing.vendor, request.0, request.1);
                let found = a_fault_at(database, placing, request, kind).await;
                found.err().map(|found| format!("{what}: {found}"))
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(found.is_empty(), "{found:#?}");
    }
}

on_both_databases! {
    async fn a_person_is_ordered_once_at_a_time_where_orders_are_found_by_person(database) {
        let world = start(database, "certn").await;
        world.tenant().packages().await;
        let order = |id: &str, email: &str| {
            let order = with(world.order_numbered(id), "/package_id", "identity".into());
            with(order, "/applicant/email", email.into())
        };
        world.vendor.fault(FaultOrder { kind: ActAndHang, path: String::new(), method: "POST".to_owned(), times: 1 });
        let lost = world.tenant().place(&order("1", "jane@mailbox.dev")).await;
        assert_eq!(lost.body["stage"], "unconfirmed", "{}", lost.body);
        let second = order("2", " Jane@mailbox.dev");
        world.tenant().place(&second).await.refused(503, "vendor_unavailable", None);
        world.tenant().place(&order("3", "joan@mailbox.dev")).await.taken("invited");
        assert_eq!(world.vendor_orders().len(), 2, "of the first person one");
        world.until_settled("1").await;
        world.tenant().place(&second).await.taken("invited");
        assert_eq!(world.vendor_orders().len(), 3);
    }
}

/// A request of a placing: its method, and what its path ends in that is no id.
type Request = (String, String);

/// What a vendor is sent for an order.
struct Placing {
    vendor: String,
    /// A package that can be ordered as it is.
    package: Value,
    requests: BTreeSet<Request>,
}

/// The requests of a placing without a fault.
async fn placing_at(database: Database, name: &str) -> Placing {
    let world = start(database, name).await;
    let list = world.tenant().packages().await.body;
    let packages = list["packages"].as_array().expect("a list");
    for package in packages.iter().map(|it| it["id"].clone()) {
        let order = with(world.order(), "/package_id", package.clone());
        let before = world.vendor.requests().len();
        let answer = world.tenant().place(&order).await;
        if answer.status == 422 {
            // Some are made of nothing but what is ordered beside them.
            continue;
        }
        assert_eq!(answer.status, 201, "{name}: {}", answer.body);
        assert_eq!(world.vendor_orders().len(), 1, "{name}");
        let requests = world.vendor.requests().into_iter().skip(before);
        let requests = requests.map(|it| (it.method.clone(), word_of(it.path())));
        return Placing {
            vendor: name.to_owned(),
            package,
            requests: requests.collect(),
        };
    }
    panic!("{name} takes none of {list}");
}

async fn start(database: Database, name: &str) -> World {
    Plan::vendor(database, name)
        .setting("ORDERS__VENDOR_TIMEOUT", "700ms")
        .setting("ORDERS__ANSWER_WITHIN", "2s")
        .setting("STORE__CONNECTIONS", "4")
        .start()
        .await
}

/// The last part of a path that is the same for every order.
fn word_of(path: &str) -> String {
    let parts = path.rsplit('/');
    let mut words = parts.filter(|part| !part.bytes().any(|byte| byte.is_ascii_digit()));
    words
        .next()
        .map_or_else(String::new, |word| format!("/{word}"))
}

/// What is wrong after a fault.
async fn a_fault_at(
    database: Database,
    placing: &Placing,
    request: &Request,
    kind: FaultKind,
) -> Result<(), String> {
    let mut world = start(database, &placing.vendor).await;
    let found = one_order(&world, placing, request, kind).await;
    // PostgreSQL does not have connections for all of them.
    world.stop().await;
    found
}

async fn one_order(
    world: &World,
    placing: &Placing,
    request: &Request,
    kind: FaultKind,
) -> Result<(), String> {
    world.tenant().packages().await;
    let order = with(world.order(), "/package_id", placing.package.clone());
    world.vendor.fault(FaultOrder {
        kind,
        path: request.1.clone(),
        method: request.0.clone(),
        times: 1,
    });
    let answer = world.tenant().place(&order).await;
    if answer.status == 503 {
        world.pass(8 * HOUR).await;
        let held = world.vendor_orders();
        return sound(held.is_empty(), format!("503, and there are {held:?}"));
    }
    sound(answer.status == 201, answer.body.to_string())?;
    let settled = until_settled(world).await;
    let held = world.vendor_orders();
    sound(held.len() <= 1, format!("ordered twice: {held:?}"))?;
    let vendors = adapters::shipped();
    let vendor = vendors.iter().find(|it| it.name == placing.vendor);
    match settled {
        None => Err("still being placed after many hours".to_owned()),
        Some(order) if order.waiting.is_some() => {
            let finds = vendor.is_some_and(|vendor| vendor.finds_ours);
            sound(
                !finds,
                "it can be looked up, and a person is asked".to_owned(),
            )
        }
        Some(order) => {
            let told = [Stage::Failed, Stage::Refused].contains(&order.stage);
            sound(!told, format!("it is told as {:?}", order.stage))?;
            let known = order.their_ref.is_some() && held.len() == 1;
            sound(
                known,
                format!("it is {:?}, and there are {held:?}", order.stage),
            )
        }
    }
}

fn sound(holds: bool, otherwise: String) -> Result<(), String> {
    holds.then_some(()).ok_or(otherwise)
}

/// Lets time pass until the order is placed or over, or waits for a person.
async fn until_settled(world: &World) -> Option<Order> {
    for _ in 0..60 {
        let order = world.stored("224466").await;
        if !order.stage.is_unplaced() || order.waiting.is_some() {
            return Some(order);
        }
        world.pass(HOUR / 6).await;
    }
    None
}
