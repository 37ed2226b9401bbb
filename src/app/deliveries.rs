//! Telling the ATS: claimed lanes are sent, one update of an order at a time, and settled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapters::vocabulary::Millis;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;

use crate::app::destinations::{Change, Destination, NoPlace};
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::delivery::{ATTEMPTS_BEFORE_NOTICE, Attempted, Claimed, Next, next};
use crate::domain::tenant::Tenant;
use crate::egress::Attempt;
use crate::seal::random_text;
use crate::store::{Settled, Settlement};

/// Longer than an attempt may take, so that a lease runs out only where a process has died.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// How soon a lane comes back whose tenant this replica does not know (yet).
const UNKNOWN_PAUSE: Duration = Duration::from_secs(1);

impl App {
    /// Claims due lanes, for [`App::deliver`].
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn claim_deliveries(&self, most: i64) -> Result<Vec<Claimed>, AppError> {
        let now = self.clock.now();
        let until = now + millis(self.setup().options.delivery.attempt_timeout + LEASE_MARGIN);
        Ok(self
            .store
            .claim_lanes(&random_text(), now, until, most)
            .await?)
    }

    /// Makes one attempt on a claimed lane and settles it; gives back one whose lease could end before
    /// the attempt does.
    ///
    /// # Errors
    /// [`AppError::Store`]; the lane is due again when its lease runs out.
    pub async fn deliver(self: Arc<Self>, claimed: Claimed) -> Result<(), AppError> {
        let directory = self.directory();
        let Some(tenant) = directory.tenant(&claimed.tenant_id) else {
            let now = self.clock.now();
            let due_at = now + millis(UNKNOWN_PAUSE);
            return Ok(self.store.release_lane(&claimed, due_at, now).await?);
        };
        let to = Destination::of(&claimed);
        let caps = self.setup().options.delivery.clone();
        let placed = self.destinations.place(&to, claimed.at, &caps, &self.clock);
        let flight = match placed.await {
            Ok(flight) => flight,
            Err(refused) => return self.hold(&claimed, &to, refused).await,
        };
        let (began_at, began) = (self.clock.now(), Instant::now());
        if began_at + millis(caps.attempt_timeout) >= claimed.until {
            // The process stood still since the claim: somebody else may be sending by now.
            drop(flight);
            self.store
                .release_lane(&claimed, began_at, began_at)
                .await?;
            self.signals.deliveries.notify_one();
            return self.call_held(&to).await;
        }
        let attempted = self.attempt(tenant, &claimed).await;
        let now = self.clock.now();
        let change = self.destinations.learn(&flight, &attempted, &caps, now);
        tell(&to, change, now);
        crash::point("delivery.attempted");
        let settlement = Settlement {
            next: next(
                &attempted,
                claimed.attempt,
                caps.attempts,
                now,
                rand::random(),
            ),
            outcome: describe(&attempted),
            took: millis(began.elapsed()),
            began_at,
        };
        let settled = self
            .store
            .settle_attempt(&claimed, &settlement, self.clock.now())
            .await?;
        drop(flight);
        log(&claimed, &settlement, settled);
        metrics::histogram!("delivery_attempt_seconds", "next" => settlement.next.word())
            .record(began.elapsed());
        if settled == Settled::Followed {
            self.signals.deliveries.notify_one();
        }
        self.call_held(&to).await
    }

    /// Has the database hold a claimed lane that there is no place for, as if it had not been
    /// claimed, and with it what else is due there and would be turned away too.
    async fn hold(
        &self,
        claimed: &Claimed,
        to: &Destination,
        refused: NoPlace,
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let until = now + millis(refused.hold());
        self.store.hold_lanes(claimed, until, now).await?;
        let has_no_caller = self.destinations.are_held(to, now);
        // A tenant without a place would turn them away at once, so they come by themselves.
        if has_no_caller && refused != NoPlace::TenantFull {
            self.call_held(to).await?;
        }
        Ok(())
    }

    /// Calls those held lanes of a destination that there is a place for, or somebody to probe it.
    async fn call_held(&self, to: &Destination) -> Result<(), AppError> {
        let now = self.clock.now();
        let caps = &self.setup().options.delivery;
        let Some(call) = self.destinations.call(to, caps, now) else {
            return Ok(());
        };
        let found = self
            .store
            .call_lanes(&to.tenant_id, &to.origin, call.at, call.most)
            .await
            .inspect_err(|_| self.destinations.not_called(to))?;
        self.destinations.called(to, call, found);
        if found > 0 && call.at <= now {
            self.signals.deliveries.notify_one();
        }
        Ok(())
    }

