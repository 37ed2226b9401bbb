//! A wire between a gateway and PostgreSQL that can fall silent, or break at the worst moment: when
//! what commits an order has been sent, and before its answer has come.

use std::collections::HashSet;
use std::mem;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// The first message of a connection that asks for TLS; it is refused, and the real first follows.
const SSL_REQUEST: u32 = 80_877_103;

/// A wire that is there as long as this lives.
pub(super) struct Wire {
    addr: SocketAddr,
    state: Arc<State>,
    _listening: JoinSet<()>,
}

struct State {
    /// Whether bytes go through.
    open: watch::Sender<bool>,
    /// How likely a commit is the last thing a connection sends.
    cuts: Mutex<(f64, StdRng)>,
    /// The words of a message, and what is to happen when one has them.
    picked: Mutex<Option<(&'static str, Then)>>,
    cut: AtomicUsize,
}

/// What happens once, at a message that was picked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It does not go through, and nothing does any more.
    Silence,
    /// The commit of its transaction is the last thing its connection sends, once it has been carried
    /// out.
    Cut,
    /// That, and nothing goes through after it.
    CutAndSilence,
    /// Its connection ends before the commit of its transaction, which is not carried out.
    Lose,
}

impl Wire {
    /// A wire to the server of that URL, which is sound until it is told otherwise.
    pub(super) async fn to(url: &str, random: StdRng) -> Self {
        let url = Url::parse(url).expect("a URL");
        let server = format!("127.0.0.1:{}", url.port().expect("a port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            open: watch::Sender::new(true),
            cuts: Mutex::new((0.0, random)),
            picked: Mutex::default(),
            cut: AtomicUsize::new(0),
        });
        let (mut listening, wire) = (JoinSet::new(), Arc::clone(&state));
        listening.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await;
                let Ok(server) = server else { continue };
                connections.spawn(Arc::clone(&wire).carry(client, server));
            }
        });
        Self {
            addr,
            state,
            _listening: listening,
        }
    }

    /// The same database, by way of the wire.
    pub(super) fn url(&self, url: &str) -> String {
        let mut url = Url::parse(url).expect("a URL");
        url.set_port(Some(self.addr.port())).expect("it has a host");
        url.into()
    }

    /// How many connections were cut off so far.
    pub(super) fn cuts(&self) -> usize {
        self.state.cut.load(Ordering::Relaxed)
    }

    /// Cuts COMMITs off with that likelihood from now on.
    pub(super) fn cut(&self, likelihood: f64) {
        self.state.cuts.lock().expect("nobody panics").0 = likelihood;
    }

    /// Picks the next message that has these words.
    pub(super) fn at(&self, words: &'static str, then: Then) {
        *self.state.picked.lock().expect("nobody panics") = Some((words, then));
    }

    /// Whether nothing goes through.
    pub(super) fn is_silent(&self) -> bool {
        !*self.state.open.borrow()
    }

    /// Lets through what has waited.
    pub(super) fn open(&self) {
        self.state.open.send_replace(true);
    }
}

impl State {
    /// Carries bytes both ways until one side ends, or a cut.
    async fn carry(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let cut = {
            let answers = self.carry_answers(&mut from_server, &mut to_client);
            let questions = self.carry_questions(&mut from_client, &mut to_server);
            tokio::select! {
                () = answers => None,
                cut = questions => cut,
            }
        };
        // The server may have committed or not: at times it surely has.
        if cut == Some(true) {
            drop(from_server.readable().await);
        }
    }

