//! Callbacks of vendors: verified over their raw bytes, committed sealed, acknowledged, and then
//! applied once. What proves nothing only makes us look.

use std::sync::Arc;
use std::time::Duration;

use adapters::Context;
use adapters::Vendor;
use adapters::callback::{
    Acknowledgement, Callbacks, Incoming, Note, OrderKey, Proof, Says, Verified, verify,
};
use adapters::contract::Method;
use adapters::vocabulary::{Millis, Progress};

use crate::app::seeing::is_askable;
use crate::app::{App, AppError, crash};
use crate::clock::millis;
use crate::domain::callback::CallbackRow;
use crate::domain::contact::Contact;
use crate::domain::looking::hinted_look;
use crate::domain::order::{Order, Source, Verdict, standing};
use crate::domain::tenant::Connection;
use crate::seal::{Purpose, digest};
use crate::store::{CallbackEnd, Inserted, Saved, StoreError, new_id};

/// A callback whose worker dies is taken up again after this.
const CLAIM: Duration = Duration::from_secs(30);
/// A parked callback is tried again after this at the earliest, unless something wakes it.
const PARK: Duration = Duration::from_secs(10);
/// Parked callbacks are kept this long.
pub const PARKED_FOR: Duration = Duration::from_secs(72 * 3600);
/// So long before that each is tried once more: nothing may have woken it.
const LAST_TRY: Duration = Duration::from_secs(600);

/// Whom a callback address belongs to; known before a byte of the body is read.
pub struct CallbackAddress {
    connection: Arc<Connection>,
    vendor: Arc<Vendor>,
    callbacks: Callbacks,
}

impl CallbackAddress {
    /// The largest body that is read, in bytes.
    pub fn cap(&self) -> usize {
        self.callbacks.cap
    }

    /// The vendor's name, for logs and metrics.
    pub fn vendor(&self) -> &str {
        &self.vendor.name
    }
}

/// What a vendor is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum CallbackAnswer {
    /// The vendor's own acknowledgement.
    Acknowledged(Acknowledgement),
    /// Not a method that carries callbacks here; these do.
    MethodNotAllowed(Vec<&'static str>),
    /// The proof is missing, wrong or stale.
    NotBelieved,
}

impl App {
    /// The connection and vendor of a callback address.
    pub fn callback_address(&self, vendor: &str, token: &str) -> Option<CallbackAddress> {
        let directory = self.directory();
        let connection = directory
            .connection_by_token(token)
            .filter(|connection| connection.vendor == vendor)?;
        let vendor = self.vendor_of(connection)?;
        let callbacks = vendor.callbacks.clone()?;
        Some(CallbackAddress {
            connection: Arc::clone(connection),
            vendor,
            callbacks,
        })
    }

    /// Takes a callback in. What is acknowledged has been committed, or was only a hint.
    ///
    /// # Errors
    /// [`AppError::Store`]: not committed, so the vendor has to try again.
    pub async fn receive_callback(
        &self,
        address: &CallbackAddress,
        incoming: &Incoming<'_>,
    ) -> Result<CallbackAnswer, AppError> {
        let callbacks = &address.callbacks;
        if let Some(echo) = challenged(callbacks, incoming) {
            return Ok(CallbackAnswer::Acknowledged(echo));
        }
        let methods = callbacks.methods.iter().map(|method| method.as_str());
        let methods: Vec<_> = methods.collect();
        if !methods.contains(&incoming.method) {
            return Ok(CallbackAnswer::MethodNotAllowed(methods));
        }
        let secrets = |name: &str| address.connection.secrets(name);
        let Ok(verified) = verify(&callbacks.proof, incoming, &secrets, self.clock.now()) else {
            return Ok(CallbackAnswer::NotBelieved);
        };
        if callbacks.proof == Proof::Hint {
            self.take_hint(address, verified).await?;
        } else {
            self.commit_callback(address, verified).await?;
        }
        crash::point("callback.committed");
        Ok(CallbackAnswer::Acknowledged(callbacks.accepted.clone()))
    }

