//! Putting the program together from its settings, and its life: start, ready, drain, out.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapters::vocabulary::{Millis, Private};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, AppOptions, DeliveryOptions, Setup, SheetSource, missing_steps};
use crate::background;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{Mistake, Placed, SecretReference, Settings};
use crate::egress::{Judge, Resolver, WebhookClient, client::platform_tls};
use crate::http::{self, Edge, Listener, Readiness, ServerOptions};
use crate::seal::Keyring;
use crate::store::{Store, StoreError, StoreOptions};
use crate::telemetry;
use crate::vendors::{Caller, CallerOptions, Registry};

/// Clocks that are as many seconds apart are told of.
const CLOCKS_AGREE_WITHIN: i64 = 60;

/// The built-in logo.
const LOGO: &[u8] = include_bytes!("http/logo.png");

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings, files or the database have to be changed first: one sentence for each thing.
    #[error("{}", .0.join("\n"))]
    SetUp(Vec<String>),
    /// The database is away; nothing needs to be changed once it is back.
    #[error("{0}")]
    Away(String),
}

impl StartError {
    /// One thing has to be changed first.
    pub fn one(sentence: impl Into<String>) -> Self {
        Self::SetUp(vec![sentence.into()])
    }

    fn of(mistake: Mistake) -> Self {
        Self::one(mistake.to_string())
    }

    /// Its sentences.
    pub fn sentences(self) -> Vec<String> {
        match self {
            Self::SetUp(sentences) => sentences,
            Self::Away(sentence) => vec![sentence],
        }
    }
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unusable(sentence) => Self::one(sentence),
            StoreError::Unreached(sentence) => Self::Away(sentence),
            StoreError::Unavailable(_) | StoreError::Slow => {
                Self::Away(format!("{} (`store.url`)", with_causes(&error)))
            }
            StoreError::Statement(_) | StoreError::Unreadable { .. } => {
                Self::one(format!("{} (`store.url`)", with_causes(&error)))
            }
        }
    }
}

impl From<AppError> for StartError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Store(error) => error.into(),
            other => Self::one(other.to_string()),
        }
    }
}

/// Opens the database as `settings` say. `serving`: this process is the one that serves it.
///
/// # Errors
/// [`StartError`].
pub async fn open_store(
    settings: &Settings,
    serving: bool,
    migrate: bool,
) -> Result<Store, StartError> {
    check_store_url(settings)?;
    let options = StoreOptions {
        url: settings.store.url.expose().to_owned(),
        connections: u32::try_from(settings.store.connections).unwrap_or(u32::MAX),
        migrate,
        serving,
    };
    Ok(Store::open(&options).await?)
}

fn check_store_url(settings: &Settings) -> Result<(), StartError> {
    let url = &settings.store.url;
    let checked = Store::check_url(url.expose()).map(|_| ());
    checked.map_err(|wrong| StartError::of(url.wrong(format!("it {wrong}"))))
}

fn check_cache_url(settings: &Settings) -> Result<(), StartError> {
    let url = &settings.cache.url;
    let checked = Cache::check_url(url.expose());
    checked.map_err(|wrong| StartError::of(url.wrong(format!("it {wrong}"))))
}

/// What is served as the logo.
fn logo(settings: &Settings) -> Result<Bytes, StartError> {
    let Some(path) = &settings.http.logo else {
        return Ok(Bytes::from_static(LOGO));
    };
    let read = std::fs::read(path.as_path()).map(Bytes::from);
    read.map_err(|error| StartError::of(path.wrong(format!("it cannot be read ({error})"))))
}

/// What keeps a gateway from starting, as far as it shows without asking anybody: beside keys, sheets
/// and what calls vendors.
pub fn obstacles(settings: &Settings) -> Vec<String> {
    let found = [
        check_store_url(settings).err(),
        check_cache_url(settings).err(),
        logo(settings).err(),
    ];
    found
        .into_iter()
        .flatten()
        .flat_map(StartError::sentences)
        .collect()
}

/// An error with all its causes, as a person would tell it. Some errors tell their cause
/// themselves; it is not told twice.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.ends_with(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}

