//! Taking news of an order in: one way for the vendor's answer, a callback and a look.

use adapters::Vendor;
use adapters::vocabulary::{Millis, Progress};

use crate::app::App;
use crate::domain::delivery::Webhook;
use crate::domain::looking::next_look;
use crate::domain::order::{
    Line, Order, Source, Stage, Verdict, apply, stage_and_result, standing,
};
use crate::domain::tenant::Tenant;
use crate::store::{CallChange, Change, NewDelivery};

impl App {
    /// Applies news and collects what has to be saved with the order: history, references, the end
    /// of open calls, the webhook.
    pub(crate) fn take_news(
        &self,
        order: &mut Order,
        news: &Progress,
        source: Source,
        vendor: &Vendor,
        now: Millis,
    ) -> (Verdict, Change) {
        let (was, had) = (order.stage, order.their_ref.clone());
        let said = (was, order.result);
        let verdict = apply(
            order,
            news,
            source,
            vendor.policy.reopens_for.is_some(),
            now,
        );
        if let Some(report) = news.report.as_ref().filter(|_| verdict.taken) {
            order.sealed_report = Some(self.seal_report(order, report));
        }
        let mut change = Change::default();
        if had.as_ref() != Some(&news.theirs) {
            change.references.push(news.theirs.clone());
        }
        if had.as_ref() != Some(&news.theirs) || verdict.moved {
            change.references.extend(news.also.iter().cloned());
        }
        if let Some(had) = had.filter(|had| *had != news.theirs) {
            let line = format!("{}, no longer {}", news.theirs.0, had.0);
            change.lines.push(Line::new("reference", line));
        }
        if was.is_unplaced() && !order.stage.is_unplaced() {
            change.calls.push(CallChange::EndAll {
                outcome: "placed",
                took_ms: None,
                at: now,
            });
        }
        for word in &news.unknown {
            tracing::warn!(order = %order.id, vendor = %vendor.name, word, "the vendor used a word its sheet does not know");
            change.once.push(Line::new("unknown_word", word.clone()));
        }
        if verdict.moved {
            change
                .lines
                .push(Line::new("moved", moved(said, order, source)));
            change.webhook = self.webhook_for(order);
        }
        order.look_at = if verdict.look {
            Some(now)
        } else {
            next_look(order, &vendor.policy, news.expected_at, now)
        };
        (verdict, change)
    }

    /// A vendor has named an order that belongs to another order, perhaps another tenant's: nothing of
    /// it was saved, and operators are to know. `how`: `answer`, `look`, `look_up`, `cancel`, `callback`.
    pub(crate) fn alarm_foreign(&self, order: &Order, vendor: &Vendor, how: &'static str) {
        tracing::error!(
            event = "foreign_order", order = %order.id, tenant = %order.tenant_id, vendor = %vendor.name, how,
            "the vendor named an order that belongs to another one; it was refused"
        );
        metrics::counter!("orders_foreign_total", "vendor" => vendor.name.clone(), "how" => how)
            .increment(1);
    }

    /// The update the ATS is to be sent for an order as it is now, if it is to be sent one: the end
    /// always, other stages where the tenant wants them, and nothing of an order that nobody was
    /// answered 201 for.
    pub(crate) fn webhook_for(&self, order: &Order) -> Option<NewDelivery> {
        let directory = self.directory();
        let tenant = directory.tenant(&order.tenant_id)?;
        let wanted = order.stage.is_terminal()
            || (tenant.options.webhook.updates && !order.stage.is_unplaced());
        (order.accepted && wanted).then(|| NewDelivery {
            body: self.webhook_body(tenant, order),
            origin: origin_of(&order.webhook_url),
        })
    }

    fn webhook_body(&self, tenant: &Tenant, order: &Order) -> String {
        let webhook = Webhook {
            background_check_id: &order.background_check_id,
            status: tenant.status_word(order.stage),
            result: tenant.result_word(order.result),
            result_link_url: &self.result_link(order),
        };
        serde_json::to_string(&webhook).expect("four texts always serialize")
    }
}

fn moved(
    (stage, result): (Stage, Option<adapters::vocabulary::Outcome>),
    order: &Order,
    source: Source,
) -> String {
    let by = match source {
        Source::Answer => "the vendor's answer",
        Source::Payload => "a callback",
        Source::Fetched => "a look",
    };
    format!(
        "{} to {}, by {by}",
        stage_and_result(stage, result),
        standing(order)
    )
}

/// Scheme, host and port of a webhook URL: attempts to one origin share a cap. The rest may be
/// secret.
fn origin_of(url: &str) -> String {
    url::Url::parse(url)
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default()
}
