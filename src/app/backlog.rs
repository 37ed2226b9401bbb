//! What waits, as gauges: what operators are woken for.

use crate::app::{App, AppError};

impl App {
    /// Sets the gauges of what waits.
    ///
    /// # Errors
    /// [`AppError::Store`].
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge that is off by one at 2^53 is still a gauge"
    )]
    pub async fn measure_backlog(&self) -> Result<(), AppError> {
        let left_alone = self.destinations.tidy(self.clock.now());
        metrics::gauge!("delivery_destinations_left_alone").set(left_alone as f64);
        let backlog = self.store.backlog().await?;
        metrics::gauge!("orders_waiting_for_a_person").set(backlog.waiting_orders as f64);
        metrics::gauge!("callbacks_parked").set(backlog.parked_callbacks as f64);
        metrics::gauge!("deliveries_dead").set(backlog.dead_deliveries as f64);
        metrics::gauge!("delivery_lanes_open").set(backlog.open_lanes as f64);
        metrics::gauge!("delivery_lanes_held").set(backlog.held_lanes as f64);
        let overdue = backlog
            .oldest_due_lane
            .map_or(0, |due| (self.clock.now() - due).max(0));
        metrics::gauge!("delivery_overdue_seconds").set(overdue as f64 / 1000.0);
        Ok(())
    }
}