/// Puts the gateway together, with what is in the database. `public` is how the outside reaches it
/// where the settings do not say.
///
/// # Errors
/// [`StartError`].
pub async fn build(
    settings: &Settings,
    store: Store,
    clock: Clock,
    public: SocketAddr,
) -> Result<Arc<App>, StartError> {
    let (machine, database) = (clock.now(), store.now().await?);
    clock.anchor(database);
    if let Some(sentence) = clocks_differ(machine, database) {
        tracing::warn!(event = "clocks_differ", "{sentence}");
    }
    check_cache_url(settings)?;
    let cache = Cache::open(settings.cache.url.expose(), settings.cache.timeout)
        .await
        .map_err(StartError::one)?;
    let revision = store.sheets_revision().await?;
    let setup = setup(settings, &store, &clock, &cache, public).await?;
    let missing = missing_steps(&store, &setup.vendors).await?;
    if !missing.is_empty() {
        return Err(StartError::SetUp(missing));
    }
    let app = App::new(store, clock, cache, setup, revision);
    app.refresh_directory().await?;
    Ok(app)
}

/// Leases and due times go by the database's clock alone, so a difference harms none of them; but
/// certificates are judged by this machine's clock, and a vendor or an ATS that checks the age of a
/// signature by a clock that is right.
fn clocks_differ(machine: Millis, database: Millis) -> Option<String> {
    let seconds = (machine - database) / 1000;
    (seconds.abs() >= CLOCKS_AGREE_WITHIN).then(|| {
        let (ahead, apart) = (if seconds > 0 { "ahead" } else { "behind" }, seconds.abs());
        format!(
            "the database's clock and this machine's differ: this machine's is {apart} s {ahead}; let both follow a time server, because Cleargate goes by the database's and certificates are judged by this machine's"
        )
    })
}

/// What `settings` ask for, if it can be had and suits what the database holds.
async fn setup(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    cache: &Cache,
    public: SocketAddr,
) -> Result<Setup, StartError> {
    let mut keys = keyring(settings)?;
    check_keys(store, &keys).await?;
    remember_old_keys(store, &mut keys).await?;
    let keys = Arc::new(keys);
    let sheets = SheetSource {
        dir: settings.vendors.dir.clone(),
        allow_sandbox: settings.vendors.allow_sandbox,
    };
    let vendors = sheets.load().map_err(StartError::SetUp)?;
    let judge = Judge::new(settings.egress.allow.clone()).map_err(|error| {
        StartError::one(format!("cannot read this machine's addresses: {error}"))
    })?;
    let resolver = Resolver::new(&settings.egress.nameservers, Arc::new(judge))
        .map_err(|error| StartError::one(error.to_string()))?;
    let tls = platform_tls().map_err(|error| {
        StartError::one(format!(
            "cannot use this machine's certificate authorities: {error}"
        ))
    })?;
    let caller = caller(settings, &vendors, clock, cache, &keys)?;
    Ok(Setup {
        keys,
        sheets,
        vendors,
        caller,
        webhooks: Arc::new(WebhookClient::new(resolver, tls)),
        options: options(settings, public),
    })
}

/// The keys that `settings` refer to.
///
/// # Errors
/// [`StartError`].
pub fn keyring(settings: &Settings) -> Result<Keyring, StartError> {
    let security = &settings.security;
    let mut mistakes = Vec::new();
    if security.key.is_none() {
        mistakes.push("`security.key` is not set, and without it nothing can be sealed; `cleargate key new` prints one, and `security.key` takes a reference to it such as \"env:CLEARGATE_KEY\"".to_owned());
    }
    let mut read = |reference| match key(reference) {
        Ok(key) => Some(key),
        Err(mistake) => {
            mistakes.push(mistake.to_string());
            None
        }
    };
    let current = security.key.as_ref().and_then(&mut read);
    let old: Vec<_> = security.old_keys.iter().filter_map(&mut read).collect();
    match current {
        Some(current) if mistakes.is_empty() => {
            Keyring::new(&current, &old).map_err(|error| StartError::one(error.to_string()))
        }
        _ => Err(StartError::SetUp(mistakes)),
    }
}

/// The key that a reference stands for.
fn key(reference: &Placed<SecretReference>) -> Result<Private<String>, Mistake> {
    let wrong = |error: &dyn Error| reference.wrong(error.to_string());
    let key = reference.resolve().map_err(|error| wrong(&error))?;
    Keyring::new(&key, &[]).map_err(|error| wrong(&error))?;
    Ok(key)
}

