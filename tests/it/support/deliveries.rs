//! Deliveries, as tests bring them about and read them.
//!
//! Every order called `ID` has a webhook path of its own, `/hooks/ID`, so that what arrived can be
//! told apart by path, and an answer can be set for one order alone. All of them go to one
//! destination, which is left alone when it keeps failing, but for those of [`Plan::apart`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use cleargate::domain::delivery::Claimed;
use cleargate::domain::order::Order;
use cleargate::sandbox::Received;
use cleargate::store::{AttemptRow, DeliveryRow};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::rows::Rows;
use super::trial::checker::{came_in_order, nothing_to_tell_is_lost};
use super::{Database, PATIENCE, Plan, World};

/// What a full destination, or one that is left alone, turned away is due again after this long,
/// whatever happens.
pub(crate) const HELD_FOR: Duration = Duration::from_secs(300);

/// Orders placed at once by [`World::place_all`].
const PLACED_AT_ONCE: usize = 16;

impl Plan {
    /// A tenant of the sandbox whose deliveries no cap holds back.
    pub(crate) fn uncapped(database: Database) -> Self {
        Self::sandbox(database)
            .setting("DELIVERY__IN_FLIGHT", "5000")
            .setting("DELIVERY__IN_FLIGHT_PER_TENANT", "5000")
            .setting("DELIVERY__IN_FLIGHT_PER_ORIGIN", "5000")
            .setting("DELIVERY__ATTEMPT_TIMEOUT", "20s")
            .busy()
    }

    /// A tenant that may place as many orders at once as a test does, and a gateway that does not
    /// give up on any of them on a slow machine.
    pub(crate) fn busy(self) -> Self {
        self.tenant("requests_per_second = 100000")
            .setting("ORDERS__VENDOR_TIMEOUT", "15s")
            .setting("ORDERS__ANSWER_WITHIN", "30s")
    }

    /// With a line in the tenant's `[tenant.webhook]` table.
    pub(crate) fn webhook(self, line: &str) -> Self {
        self.edit(
            "[tenant.webhook]\n",
            &format!("[tenant.webhook]\n  {line}\n"),
        )
    }
}

/// Where the webhooks of the order called `id` arrive.
pub(crate) fn hook(id: &str) -> String {
    format!("/hooks/{id}")
}

/// What arrived at the ATS, by path, oldest first.
pub(crate) struct Arrivals(HashMap<String, Vec<Received>>);

impl Arrivals {
    /// At the order's own path.
    pub(crate) fn of(&self, id: &str) -> &[Received] {
        self.0.get(&hook(id)).map_or(&[], Vec::as_slice)
    }

    /// What the order's webhooks said, such as `complete Pass`.
    pub(crate) fn said(&self, id: &str) -> Vec<String> {
        self.of(id).iter().map(said).collect()
    }
}

/// What a webhook says: status and result.
pub(crate) fn said(webhook: &Received) -> String {
    let body: Value = serde_json::from_slice(&webhook.body).expect("a webhook is JSON");
    let word = |name: &str| body[name].as_str().expect("it is a text").to_owned();
    format!("{} {}", word("status"), word("result"))
        .trim_end()
        .to_owned()
}

impl World {
    /// The ATS's own order under another id, with a webhook path of its own.
    pub(crate) fn order_called(&self, id: &str) -> Value {
        let mut order = self.order();
        order["background_check_id"] = json!(id);
        order["webhook_url"] = json!(format!("http://{}{}", self.host_of(id), hook(id)));
        order
    }

    /// Where the webhooks of the order called `id` go: to the ATS, and where orders are apart to an
    /// address that no other order has.
    fn host_of(&self, id: &str) -> SocketAddr {
        let mut addr = self.ats.addr();
        if self.apart {
            let mut hasher = DefaultHasher::new();
            id.hash(&mut hasher);
            let [.., a, b, c] = hasher.finish().to_be_bytes();
            addr.set_ip([127, a, b, c.max(2)].into());
        }
        addr
    }

    /// Copies the only order, with all that belongs to it, so many times.
    pub(crate) async fn copy_the_order(&self, times: usize) {
        let mut rows = Rows::of(&self.settings).await;
        let own = |column: &'static str| (column, format!("{column} || '-' || n.i"));
        let of_order = ["id", "background_check_id", "tracking_id", "our_ref"].map(own);
        rows.copy("orders", times, &of_order).await;
        rows.copy("deliveries", times, &["order_id", "webhook_id"].map(own))
            .await;
        rows.copy("lanes", times, &[own("order_id")]).await;
    }

    /// Places an order of each id; every one is answered 201.
    pub(crate) async fn place_all<S: AsRef<str>>(&self, ids: &[S]) {
        let orders: Vec<Value> = ids
            .iter()
            .map(|id| self.order_called(id.as_ref()))
            .collect();
        self.place_these(orders).await;
    }

