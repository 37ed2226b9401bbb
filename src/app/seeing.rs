//! Asking a vendor where orders stand: one order by one call, or, where the vendor shows many in
//! one answer, many by one.

use std::collections::BTreeMap;

use adapters::vocabulary::TheirRef;
use adapters::{FetchMany, FetchOrder, Found, Memo, Vendor};

use crate::app::App;
use crate::domain::order::Order;
use crate::domain::tenant::Connection;
use crate::vendors::{Asked, CallFailure};

const NO_REFERENCE: &str = "the order has no reference at its vendor";

/// Whether a vendor can be asked where its orders stand.
pub(crate) fn is_askable(vendor: &Vendor) -> bool {
    vendor.fetch.is_some() || vendor.fetch_many.is_some()
}

impl App {
    /// What a vendor shows of each of these orders of one connection, in their order.
    pub(crate) async fn see(
        &self,
        orders: &[Order],
        connection: &Connection,
        vendor: &Vendor,
    ) -> Vec<Asked<Found>> {
        if vendor.fetch_many.is_some() && orders.len() > 1 {
            let theirs = orders.iter().filter_map(|it| it.their_ref.clone());
            let asked = self.see_many(theirs.collect(), connection, vendor).await;
            return orders.iter().map(|order| of_one(&asked, order)).collect();
        }
        let mut seen = Vec::new();
        for order in orders {
            seen.push(match &order.their_ref {
                Some(theirs) => {
                    let values = order.memo.values.clone();
                    self.see_one(theirs, values, connection, vendor).await
                }
                None => Asked::nothing(NO_REFERENCE),
            });
        }
        seen
    }

    /// What a vendor shows under one reference; `values` are what was kept of the order.
    pub(crate) async fn see_one(
        &self,
        theirs: &TheirRef,
        values: BTreeMap<String, String>,
        connection: &Connection,
        vendor: &Vendor,
    ) -> Asked<Found> {
        let Some(fetch) = vendor.fetch.as_deref() else {
            let asked = self
                .see_many(vec![theirs.clone()], connection, vendor)
                .await;
            return pick(&asked, theirs);
        };
        let operation = FetchOrder::Theirs(theirs.clone());
        let memo = Memo {
            step: String::new(),
            values,
        };
        let setup = self.setup();
        let asking = setup
            .caller
            .ask(vendor, connection, fetch, &operation, memo);
        asking.await
    }

    async fn see_many(
        &self,
        theirs: Vec<TheirRef>,
        connection: &Connection,
        vendor: &Vendor,
    ) -> Asked<Vec<(TheirRef, Found)>> {
        let Some(fetch) = vendor.fetch_many.as_deref() else {
            return Asked::nothing("the vendor cannot be asked for orders");
        };
        let (setup, operation) = (self.setup(), FetchMany { theirs });
        let memo = Memo::default();
        let asking = setup
            .caller
            .ask(vendor, connection, fetch, &operation, memo);
        asking.await
    }
}

fn of_one(asked: &Asked<Vec<(TheirRef, Found)>>, order: &Order) -> Asked<Found> {
    match &order.their_ref {
        Some(theirs) => pick(asked, theirs),
        None => Asked::nothing(NO_REFERENCE),
    }
}

/// What an answer about many orders says of one. An order that is not in it was not seen, and of
/// one that is in it twice, nobody knows which is meant.
fn pick(asked: &Asked<Vec<(TheirRef, Found)>>, theirs: &TheirRef) -> Asked<Found> {
    asked.map(|all| {
        let mut own = all.iter().filter(|(named, _)| named == theirs);
        match (own.next(), own.next()) {
            (Some((_, found)), None) => Ok(found.clone()),
            (None, _) => Ok(Found::NotSeen { blind: true }),
            (Some(_), Some(_)) => Err(CallFailure::NoAnswer(
                "the answer shows the order twice".to_owned(),
            )),
        }
    })
}