/// A row sealed with a key that was not given could never be read again. Every key that orders were
/// ever sealed with is kept first, so only those that are not given are looked for.
async fn check_keys(store: &Store, keys: &Keyring) -> Result<(), StartError> {
    let mut named = store.sealing_keys().await?;
    let served_with = store.old_keys().await?;
    let is_given = |id: &str| hex::decode(id).is_ok_and(|id| keys.knows(&id));
    for (id, _) in served_with.iter().filter(|(id, _)| !is_given(id)) {
        let id = hex::decode(id).unwrap_or_default();
        if store.is_sealed_with(&id).await? {
            named.push(id);
        }
    }
    match named.iter().find(|id| !keys.knows(id)) {
        None => Ok(()),
        Some(id) => Err(StartError::one(format!(
            "the database holds data sealed with key {}, but `security.key` is {} and it is not among `security.old_keys`; give the key the data were sealed with",
            hex::encode(id),
            keys.current_id()
        ))),
    }
}

/// A replica that is given another key is refused from now on, also where nothing else is sealed yet.
///
/// # Errors
/// [`StartError`].
pub async fn keep_key(store: &Store, keys: &Keyring) -> Result<(), StartError> {
    let (id, signers) = keys.current_signers();
    Ok(store.keep_key(&id, &signers).await?)
}

/// Links and fingerprints of keys that were left out are recognised by what was kept of those.
async fn remember_old_keys(store: &Store, keys: &mut Keyring) -> Result<(), StartError> {
    let old = store.old_keys().await?;
    keys.remember(&old)
        .map_err(|error| StartError::one(format!("what was kept of an old key: {error}")))
}

/// What calls vendors, as `settings` say. Those of a vendor that does not exist would be obeyed by
/// nobody.
///
/// # Errors
/// [`StartError`].
pub fn caller(
    settings: &Settings,
    vendors: &Registry,
    clock: &Clock,
    cache: &Cache,
    keys: &Arc<Keyring>,
) -> Result<Caller, StartError> {
    let strangers = settings.vendors.of.iter();
    let strangers = strangers.filter(|(name, _)| !vendors.may_have(name));
    let known = vendors.names().join(", ");
    let mut sentences: Vec<String> = strangers
        .map(|(name, calls)| {
            let place = calls.place.as_ref();
            let place = place.map_or_else(String::new, |place| format!(" in {place}"));
            format!("`[vendors.of.{name}]`{place} is about no vendor; there are {known}")
        })
        .collect();
    let options = CallerOptions {
        attempt_timeout: settings.orders.vendor_timeout,
        settings: settings.vendors.clone(),
    };
    match Caller::new(options, clock.clone(), cache.clone(), Arc::clone(keys)) {
        Ok(caller) if sentences.is_empty() => Ok(caller),
        caller => {
            sentences.extend(caller.err().unwrap_or_default());
            Err(StartError::SetUp(sentences))
        }
    }
}

fn options(settings: &Settings, public: SocketAddr) -> AppOptions {
    let delivery = &settings.delivery;
    AppOptions {
        public_url: settings
            .http
            .public_url(public)
            .as_str()
            .trim_end_matches('/')
            .to_owned(),
        answer_within: settings.orders.answer_within,
        vendor_timeout: settings.orders.vendor_timeout,
        keep_personal_data: settings.orders.keep_personal_data,
        allow_http: settings.egress.allow_http,
        allow: settings.egress.allow.clone(),
        delivery: DeliveryOptions {
            attempts: i64::try_from(delivery.attempts).unwrap_or(12),
            in_flight: delivery.in_flight,
            in_flight_per_tenant: delivery.in_flight_per_tenant,
            in_flight_per_origin: delivery.in_flight_per_origin,
            attempt_timeout: delivery.attempt_timeout,
        },
        catalog_fresh_for: settings.catalog.fresh_for,
        catalog_first_fetch: settings.catalog.first_fetch,
    }
}

/// A gateway that serves.
pub struct Serving {
    /// The application behind it.
    pub app: Arc<App>,
    /// The public address.
    pub public: SocketAddr,
    /// The operations address.
    pub operations: SocketAddr,
    /// What it was started with, or last reloaded.
    settings: Settings,
    readiness: Readiness,
    stop_claiming: CancellationToken,
    stop_listening: CancellationToken,
    listeners: tokio_util::task::TaskTracker,
    drain_delay: Duration,
    drain_within: Duration,
}

/// What is left, after the delay, of the time from being asked to stop to ending.
fn drain_within(settings: &Settings) -> Duration {
    let http = &settings.http;
    http.drain_deadline.saturating_sub(http.drain_delay)
}