    async fn commit_callback(
        &self,
        address: &CallbackAddress,
        verified: Verified<'_>,
    ) -> Result<(), StoreError> {
        let (id, connection) = (new_id("cbk"), &address.connection);
        let sealed = self
            .setup()
            .keys
            .seal(Purpose::Callback, &id, verified.body());
        let digest = digest(verified.body());
        match self
            .store
            .insert_callback(
                &id,
                &connection.id,
                digest.as_str(),
                &sealed,
                self.clock.now(),
            )
            .await?
        {
            Inserted::New => self.signals.callbacks.notify_one(),
            Inserted::Repeated => {}
            Inserted::SettledBefore => self.take_hint(address, verified).await?,
        }
        Ok(())
    }

    /// Makes the orders that a callback names be looked at soon; its content is not believed.
    async fn take_hint(
        &self,
        address: &CallbackAddress,
        body: Verified<'_>,
    ) -> Result<(), StoreError> {
        let notes = read_notes(&address.callbacks, &address.connection, body).unwrap_or_default();
        for note in notes {
            if let Some(order) = self.order_of(&address.connection, &note).await? {
                // Anybody may send hints: one that changes nothing writes nothing.
                if self.look_soon(&order).await? {
                    let hint = "it proves nothing, or was settled before";
                    self.told(&order, self.clock.now(), "looked", hint).await?;
                }
            }
        }
        Ok(())
    }

    /// Notes a callback that itself changes nothing of its order.
    async fn told(
        &self,
        order: &Order,
        at: Millis,
        outcome: &'static str,
        why: &str,
    ) -> Result<(), StoreError> {
        let callback = Contact::callback(at, outcome, why);
        self.store.note_contact(&order.id, &callback).await
    }

    /// Makes an order's next look now, at most once in a while; true where it was later before.
    pub(crate) async fn look_soon(&self, order: &Order) -> Result<bool, StoreError> {
        if order.their_ref.is_none() {
            return Ok(false);
        }
        let at = hinted_look(order, self.clock.now());
        let moved = self.store.look_by(&order.id, at).await?;
        self.signals.looking.notify_one();
        Ok(moved)
    }

    /// Claims callbacks to be applied, for [`App::apply_callback`].
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn claim_callbacks(&self, most: i64) -> Result<Vec<CallbackRow>, AppError> {
        let now = self.clock.now();
        Ok(self
            .store
            .claim_callbacks(now, now + millis(CLAIM), most)
            .await?)
    }

    /// Applies one callback: each of its notes to its order, the last one together with settling
    /// the callback itself. Where the order of one is not known, the callback is parked with it, and
    /// with no other.
    ///
    /// # Errors
    /// [`AppError::Store`]; the callback is then taken up again.
    pub async fn apply_callback(self: Arc<Self>, row: CallbackRow) -> Result<(), AppError> {
        let now = self.clock.now();
        let directory = self.directory();
        let Some(connection) = directory.connection(&row.connection_id) else {
            return self.park(&row, "no such connection").await;
        };
        let address = self.callback_address(&connection.vendor, connection.callback_token.expose());
        let (Some(address), Some(sealed)) = (address, row.sealed_body.as_deref()) else {
            return self
                .park(&row, "the vendor's sheet reads no callbacks")
                .await;
        };
        let body = match self.setup().keys.open(Purpose::Callback, &row.id, sealed) {
            Ok(body) => body,
            Err(error) => return self.park(&row, &error.to_string()).await,
        };
        let notes = match read_notes(&address.callbacks, connection, Verified::kept(&body)) {
            Ok(notes) => notes,
            Err(reason) => return self.park(&row, &reason).await,
        };
        let mut open = Vec::new();
        for (number, note) in notes.iter().enumerate() {
            if !self.was_applied(&row, connection, number, note).await? {
                open.push((number, note));
            }
        }
        let Some((last, _)) = open.last().copied() else {
            return Ok(self.store.settle_callback(&row.id, "ignored", now).await?);
        };
        let (mut applied, mut is_waiting) = (row.applied_notes.clone(), false);
        for (number, note) in open {
            let settles = number == last && !is_waiting;
            match self.apply_note(&address, note, &row, settles).await? {
                Some(order_id) => applied.push((number, order_id)),
                None => is_waiting = true,
            }
        }
        if is_waiting {
            let reason = "of an order that is not known (yet)";
            self.park_with(&row, reason, &applied).await?;
        }
        Ok(())
    }