    async fn carry_answers(&self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) {
        let mut bytes = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut bytes).await.unwrap_or(0);
            self.until_open().await;
            if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    }

    /// `Some`: the connection is to be cut; with `true` once the server has answered.
    async fn carry_questions(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
    ) -> Option<bool> {
        let (mut is_first, mut said) = (true, false);
        let mut session = Session::default();
        loop {
            let message = message(from, is_first).await?;
            is_first = is_first && asks_for_tls(&message);
            said |= self.is_picked(&message);
            self.until_open().await;
            let commits = session.commits(&message);
            let picked = (said && commits).then(|| self.cut_as_picked());
            if picked == Some(Some(Then::Lose)) {
                return Some(false);
            }
            to.write_all(&message).await.ok()?;
            if commits {
                if picked.flatten().is_some() {
                    return Some(true);
                }
                if let Some(waits) = self.cut_by_chance() {
                    return Some(waits);
                }
                said = false;
            }
        }
    }

    async fn until_open(&self) {
        let mut open = self.open.subscribe();
        drop(open.wait_for(|open| *open).await);
    }

    /// Whether a message has the words that are picked.
    fn is_picked(&self, message: &[u8]) -> bool {
        let mut picked = self.picked.lock().expect("nobody panics");
        let Some((words, then)) = *picked else {
            return false;
        };
        let mut parts = message.windows(words.len());
        let has_them = parts.any(|part| part == words.as_bytes());
        if has_them && then == Then::Silence {
            *picked = None;
            self.open.send_replace(false);
        }
        has_them
    }

    /// How the connection ends at this commit, where its transaction was picked.
    fn cut_as_picked(&self) -> Option<Then> {
        let mut picked = self.picked.lock().expect("nobody panics");
        let (_, then) = picked.take_if(|(_, then)| *then != Then::Silence)?;
        self.cut.fetch_add(1, Ordering::Relaxed);
        self.open.send_replace(then != Then::CutAndSilence);
        Some(then)
    }

    /// `Some`: the connection ends behind this commit.
    fn cut_by_chance(&self) -> Option<bool> {
        let mut cuts = self.cuts.lock().expect("nobody panics");
        let likelihood = cuts.0;
        cuts.1.random_bool(likelihood).then(|| {
            self.cut.fetch_add(1, Ordering::Relaxed);
            cuts.1.random_bool(0.7)
        })
    }
}

/// A whole message as it stands on the wire; `None`: there is none any more. All but the first have a
/// letter before their length.
async fn message(from: &mut (impl AsyncReadExt + Unpin), is_first: bool) -> Option<Vec<u8>> {
    let letters = usize::from(!is_first);
    let mut message = vec![0; letters + 4];
    from.read_exact(&mut message).await.ok()?;
    let length = u32::from_be_bytes(message[letters..].try_into().ok()?);
    message.resize(letters + usize::try_from(length).ok()?, 0);
    from.read_exact(&mut message[letters + 4..]).await.ok()?;
    Some(message)
}

/// What a client has told its server so far.
#[derive(Default)]
struct Session {
    in_transaction: bool,
    /// The names of prepared statements that write several tables at once.
    batches: HashSet<Vec<u8>>,
    runs_batch: bool,
}

impl Session {
    /// Whether the server commits when it has read this message: a COMMIT, or the end of a batch
    /// that is a transaction of its own.
    fn commits(&mut self, message: &[u8]) -> bool {
        let text = message.get(5..).unwrap_or_default();
        let mut words = text.split(|byte| *byte == 0);
        match message.first() {
            Some(b'Q') => {
                self.in_transaction = text.starts_with(b"BEGIN");
                text.starts_with(b"COMMIT")
            }
            Some(b'P') => {
                let (name, sql) = (words.next(), words.next());
                if sql.is_some_and(|sql| sql.starts_with(b"WITH p0 AS (")) {
                    self.batches.extend(name.map(<[u8]>::to_vec));
                }
                false
            }
            Some(b'B') => {
                self.runs_batch = words.nth(1).is_some_and(|name| self.batches.contains(name));
                false
            }
            Some(b'S') => mem::take(&mut self.runs_batch) && !self.in_transaction,
            _ => false,
        }
    }
}

fn asks_for_tls(first: &[u8]) -> bool {
    first.get(4..8) == Some(&SSL_REQUEST.to_be_bytes())
}
