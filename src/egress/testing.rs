//! The cast of the scenarios, all on real sockets of the loopback network.
//!
//! - [`NameServer`] answers A and AAAA questions over UDP as it is told, turn by turn, and keeps the
//!   names it was asked for.
//! - [`Receiver`] takes connections on an address of 127/8, counts them, keeps each request as it
//!   came, and answers with the bytes it is told. A receiver that must not be called stands on
//!   127.0.0.2, on the same port as the one that may be, which stands on 127.0.0.1.
//! - [`authority`] makes a certificate authority of its own for the receivers that speak TLS.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What a name server says about one name.
pub(super) enum Answer {
    /// These addresses, which may be kept for no time at all.
    Addresses(Vec<IpAddr>),
    /// This address, and silence to whoever asks for IPv6.
    OnlyIpv4(Ipv4Addr),
    Alias(&'static str),
    NoSuchName,
    Silence,
}

/// Addresses from their texts.
pub(super) fn at(addresses: &str) -> Answer {
    let addresses = addresses.split_whitespace();
    Answer::Addresses(addresses.map(|it| it.parse().unwrap()).collect())
}

pub(super) struct NameServer {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
    _task: JoinSet<()>,
}

/// How often a name was asked for, by kind of address.
type Asked = HashMap<(String, RecordType), usize>;

impl NameServer {
    /// `answer` gets the name and how often it was asked before.
    pub(super) async fn start(
        answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::<Mutex<Asked>>::default();
        let mut task = JoinSet::new();
        task.spawn(serve_names(socket, answer, Arc::clone(&asked)));
        Self {
            address,
            asked,
            _task: task,
        }
    }

    /// How often the addresses of one kind were asked for, whatever the name.
    pub(super) fn questions(&self, kind: RecordType) -> usize {
        let asked = self.asked.lock().unwrap();
        let counts = asked.iter().filter(|((_, of), _)| *of == kind);
        counts.map(|(_, count)| count).sum()
    }

    /// Every name that was asked for, once each.
    pub(super) fn names_asked(&self) -> HashSet<String> {
        let asked = self.asked.lock().unwrap();
        asked.keys().map(|(name, _)| name.clone()).collect()
    }
}

async fn serve_names(
    socket: UdpSocket,
    answer: impl Fn(&str, usize) -> Answer + Send,
    asked: Arc<Mutex<Asked>>,
) {
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let query = &question.queries[0];
        let name = query.name().to_ascii().trim_end_matches('.').to_owned();
        let turn = {
            let mut asked = asked.lock().unwrap();
            let turn = asked.entry((name.clone(), query.query_type())).or_default();
            std::mem::replace(turn, *turn + 1)
        };
        if let Some(reply) = reply(&question, answer(&name, turn)) {
            let reply = reply.to_vec().unwrap();
            socket.send_to(&reply, from).await.unwrap();
        }
    }
}

fn reply(question: &Message, answer: Answer) -> Option<Message> {
    let query = question.queries[0].clone();
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_available = true;
    let record = |data| Record::from_rdata(query.name().clone(), 0, data);
    match answer {
        Answer::Silence => return None,
        Answer::OnlyIpv4(_) if query.query_type() == RecordType::AAAA => return None,
        Answer::OnlyIpv4(address) => {
            reply.add_answer(record(RData::A(A(address))));
        }
        Answer::NoSuchName => reply.metadata.response_code = ResponseCode::NXDomain,
        Answer::Alias(name) => {
            let name = Name::from_ascii(format!("{name}.")).unwrap();
            reply.add_answer(record(RData::CNAME(CNAME(name))));
        }
        Answer::Addresses(addresses) => {
            let data = addresses.into_iter().map(RData::from);
            let fitting = data.filter(|data| data.record_type() == query.query_type());
            reply.add_answers(fitting.map(record));
        }
    }
    reply.add_query(query);
    Some(reply)
}

/// What a receiver does with the connection once its bytes are written.
#[derive(Clone, Copy)]
pub(super) enum Then {
    /// Waits for the next request.
    Keep,
    Close,
    /// Closes when the receiver is told to hang up.
    CloseWhenTold,
    /// Holds the connection and says nothing more.
    Hang,
    /// Writes until nobody reads.
    Pour,
}

type Script = Arc<dyn Fn(usize) -> (Vec<u8>, Then) + Send + Sync>;

#[derive(Default)]
struct Seen {
    connects: AtomicUsize,
    requests: Mutex<Vec<String>>,
    told: Notify,
    closed: Notify,
}

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    _task: JoinSet<()>,
}

impl Receiver {
    /// Answers every request on 127.0.0.1 with `head` and no body, and keeps the connection.
    pub(super) async fn answering(head: &'static str) -> Self {
        Self::scripted("127.0.0.1:0", move |_| (answer(head), Then::Keep)).await
    }

    /// A receiver beside `other`, on 127.0.0.2 and the same port.
    pub(super) async fn inside(other: &Self) -> Self {
        let address = format!("127.0.0.2:{}", other.address.port());
        Self::scripted(&address, |_| (answer("200 OK"), Then::Keep)).await
    }

    /// `script` gets the number of requests that came before.
    pub(super) async fn scripted(
        address: &str,
        script: impl Fn(usize) -> (Vec<u8>, Then) + Send + Sync + 'static,
    ) -> Self {
        Self::start(address, Arc::new(script), None).await
    }

    /// Answers 200 over TLS with a certificate for `name`.
    pub(super) async fn tls(name: &str, authority: &Authority) -> Self {
        let script = Arc::new(|_| (answer("200 OK"), Then::Keep));
        Self::start("127.0.0.1:0", script, Some(authority.acceptor(name))).await
    }

    async fn start(address: &str, script: Script, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let mut task = JoinSet::new();
        task.spawn(accept(listener, tls, script, Arc::clone(&seen)));
        Self {
            address,
            seen,
            _task: task,
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn connects(&self) -> usize {
        self.seen.connects.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Ends the connection that waits to be told so.
    pub(super) async fn hang_up(&self) {
        self.seen.told.notify_one();
        self.closed().await;
    }

    /// Waits until a connection has ended, on whichever side.
    pub(super) async fn closed(&self) {
        self.seen.closed.notified().await;
    }
}

/// A response without a body.
pub(super) fn answer(head: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, script: Script, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        seen.connects.fetch_add(1, Ordering::SeqCst);
        let (script, seen, tls) = (Arc::clone(&script), Arc::clone(&seen), tls.clone());
        connections.spawn(async move {
            match tls {
                None => serve(stream, &script, &seen).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &script, &seen).await;
                    }
                }
            }
            seen.closed.notify_one();
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: &Script, seen: &Seen) {
    while let Some(request) = read_request(&mut stream).await {
        let turn = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let (bytes, then) = script(turn);
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        match then {
            Then::Keep => {}
            Then::Close => return,
            Then::CloseWhenTold => return seen.told.notified().await,
            Then::Hang => std::future::pending().await,
            Then::Pour => while stream.write_all(&[b'x'; 8192]).await.is_ok() {},
        }
    }
}

/// The next request with its body; `None` where the connection ends first.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?.into());
    }
    let length = request
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(request + &String::from_utf8(body).unwrap())
}

/// A certificate authority that nobody else trusts.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
}

impl Authority {
    /// Client settings that trust this authority alone.
    pub(super) fn trusted(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config).into()
    }
}