    async fn attempt(&self, tenant: &Tenant, claimed: &Claimed) -> Attempted {
        let url = match self.webhook_shape(tenant).check(&claimed.webhook_url) {
            Ok(url) => url,
            Err(refusal) => return Attempted::AddressRefused(refusal.to_string()),
        };
        let now = self.clock.now();
        let headers = match headers(tenant, claimed, now / 1000) {
            Ok(headers) => headers,
            Err(reason) => return Attempted::Failed(reason),
        };
        let body = Bytes::from(claimed.body.clone());
        let timeout = self.setup().options.delivery.attempt_timeout;
        match self
            .setup()
            .webhooks
            .send(&url, headers, body, timeout, now)
            .await
        {
            Attempt::Answered {
                status,
                retry_after,
                ..
            } => Attempted::Answered {
                status: status.as_u16(),
                retry_after,
            },
            Attempt::Refused(refusal) => Attempted::AddressRefused(refusal.to_string()),
            Attempt::Failed(failure) => Attempted::Failed(failure.sentence),
        }
    }
}

fn headers(tenant: &Tenant, claimed: &Claimed, seconds: i64) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let value = |text: &str| {
        HeaderValue::from_str(text)
            .map_err(|_| "a header of the webhook cannot be written".to_owned())
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static("webhook-id"),
        value(&claimed.webhook_id)?,
    );
    headers.insert(
        HeaderName::from_static("webhook-timestamp"),
        value(&seconds.to_string())?,
    );
    if let Some(secret) = &tenant.signing_secret {
        let signature = signature(
            secret.expose(),
            &claimed.webhook_id,
            seconds,
            claimed.body.as_bytes(),
        )?;
        headers.insert(
            HeaderName::from_static("webhook-signature"),
            value(&signature)?,
        );
    }
    if let Some(basic) = tenant
        .webhook_basic
        .as_ref()
        .filter(|_| tenant.options.webhook.basic)
    {
        let mut basic = value(basic.expose())?;
        basic.set_sensitive(true);
        headers.insert(AUTHORIZATION, basic);
    }
    Ok(headers)
}

/// The signatures of Standard Webhooks, v1: one for each live secret (they are separated by
/// blanks).
fn signature(secrets: &str, id: &str, seconds: i64, body: &[u8]) -> Result<String, String> {
    let signatures: Result<Vec<String>, String> = secrets
        .split_whitespace()
        .map(|secret| {
            let key = BASE64
                .decode(secret.trim_start_matches("whsec_"))
                .map_err(|_| {
                    "the tenant's signing secret is not of the form whsec_ and base64".to_owned()
                })?;
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key)
                .expect("HMAC takes a key of any length");
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
        })
        .collect();
    Ok(signatures?.join(" "))
}

fn describe(attempted: &Attempted) -> String {
    match attempted {
        Attempted::Answered { status, .. } => format!("answered {status}"),
        Attempted::AddressRefused(reason) => format!("address refused: {reason}"),
        Attempted::Failed(reason) => reason.clone(),
    }
}

/// Tells operators what became of a destination.
fn tell(to: &Destination, change: Change, now: Millis) {
    let (tenant, origin) = (&to.tenant_id, &to.origin);
    let seconds = |until: Millis| (until - now) / 1000;
    match change {
        Change::Failing {
            until,
            is_new: true,
        } => {
            let pause_s = seconds(until);
            tracing::warn!(event = "destination_left_alone", %tenant, %origin, pause_s, "webhooks to a destination keep failing; it is only probed until it answers");
        }
        Change::Failing {
            until,
            is_new: false,
        } => {
            let pause_s = seconds(until);
            tracing::info!(event = "destination_probed", %tenant, %origin, pause_s, "a destination of webhooks still fails");
        }
        Change::Asked(until) => {
            let pause_s = seconds(until);
            tracing::info!(event = "destination_asked", %tenant, %origin, pause_s, "a destination of webhooks asked to be left alone for a while");
        }
        Change::Back => {
            tracing::info!(event = "destination_back", %tenant, %origin, "a destination of webhooks that was left alone answers again");
        }
        Change::Nothing => {}
    }
}

fn log(claimed: &Claimed, settlement: &Settlement, settled: Settled) {
    let (order, tenant, attempt, outcome) = (
        &claimed.order_id,
        &claimed.tenant_id,
        claimed.attempt,
        &settlement.outcome,
    );
    let (took_ms, late) = (settlement.took, settled == Settled::Late);
    match &settlement.next {
        Next::Delivered => tracing::info!(%order, %tenant, attempt, took_ms, late, "delivered"),
        Next::Dead(reason) => {
            tracing::error!(%order, %tenant, attempt, outcome, reason = reason.as_str(), late, "a delivery is dead");
        }
        Next::Again(_) if attempt >= ATTEMPTS_BEFORE_NOTICE => {
            tracing::warn!(%order, %tenant, attempt, outcome, late, "a delivery keeps failing");
        }
        Next::Again(_) => {
            tracing::info!(%order, %tenant, attempt, outcome, late, "a delivery failed and is tried again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answer of the Standard Webhooks text.
    #[test]
    fn a_webhook_is_signed_as_standard_webhooks_says() {
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signed.unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn every_live_secret_signs() {
        let signed = signature("whsec_AAAA whsec_BBBB", "m", 1, b"x").unwrap();
        assert_eq!(signed.split(' ').count(), 2);
    }
}
