//! Certificates: a vendor is who it says it is, or hears nothing.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use cleargate::vendors::{Flaw, Obstacle};

use super::peer::Peer;
use super::{Desk, ONCE, STATIC, Sent, answered, never};
use crate::support::pem;

/// A certificate authority, and a folder with what settings refer to.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key.
struct Pair(CertificateDer<'static>, KeyPair);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("ca"), pem("CERTIFICATE", issuer.der())).unwrap();
        Self { issuer, folder }
    }

    fn issues(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair(certificate.der().clone(), key)
    }

    /// A desk that trusts this authority and nobody else.
    fn desk(&self, peer: &Peer, more: &str) -> Desk {
        let folder = self.folder.path().display();
        let calls = format!("authorities = \"file:{folder}/ca\"\n{more}");
        Desk::with(&https(peer), STATIC, &calls, Duration::from_secs(5))
    }
}

fn https(peer: &Peer) -> String {
    format!("https://{}", peer.addr)
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

async fn serves(pair: Pair, clients: Option<&Authority>) -> Peer {
    let Pair(certificate, key) = pair;
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = match clients {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
            ServerConfig::builder().with_client_cert_verifier(verifier.unwrap())
        }
    };
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    Peer::tls(TlsAcceptor::from(Arc::new(config))).await
}

#[tokio::test]
async fn a_good_certificate_of_a_trusted_authority_is_believed() {
    let authority = Authority::new();
    let peer = serves(authority.issues(named("127.0.0.1")), None).await;
    answered(authority.desk(&peer, "").send(ONCE).await);
}

#[tokio::test]
async fn a_certificate_that_is_not_the_vendors_gets_not_a_byte() {
    let authority = Authority::new();
    let mut expired = named("127.0.0.1");
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let key = KeyPair::generate().unwrap();
    let own = named("127.0.0.1").self_signed(&key).unwrap();
    let mut early = named("127.0.0.1");
    early.not_before = date_time_ymd(2200, 1, 1);
    early.not_after = date_time_ymd(2201, 1, 1);
    for (what, flaw, pair) in [
        ("expired", Flaw::Expired, authority.issues(expired)),
        ("not valid yet", Flaw::NotYet, authority.issues(early)),
        (
            "another's name",
            Flaw::Name,
            authority.issues(named("vendor.example")),
        ),
        ("self-signed", Flaw::Authority, Pair(own.der().clone(), key)),
        (
            "another authority's",
            Flaw::Authority,
            Authority::new().issues(named("127.0.0.1")),
        ),
    ] {
        let peer = serves(pair, None).await;
        let Sent::Never(unsent) = authority.desk(&peer, "").send(ONCE).await else {
            panic!("{what}: a byte may have left");
        };
        assert!(
            unsent.why.starts_with("cannot connect"),
            "{what}: {}",
            unsent.why
        );
        assert_eq!(
            unsent.obstacle,
            Obstacle::Certificate(flaw),
            "{what}: {}",
            unsent.why
        );
        assert_eq!(peer.count("/"), 0, "{what}");
    }
}

#[tokio::test]
async fn an_authority_that_only_we_made_is_not_believed_by_default() {
    let authority = Authority::new();
    let peer = serves(authority.issues(named("127.0.0.1")), None).await;
    let desk = Desk::with(&https(&peer), STATIC, "", Duration::from_secs(5));
    never(desk.send(ONCE).await);
    assert_eq!(peer.count("/"), 0);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_vendor_that_asks_for_one() {
    let authority = Authority::new();
    let Pair(certificate, key) = authority.issues(named("gateway.example"));
    let folder = authority.folder.path();
    std::fs::write(folder.join("cert"), pem("CERTIFICATE", &certificate)).unwrap();
    std::fs::write(folder.join("key"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    let folder = folder.display();
    let settings =
        format!("client_certificate = \"file:{folder}/cert\"\nclient_key = \"file:{folder}/key\"");
    let peer = serves(authority.issues(named("127.0.0.1")), Some(&authority)).await;
    answered(authority.desk(&peer, &settings).send(ONCE).await);
    let without = authority.desk(&peer, "").send(ONCE).await;
    assert!(!matches!(without, Sent::Answered(_)));
    assert_eq!(peer.count("/"), 1);
}