impl Serving {
    /// Starts serving: listeners, background work, ready. `clock`: the running one but for tests,
    /// which also leave background work to themselves (`background` is false).
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        settings: &Settings,
        clock: Clock,
        background: bool,
    ) -> Result<Self, StartError> {
        telemetry::metrics();
        let public = Listener::bind(settings.http.public_addr, "http.public_addr")
            .await
            .map_err(StartError::one)?;
        let operations = Listener::bind(settings.http.operations_addr, "http.operations_addr")
            .await
            .map_err(StartError::one)?;
        let logo = logo(settings)?;
        let store = open_store(settings, true, settings.store.migrate).await?;
        let app = build(settings, store, clock, public.addr()).await?;
        keep_key(&app.store, &app.setup().keys).await?;
        let edge = Edge {
            body_limit: settings.http.body_limit,
            body_timeout: settings.http.body_timeout,
            logo,
        };
        let serving = Self {
            public: public.addr(),
            operations: operations.addr(),
            settings: settings.clone(),
            readiness: Readiness::default(),
            stop_claiming: CancellationToken::new(),
            stop_listening: CancellationToken::new(),
            listeners: tokio_util::task::TaskTracker::new(),
            drain_delay: settings.http.drain_delay,
            drain_within: drain_within(settings),
            app,
        };
        if background {
            background::start(
                &serving.app,
                settings.background.idle_poll,
                &serving.stop_claiming,
            );
        }
        let options = ServerOptions {
            header_timeout: settings.http.header_timeout,
            max_connections: settings.http.max_connections,
            drain_deadline: drain_within(settings),
        };
        let stop = &serving.stop_listening;
        let answering = http::public(Arc::clone(&serving.app), edge);
        serving
            .listeners
            .spawn(public.serve(answering, options.clone(), stop.clone()));
        let answering = http::operations(serving.readiness.clone(), telemetry::metrics().clone());
        serving
            .listeners
            .spawn(operations.serve(answering, options, stop.clone()));
        if !settings.egress.allow.is_empty() {
            let ranges: Vec<String> = settings
                .egress
                .allow
                .iter()
                .map(ToString::to_string)
                .collect();
            tracing::warn!(
                ranges = ranges.join(", "),
                "webhooks may go to the ranges in `egress.allow`, private or not"
            );
        }
        serving.readiness.set(true);
        tracing::info!(
            event = "listening",
            public = %serving.public,
            operations = %serving.operations,
            public_url = %serving.app.setup().options.public_url,
            egress_allow_http = settings.egress.allow_http,
            "listening"
        );
        Ok(serving)
    }

    /// Works as `settings` say from now on, with the sheets as they are now: all of it, or nothing
    /// where one thing is wrong. What was taken up before goes on as it began.
    ///
    /// # Errors
    /// [`StartError`]; everything is as it was.
    pub async fn reload(&mut self, settings: Settings) -> Result<(), StartError> {
        let sections = self.settings.fixed_sections_changed(&settings);
        if !sections.is_empty() {
            let sections: Vec<_> = sections.iter().map(|name| format!("`[{name}]`")).collect();
            return Err(StartError::one(format!(
                "{} changed, which takes a restart; put it back to reload the rest, or restart",
                sections.join(" and ")
            )));
        }
        let app = &self.app;
        let setup = setup(&settings, &app.store, &app.clock, &app.cache, self.public).await?;
        keep_key(&app.store, &setup.keys).await?;
        app.replace_setup(setup).await.map_err(StartError::SetUp)?;
        if let Err(error) = app.announce_sheets().await {
            tracing::warn!(%error, "other processes do not know of it; reload them too");
        }
        self.settings = settings;
        Ok(())
    }

    /// Ends in order: not ready, still serving for the drain delay, no new claims, then what is
    /// under way finishes within the drain deadline.
    pub async fn drain(self) {
        self.readiness.set(false);
        self.stop_claiming.cancel();
        tokio::time::sleep(self.drain_delay).await;
        self.stop_listening.cancel();
        self.listeners.close();
        self.app.tasks.close();
        let finished = async {
            self.listeners.wait().await;
            self.app.tasks.wait().await;
        };
        if tokio::time::timeout(self.drain_within, finished)
            .await
            .is_err()
        {
            tracing::warn!(
                "work was still under way at the drain deadline; it will be taken up again"
            );
        }
        self.app.store.close().await;
    }
}
