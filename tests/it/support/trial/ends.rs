//! Waiting for what a trial comes to, with a deadline and no guess.

use std::time::{Duration, Instant};

use adapters::simulator::FaultKind;

use super::Trial;
use super::gateway::PATIENCE;

/// How many connections the reader may have.
const CONNECTIONS: usize = 4;
/// Between two looks at what is waited for. What is asked of the database in between costs more
/// than the wait.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

impl Trial {
    /// Waits for something that happens over sockets or in the database.
    pub(crate) async fn until(&self, what: &str, happened: impl AsyncFnMut() -> bool) {
        self.until_within(PATIENCE, what, happened).await;
    }

    /// The same, where it may take longer: as long as leases last, for example.
    pub(crate) async fn until_within(
        &self,
        patience: Duration,
        what: &str,
        mut happened: impl AsyncFnMut() -> bool,
    ) {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(10);
        while !happened().await {
            if Instant::now() > deadline {
                let mut open = self.orders().await;
                open.retain(|it| !it.stage.is_terminal());
                panic!(
                    "{}: it never happened that {what}; open orders: {open:#?}",
                    self.name
                );
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until nobody is left whose end is unknown and who does not wait for a person.
    pub(crate) async fn until_known(&self) {
        self.until(
            "every order is placed, ended or with a person",
            async || {
                let orders = self.orders().await;
                orders
                    .iter()
                    .all(|order| !order.stage.is_unplaced() || order.waiting.is_some())
            },
        )
        .await;
    }

    /// Waits until nothing is left to tell the ATS.
    pub(crate) async fn until_told(&self) {
        self.until("the ATS has heard of every end", async || {
            for order in self.orders().await {
                let deliveries = self.app.store.order_deliveries(&order.id).await;
                let deliveries = deliveries.expect("the database works");
                let wanted = order.accepted && order.stage.is_terminal();
                if (wanted && deliveries.is_empty())
                    || deliveries.iter().any(|it| it.state == "pending")
                {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// Lets every order at the vendor pass, and waits until it is over for the ATS as well.
    pub(crate) async fn finish(&self) {
        self.until_known().await;
        self.vendor_is_in_the_present();
        self.fault(FaultKind::None, "", 0);
        self.pass_all();
        self.until_over().await;
        // A vendor may have more to say of an order than its end.
        let settled = async || self.count("callbacks WHERE state = 'new'").await == 0;
        self.until("every callback is settled or parked", settled)
            .await;
    }

    /// Waits until every order has ended and the ATS knows.
    pub(crate) async fn until_over(&self) {
        let ended = async || self.orders().await.iter().all(|it| it.stage.is_terminal());
        self.until("every order has ended", ended).await;
        self.until_told().await;
    }

    /// A fault may have cut the reader's connections, which it notices when it uses them.
    pub(crate) async fn reader_notices(&self) {
        for _ in 0..2 * CONNECTIONS {
            self.app.store.now().await.ok();
        }
    }

    /// Waits until every order has ended or is with a person, every callback is settled and the ATS
    /// knows, with nobody helping: as long as leases last.
    pub(crate) async fn until_at_rest(&self, patience: Duration) {
        self.reader_notices().await;
        let open = [
            "orders WHERE ended_at IS NULL AND waiting IS NULL",
            "orders WHERE due_at IS NOT NULL AND waiting IS NULL",
            "callbacks WHERE state <> 'settled'",
            "lanes WHERE due_at IS NOT NULL",
        ];
        let at_rest = async || {
            for what in open {
                if self.count(what).await > 0 {
                    return false;
                }
            }
            true
        };
        self.until_within(patience, "all is over", at_rest).await;
    }
}
