//! How a trial lets time pass without waiting: what stands in the tables is moved back, and the
//! vendor's clock forward.

use std::sync::atomic::Ordering;
use std::time::Duration;

use adapters::vocabulary::Millis;
use cleargate::clock::millis;
use cleargate::sandbox::wall_clock;

use super::Trial;
use super::setup::GATEWAY;

/// Every moment of an order's placing, of callbacks and of deliveries that is compared with a clock.
/// Looks stay when they were: trials of them say themselves when one is due.
const MOMENTS: &[(&str, &[&str])] = &[
    (
        "orders",
        &[
            "lease_until",
            "due_at",
            "created_at",
            "updated_at",
            "ended_at",
        ],
    ),
    ("calls", &["first_sent_at", "sent_at", "ended_at"]),
    ("callbacks", &["due_at", "received_at", "settled_at"]),
    ("lanes", &["due_at"]),
    ("leases", &["until"]),
];

impl Trial {
    /// Whether the trial has moved time by hand, so that pauses say nothing.
    pub(crate) fn time_was_moved(&self) -> bool {
        self.time_was_moved.load(Ordering::Relaxed)
    }

    pub(super) fn vendors_time(&self) -> Millis {
        wall_clock() + self.vendor_ahead.load(Ordering::Relaxed)
    }

    /// Lets that much time pass after a death.
    pub(crate) async fn later(&self, passed: Duration) {
        self.until_gone().await;
        self.pass_unnoticed(passed).await;
    }

    /// Waits until PostgreSQL has done what a dead gateway had asked it for: a statement that was
    /// on its way is carried out all the same.
    pub(crate) async fn until_gone(&self) {
        if self.store_url.starts_with("postgres") {
            let left = format!(
                "UPDATE revision SET value = value WHERE EXISTS (SELECT 1 FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = '{GATEWAY}')"
            );
            self.until("the database has done with the dead gateway", async || {
                self.sql(&left).await == 0
            })
            .await;
        }
    }

    /// Lets that much time have passed by hand. A gateway that lives must be frozen, or it would notice.
    pub(crate) async fn pass_unnoticed(&self, passed: Duration) {
        self.time_was_moved.store(true, Ordering::Relaxed);
        let by = millis(passed);
        for (table, columns) in MOMENTS {
            let moved: Vec<String> = columns
                .iter()
                .map(|column| format!("{column} = {column} - {by}"))
                .collect();
            self.sql(&format!("UPDATE {table} SET {}", moved.join(", ")))
                .await;
        }
        self.vendor_ahead.fetch_add(by, Ordering::Relaxed);
    }

    /// Lets whatever a dead gateway held run out, and no other time pass.
    pub(crate) async fn leases_run_out(&self) {
        self.time_was_moved.store(true, Ordering::Relaxed);
        self.until_gone().await;
        for statement in [
            "UPDATE orders SET lease_until = 0, due_at = 0 WHERE lease_token IS NOT NULL",
            "UPDATE lanes SET due_at = 0 WHERE lease_token IS NOT NULL AND due_at IS NOT NULL",
            "UPDATE callbacks SET due_at = 0 WHERE state = 'new'",
        ] {
            self.sql(statement).await;
        }
    }

    /// Makes every order that is looked at be looked at now.
    pub(crate) async fn looks_are_due(&self) {
        self.sql("UPDATE orders SET look_at = 0 WHERE look_at IS NOT NULL")
            .await;
    }

    /// Lets the vendor's clock show the present again, as its signatures must.
    pub(crate) fn vendor_is_in_the_present(&self) {
        self.vendor_ahead.store(0, Ordering::Relaxed);
    }

    /// Lets time pass for the vendor alone, as when it waits to try a callback again.
    pub(crate) fn vendor_waits(&self, time: Duration) {
        self.vendor_ahead.fetch_add(millis(time), Ordering::Relaxed);
    }
}