    /// Whether the order of a note took it before the callback was parked for another. A note is
    /// known by its number and its order: a sheet that was changed since may count differently.
    async fn was_applied(
        &self,
        row: &CallbackRow,
        connection: &Connection,
        number: usize,
        note: &Note,
    ) -> Result<bool, StoreError> {
        let mut applied = row.applied_notes.iter();
        let Some((_, order_id)) = applied.find(|(applied, _)| *applied == number) else {
            return Ok(false);
        };
        let order = self.order_of(connection, note).await?;
        Ok(order.is_some_and(|order| order.id == *order_id))
    }

    async fn park(&self, row: &CallbackRow, reason: &str) -> Result<(), AppError> {
        self.park_with(row, reason, &row.applied_notes).await
    }

    /// Parks a callback of which these notes have been applied, for as long again as it has been here if nothing
    /// wakes it, and until shortly before it expires at the latest.
    async fn park_with(
        &self,
        row: &CallbackRow,
        reason: &str,
        applied_notes: &[(usize, String)],
    ) -> Result<(), AppError> {
        let now = self.clock.now();
        let again = now + (now - row.received_at).max(millis(PARK));
        let last = row.received_at + millis(PARKED_FOR - LAST_TRY);
        let due_at = if now < last { again.min(last) } else { again };
        Ok(self
            .store
            .park_callback(&row.id, reason, applied_notes, due_at)
            .await?)
    }

    /// Applies one note of a callback, and settles that with its last one. Returns the id of the order
    /// that took it; `None`: its order is not known.
    async fn apply_note(
        &self,
        address: &CallbackAddress,
        note: &Note,
        row: &CallbackRow,
        is_last: bool,
    ) -> Result<Option<String>, AppError> {
        loop {
            let Some(order) = self.order_of(&address.connection, note).await? else {
                return Ok(None);
            };
            let is_old = is_older_than_a_look(row, &order, &address.vendor);
            let news = self.news_in(&order, note).await?;
            let Some(news) = news.filter(|_| !is_old) else {
                let why = match note.says {
                    Says::Look => "it says that there is news, and not which",
                    Says::Progress(_) if is_old => "the vendor was asked after it had come",
                    Says::Progress(_) => "it names a reference that is not the order's",
                };
                let why = told_of(row, why);
                self.told(&order, row.received_at, "looked", &why).await?;
                self.look_soon(&order).await?;
                if is_last {
                    self.store
                        .settle_callback(&row.id, "looked", self.clock.now())
                        .await?;
                }
                return Ok(Some(order.id));
            };
            let id = order.id.clone();
            if self
                .apply_news(order, &address.vendor, &news, row, is_last)
                .await?
            {
                return Ok(Some(id));
            }
        }
    }

    /// The news in a note of a vendor that has proved itself. `None`: it only makes us look.
    async fn news_in(&self, order: &Order, note: &Note) -> Result<Option<Progress>, StoreError> {
        Ok(match &note.says {
            Says::Progress(news) => self
                .may_say(order, news)
                .await?
                .then(|| Progress::clone(news)),
            // It names both references, and that is where an order is that we would look for.
            Says::Look if order.their_ref.is_none() => {
                let theirs = note.order.iter().find_map(|key| match key {
                    OrderKey::Theirs(theirs) => Some(theirs.clone()),
                    OrderKey::Ours(_) => None,
                });
                theirs.map(|theirs| Progress::new(theirs, None))
            }
            Says::Look => None,
        })
    }

    /// Whether a payload may speak for an order: not where it names a reference that the order,
    /// which has one, does not know.
    async fn may_say(&self, order: &Order, news: &Progress) -> Result<bool, StoreError> {
        Ok(order.their_ref.is_none()
            || order.their_ref.as_ref() == Some(&news.theirs)
            || self.store.owns_reference(&order.id, &news.theirs).await?)
    }

