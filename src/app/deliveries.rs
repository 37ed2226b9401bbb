//! Telling the ATS: claimed lanes are sent, one update of an order at a time, and settled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use tokio::sync::Notify;

use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::delivery::{ATTEMPTS_BEFORE_NOTICE, Attempted, Claimed, Next, next};
use crate::domain::tenant::Tenant;
use crate::egress::Attempt;
use crate::seal::random_text;
use crate::store::{Settled, Settlement};

/// Longer than an attempt may take, so that a lease runs out only where a process has died.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// How soon a lane comes back that a cap turned away; later where the destination is silent, so
/// that one that hangs does not keep the database busy with those that wait for it.
const CAPPED_PAUSE: Duration = Duration::from_secs(1);
/// How long a claimed lane waits for a place; the margin of its lease is longer.
const PLACE_WITHIN: Duration = Duration::from_secs(5);
/// Lanes that wait for each place at a destination: enough to keep a quick one busy between two
/// claims, few enough that one that hangs leaves places to others. All further are turned away.
const WAITING_PER_PLACE: usize = 4;

/// The attempts under way, to keep their caps.
#[derive(Default)]
pub struct Flights {
    /// By tenant, and by tenant and origin; only where something is under way.
    loads: Mutex<HashMap<String, Load>>,
    /// A place got free.
    landed: Notify,
}

/// What is under way for one tenant, or at one of its destinations.
struct Load {
    flying: usize,
    waiting: usize,
    /// When the last attempt ended, or the first began.
    landed: Instant,
}

impl Load {
    fn none() -> Self {
        Self {
            flying: 0,
            waiting: 0,
            landed: Instant::now(),
        }
    }
}

/// An attempt under way; dropping it frees its place.
pub struct Flight {
    app: Arc<App>,
    keys: [String; 2],
}

impl Drop for Flight {
    fn drop(&mut self) {
        let flights = &self.app.flights;
        for key in &self.keys {
            flights.lighten(key, |load| {
                load.flying -= 1;
                load.landed = Instant::now();
            });
        }
        flights.landed.notify_waiters();
    }
}

/// A lane's turn to wait for a place; dropping it lets another wait.
struct Turn<'a> {
    flights: &'a Flights,
    destination: &'a str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.flights
            .lighten(self.destination, |load| load.waiting -= 1);
    }
}

impl Flights {
    /// Queues for one of the places at a destination, unless enough do already.
    fn queue<'a>(&'a self, destination: &'a str, places: usize) -> Option<Turn<'a>> {
        let mut loads = self.loads();
        let load = loads
            .entry(destination.to_owned())
            .or_insert_with(Load::none);
        (load.waiting < places * WAITING_PER_PLACE).then(|| {
            load.waiting += 1;
            Turn {
                flights: self,
                destination,
            }
        })
    }

    /// How long nothing has come back from a destination with attempts under way.
    fn silence(&self, destination: &str) -> Duration {
        let loads = self.loads();
        loads
            .get(destination)
            .map_or(Duration::ZERO, |load| load.landed.elapsed())
    }

    fn lighten(&self, key: &str, change: impl FnOnce(&mut Load)) {
        let mut loads = self.loads();
        if let Some(load) = loads.get_mut(key) {
            change(load);
            if load.flying == 0 && load.waiting == 0 {
                loads.remove(key);
            }
        }
    }

    fn loads(&self) -> MutexGuard<'_, HashMap<String, Load>> {
        self.loads.lock().expect("nobody panics while counting")
    }
}

/// The keys under which an attempt is counted: its tenant and its destination.
fn keys(claimed: &Claimed) -> [String; 2] {
    [
        claimed.tenant_id.clone(),
        format!("{} {}", claimed.tenant_id, claimed.origin),
    ]
}

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

    /// Makes one attempt on a claimed lane and settles it.
    ///
    /// # Errors
    /// [`AppError::Store`]; the lane is due again when its lease runs out.
    pub async fn deliver(self: Arc<Self>, claimed: Claimed) -> Result<(), AppError> {
        let directory = self.directory();
        let Some(tenant) = directory.tenant(&claimed.tenant_id) else {
            return self.give_back(&claimed, CAPPED_PAUSE).await;
        };
        let keys = keys(&claimed);
        let now = self.clock.now();
        if let Err(until) = self.destinations.admit(&keys[1], now) {
            let pause = Duration::from_millis(u64::try_from(until - now).unwrap_or(0));
            let spread = Duration::from_millis(rand::random_range(0..1000));
            return self.give_back(&claimed, pause + spread).await;
        }
        let Some(_flight) = self.await_place(&keys).await else {
            let pause = CAPPED_PAUSE + self.flights.silence(&keys[1]);
            return self
                .give_back(&claimed, pause.mul_f32(rand::random_range(1.0..1.5)))
                .await;
        };
        let (began_at, began) = (self.clock.now(), Instant::now());
        let attempted = self.attempt(tenant, &claimed).await;
        let is_back = self
            .destinations
            .learn(&keys[1], &attempted, self.clock.now());
        crash::point("delivery.attempted");
        let most = self.setup().options.delivery.attempts;
        let settlement = Settlement {
            next: next(
                &attempted,
                claimed.attempt,
                most,
                self.clock.now(),
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
        log(&claimed, &settlement, settled);
        metrics::histogram!("delivery_attempt_seconds", "next" => settlement.next.word())
            .record(began.elapsed());
        if is_back {
            let (tenant, origin) = (&claimed.tenant_id, &claimed.origin);
            let now = self.clock.now();
            self.store.pull_lanes_forward(tenant, origin, now).await?;
        }
        if settlement.next == Next::Delivered {
            self.signals.deliveries.notify_one();
        }
        Ok(())
    }

    /// Makes a claimed lane due again after a pause, as if it had not been claimed.
    async fn give_back(&self, claimed: &Claimed, pause: Duration) -> Result<(), AppError> {
        let now = self.clock.now();
        let due_at = now + millis(pause);
        Ok(self.store.release_lane(claimed, due_at, now).await?)
    }

    /// A place for an attempt: now, or soon, when another attempt has ended.
    async fn await_place(self: &Arc<Self>, keys: &[String; 2]) -> Option<Flight> {
        if let Some(flight) = self.take_off(keys) {
            return Some(flight);
        }
        let _turn = self
            .flights
            .queue(&keys[1], self.setup().options.delivery.in_flight_per_origin)?;
        let place = async {
            loop {
                let mut landed = std::pin::pin!(self.flights.landed.notified());
                landed.as_mut().enable();
                if let Some(flight) = self.take_off(keys) {
                    return flight;
                }
                landed.await;
            }
        };
        tokio::time::timeout(PLACE_WITHIN, place).await.ok()
    }

    fn take_off(self: &Arc<Self>, keys: &[String; 2]) -> Option<Flight> {
        let caps = &self.setup().options.delivery;
        let mut loads = self.flights.loads();
        let flying = |key: &String| loads.get(key).map_or(0, |load| load.flying);
        let allowance = self.destinations.allowance(&keys[1]);
        let per_origin = caps
            .in_flight_per_origin
            .min(allowance.unwrap_or(usize::MAX));
        if flying(&keys[0]) >= caps.in_flight_per_tenant || flying(&keys[1]) >= per_origin {
            return None;
        }
        for key in keys {
            let load = loads.entry(key.clone()).or_insert_with(Load::none);
            load.flying += 1;
        }
        Some(Flight {
            app: Arc::clone(self),
            keys: keys.clone(),
        })
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