    /// Places orders, some of them at once, until every one is answered 201. A gateway that was
    /// too slow to begin says so with 503, and an ATS then asks again.
    pub(crate) async fn place_these(&self, orders: Vec<Value>) {
        let tenant = self.tenant();
        let place = async |order: Value| {
            let taken = async || match tenant.place(&order).await {
                answer if answer.status == 503 => false,
                answer => {
                    assert_eq!(answer.status, 201, "{}", answer.body);
                    true
                }
            };
            self.until(taken, "the order is taken").await;
        };
        stream::iter(orders)
            .for_each_concurrent(PLACED_AT_ONCE, place)
            .await;
    }

    /// The vendor says this of the orders, and we have taken it in; nothing is sent yet.
    pub(crate) async fn news<S: AsRef<str>>(&self, ids: &[S], status: &str, result: Option<&str>) {
        let before = self.callbacks_taken().await;
        for id in ids {
            let reference = self.stored(id.as_ref()).await.our_ref.0;
            assert!(self.vendor.advance(&reference, status, result), "no order");
        }
        let told = async || self.callbacks_taken().await >= before + ids.len();
        self.until(told, "the vendor calls back").await;
        self.apply_callbacks().await;
    }

    /// Applies what is in the inbox, and nothing else.
    pub(crate) async fn apply_callbacks(&self) {
        let claimed = self.app().claim_callbacks(1_000).await;
        let applied = claimed
            .expect("the database works")
            .into_iter()
            .map(|row| Arc::clone(self.app()).apply_callback(row));
        for done in join_all(applied).await {
            done.expect("the database works");
        }
    }

    /// Places an order of each id and has the vendor pass it; nothing is sent yet.
    pub(crate) async fn passed<S: AsRef<str>>(&self, ids: &[S]) {
        self.place_all(ids).await;
        self.news(ids, "complete", Some("pass")).await;
    }

    /// Claims what is due to be sent, as a process does before it sends.
    pub(crate) async fn claim(&self) -> Vec<Claimed> {
        let claimed = self.app().claim_deliveries(1_000).await;
        claimed.expect("the database works")
    }

    /// Makes the claimed attempts.
    pub(crate) async fn deliver(&self, claimed: Vec<Claimed>) {
        let attempts = claimed.into_iter();
        let attempts = attempts.map(|claimed| Arc::clone(self.app()).deliver(claimed));
        for done in join_all(attempts).await {
            done.expect("the database works");
        }
    }

    /// Has an operator redeliver an order's newest update; `false`: it is not dead.
    pub(crate) async fn redeliver(&self, id: &str) -> bool {
        let (order, now) = (self.stored(id).await, self.clock.now());
        let revived = self.app().store.redeliver(&order.id, now).await;
        revived.expect("the database works")
    }

    /// What arrived at the ATS so far.
    pub(crate) fn arrivals(&self) -> Arrivals {
        let mut by_path: HashMap<String, Vec<Received>> = HashMap::new();
        for webhook in self.ats.received() {
            let path = webhook.path().to_owned();
            by_path.entry(path).or_default().push(webhook);
        }
        Arrivals(by_path)
    }

    /// An order's deliveries, in their sequence.
    pub(crate) async fn deliveries(&self, id: &str) -> Vec<DeliveryRow> {
        let order = self.stored(id).await;
        let rows = self.app().store.order_deliveries(&order.id).await;
        rows.expect("the database works")
    }

    /// How an order's deliveries stand, such as `delivered` or `dead: gone`.
    pub(crate) async fn ends(&self, id: &str) -> Vec<String> {
        let rows = self.deliveries(id).await.into_iter();
        rows.map(|row| match row.reason {
            None => row.state,
            Some(reason) => format!("{}: {reason}", row.state),
        })
        .collect()
    }

    /// The attempts to deliver an order's updates, oldest first.
    pub(crate) async fn attempts(&self, id: &str) -> Vec<AttemptRow> {
        let order: Order = self.stored(id).await;
        let rows = self.app().store.attempts(&order.id).await;
        rows.expect("the database works")
    }

    /// Lets time pass in steps until nothing waits to be delivered any more.
    pub(crate) async fn deliver_all(&self) {
        for _ in 0..200 {
            self.pass(Duration::from_secs(6 * 3600)).await;
            if self.pending().await == 0 {
                return;
            }
        }
        panic!("deliveries wait for ever");
    }

    /// Updates that wait to be sent.
    pub(crate) async fn pending(&self) -> usize {
        let rows = self.app().store.deliveries_in("pending", 100_000).await;
        rows.expect("the database works").len()
    }

    /// Waits, in real time, until nothing waits to be delivered.
    pub(crate) async fn until_delivered(&self) {
        let deadline = std::time::Instant::now() + 3 * PATIENCE;
        while self.pending().await > 0 {
            assert!(std::time::Instant::now() < deadline, "updates still wait");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What has to hold of every order's deliveries, whatever happened: nothing is lost, first
    /// arrivals come in sequence, all attempts carry the same id and bytes, one at a time.
    pub(crate) async fn check_deliveries<S: AsRef<str>>(&self, ids: &[S]) {
        let arrivals = self.arrivals();
        for id in ids {
            let id = id.as_ref();
            let rows = self.deliveries(id).await;
            nothing_to_tell_is_lost(id, &rows);
            came_in_order(id, &rows, &self.attempts(id).await, arrivals.of(id));
        }
    }
}
