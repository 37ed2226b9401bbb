//! An order goes out once, whatever its vendor, its caller and the network do, and its caller is
//! told the truth about it.

mod every_vendor;
mod faults;
mod forgetting;
mod looking_up;
mod once;
mod outcomes;
mod repeats;

use std::time::Duration;

use crate::support::{Plan, on_both_databases};

on_both_databases! {
    async fn the_ats_own_order_is_placed_and_its_result_comes_home(database) {
        let world = Plan::sandbox(database).start().await;
        let taken = world.tenant().place(&world.order()).await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        assert_eq!(taken.body["background_check_id"], "224466");
        assert_eq!(taken.body["stage"], "invited");

        let reference = world.vendor_orders()[0].reference.clone();
        world.vendor_says(&reference, "complete", Some("pass")).await;
        world.settle().await;

        let webhooks = world.webhooks();
        assert_eq!(webhooks.len(), 1, "{webhooks:?}");
        let members: Vec<&String> = webhooks[0].as_object().unwrap().keys().collect();
        assert_eq!(members, ["background_check_id", "result", "result_link_url", "status"]);
        assert_eq!(webhooks[0]["status"], "complete");
        assert_eq!(webhooks[0]["result"], "Pass");
        assert_eq!(world.vendor_orders().len(), 1);
    }

    async fn a_checkr_order_is_placed_in_two_steps_and_its_result_comes_home(database) {
        let world = Plan::checkr(database).start().await;
        let taken = world.tenant().place(&world.order()).await;
        assert_eq!(taken.status, 201, "{}", taken.body);
        let reference = world.vendor_orders()[0].reference.clone();
        world.vendor_says(&reference, "completed", None).await;
        world.settle().await;
        assert_eq!(world.stored("224466").await.stage.as_str(), "in_progress");
        world.vendor_says(&reference, "complete", Some("clear")).await;
        world.pass(Duration::from_secs(11)).await;
        assert_eq!(world.webhooks()[0]["result"], "Pass", "{:?}", world.webhooks());
    }
}