    /// Saves news of a payload with its callback; `false`: the row changed, so decide again.
    async fn apply_news(
        &self,
        order: Order,
        vendor: &Vendor,
        news: &Progress,
        row: &CallbackRow,
        is_last: bool,
    ) -> Result<bool, AppError> {
        let mut next = order.clone();
        let now = self.clock.now();
        let (verdict, mut change) = self.take_news(&mut next, news, Source::Payload, vendor, now);
        let (outcome, why) = outcome(&next, news, verdict);
        let callback = Contact::callback(row.received_at, outcome, told_of(row, &why));
        change.contacts.push(callback);
        change.settles = is_last.then(|| CallbackEnd {
            id: row.id.clone(),
            reason: outcome,
        });
        crash::point("callback.applying");
        let saved = self.save_order(&mut next, &change, now).await?;
        crash::point("callback.applied");
        match saved {
            Saved::Stale => Ok(false),
            Saved::Done => {
                if verdict.look {
                    self.signals.looking.notify_one();
                }
                Ok(true)
            }
            Saved::Taken(_) => {
                self.alarm_foreign(&order, vendor, "callback");
                let why = "it names another order's reference";
                self.told(&order, row.received_at, "refused", &told_of(row, why))
                    .await?;
                if is_last {
                    let reason = format!("refused: {why}");
                    self.store.settle_callback(&row.id, &reason, now).await?;
                }
                Ok(true)
            }
        }
    }

    async fn order_of(
        &self,
        connection: &Connection,
        note: &Note,
    ) -> Result<Option<Order>, StoreError> {
        for key in &note.order {
            let order = match key {
                OrderKey::Theirs(theirs) => {
                    self.store
                        .order_by_their_ref(&connection.id, theirs)
                        .await?
                }
                OrderKey::Ours(ours) => self.store.order_by_our_ref(&connection.id, ours).await?,
            };
            if order.is_some() {
                return Ok(order);
            }
        }
        Ok(None)
    }

    /// Erases callbacks that have been parked for too long.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn expire_parked(&self, parked_for: Duration) -> Result<u64, AppError> {
        let now: Millis = self.clock.now();
        Ok(self
            .store
            .expire_parked(now - millis(parked_for), now)
            .await?)
    }
}

/// What came of a payload's news, in a word, and why.
fn outcome(order: &Order, news: &Progress, verdict: Verdict) -> (&'static str, String) {
    if verdict.moved {
        ("applied", standing(order))
    } else if verdict.look {
        ("looked", "a payload alone may not say so now".to_owned())
    } else if news.standing.is_none() {
        let words = news.unknown.join(", ");
        ("ignored", format!("nobody knows what it means: {words}"))
    } else {
        ("ignored", "nothing new".to_owned())
    }
}

/// Whether an order's vendor, which reopens orders, was asked after a callback had come. Then its
/// payload may be older than what the vendor said: it waited for another order, or a worker died
/// between two of its notes. Only a look opens an order that had ended, so after one an old pass
/// would be a false one, and another look tells whatever the payload could.
fn is_older_than_a_look(row: &CallbackRow, order: &Order, vendor: &Vendor) -> bool {
    let look_decides = vendor.policy.reopens_for.is_some() && is_askable(vendor);
    let was_asked = order.looked_at.is_some_and(|at| at > row.received_at);
    look_decides && was_asked && order.their_ref.is_some()
}

/// Why, with what kept the callback waiting before.
fn told_of(row: &CallbackRow, why: &str) -> String {
    match &row.reason {
        Some(parked) => format!("{why}; it was parked before: {parked}"),
        None => why.to_owned(),
    }
}

fn challenged(callbacks: &Callbacks, incoming: &Incoming<'_>) -> Option<Acknowledgement> {
    let parameter = callbacks.challenge.as_deref()?;
    if incoming.method != Method::Get.as_str() {
        return None;
    }
    let (_, value) = incoming.query.iter().find(|(name, _)| name == parameter)?;
    Some(Acknowledgement {
        status: 200,
        mime: Some("text/plain".into()),
        body: value.clone(),
    })
}

fn read_notes(
    callbacks: &Callbacks,
    connection: &Connection,
    body: Verified<'_>,
) -> Result<Vec<Note>, String> {
    let cx = Context {
        settings: &connection.settings,
        key: "",
        base_url: &connection.base_url,
    };
    callbacks
        .reader
        .read(body, &cx)
        .map_err(|unreadable| unreadable.0)
}
