//! Sealing at rest and signing, all under `security.key`.
//!
//! Every sealed value begins with the id of its key, so that a new key can be brought in while old
//! rows are still readable. What a value is for is bound into it: a sealed order cannot be put in
//! the place of a sealed credential, nor one row's value into another row.

use adapters::vocabulary::Private;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const KEY_ID_LEN: usize = 4;
const NONCE_LEN: usize = 24;
const SIGNER_LEN: usize = 32;

/// How a security key begins, so that one is recognised where it lies about.
const KEY_PREFIX: &str = "cgk_";

/// What a sealed value is for; bound into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Purpose {
    Credentials,
    AtsOrder,
    VendorRequest,
    Callback,
    CallbackToken,
    Report,
    WebhookSecret,
    OldSigners,
    Token,
}

/// Why a sealed value could not be opened or a key not be used.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The text is not a key.
    #[error(
        "security key is not of the form that `cleargate key new` prints ({KEY_PREFIX} and 43 base64url characters)"
    )]
    NotAKey,
    /// The value names a key that was not given.
    #[error("sealed with key {0}, which is neither `security.key` nor in `security.old_keys`")]
    UnknownKey(String),
    /// The value was changed, cut, or belongs elsewhere.
    #[error("the sealed value was changed or does not belong here")]
    Broken,
}

struct Key {
    aead: XChaCha20Poly1305,
    signers: Signers,
}

/// What a key signs with: enough to recognise what was signed, too little to open anything.
struct Signers {
    id: [u8; KEY_ID_LEN],
    fingerprints: Zeroizing<[u8; SIGNER_LEN]>,
    links: Zeroizing<[u8; SIGNER_LEN]>,
}

impl Key {
    fn parse(text: &str) -> Result<Self, SealError> {
        let body = text
            .trim()
            .strip_prefix(KEY_PREFIX)
            .ok_or(SealError::NotAKey)?;
        let bytes = Zeroizing::new(
            URL_SAFE_NO_PAD
                .decode(body)
                .map_err(|_| SealError::NotAKey)?,
        );
        if bytes.len() != 32 {
            return Err(SealError::NotAKey);
        }
        let derive = Hkdf::<Sha256>::new(None, &bytes);
        let subkey = |label: &str| {
            let mut out = Zeroizing::new([0u8; SIGNER_LEN]);
            derive
                .expand(label.as_bytes(), &mut *out)
                .expect("32 bytes are within HKDF's limit");
            out
        };
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&subkey("id")[..KEY_ID_LEN]);
        Ok(Self {
            aead: XChaCha20Poly1305::new((&*subkey("seal")).into()),
            signers: Signers {
                id,
                fingerprints: subkey("fingerprint"),
                links: subkey("link"),
            },
        })
    }
}

impl Signers {
    /// As they are kept.
    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([&self.fingerprints[..], &self.links[..]].concat())
    }

    /// Reads what [`Signers::bytes`] wrote, of the key with that id in hex.
    fn read(id: &str, bytes: &[u8]) -> Option<Self> {
        let part = |bytes: &[u8]| Some(Zeroizing::new(bytes.try_into().ok()?));
        let (fingerprints, links) = bytes.split_at_checked(SIGNER_LEN)?;
        Some(Self {
            id: hex::decode(id).ok()?.try_into().ok()?,
            fingerprints: part(fingerprints)?,
            links: part(links)?,
        })
    }
}

/// The key in use, the older ones whose rows are still about, and what others before them had
/// signed with.
pub struct Keyring {
    current: Key,
    old: Vec<Key>,
    forgotten: Vec<Signers>,
}

impl Keyring {
    /// Reads the keys as `cleargate key new` prints them.
    ///
    /// # Errors
    /// [`SealError::NotAKey`].
    pub fn new(current: &Private<String>, old: &[Private<String>]) -> Result<Self, SealError> {
        Ok(Self {
            current: Key::parse(current.expose())?,
            old: old
                .iter()
                .map(|key| Key::parse(key.expose()))
                .collect::<Result<_, _>>()?,
            forgotten: Vec::new(),
        })
    }

    /// What the old keys sign with, each by its key's id and sealed with the current key: so that
    /// links live on and orders are recognised when the old keys are left out.
    pub fn old_signers(&self) -> Vec<(String, Vec<u8>)> {
        self.old.iter().map(|key| self.keepsake(key)).collect()
    }

    /// The same of the current key.
    pub fn current_signers(&self) -> (String, Vec<u8>) {
        self.keepsake(&self.current)
    }

    fn keepsake(&self, key: &Key) -> (String, Vec<u8>) {
        let id = hex::encode(key.signers.id);
        let sealed = self.seal(Purpose::OldSigners, &id, &key.signers.bytes());
        (id, sealed)
    }

    /// Takes back in what [`Keyring::old_signers`] and [`Keyring::current_signers`] gave.
    ///
    /// # Errors
    /// [`SealError`]: it was sealed with a key that was not given, or changed.
    pub fn remember(&mut self, old: &[(String, Vec<u8>)]) -> Result<(), SealError> {
        for (id, sealed) in old {
            let bytes = self.open(Purpose::OldSigners, id, sealed)?;
            let signers = Signers::read(id, &bytes).ok_or(SealError::Broken)?;
            self.forgotten.push(signers);
        }
        Ok(())
    }

    /// The id of the key in use, in hex.
    pub fn current_id(&self) -> String {
        hex::encode(self.current.signers.id)
    }

    /// The id of the key in use, as the first bytes of what it seals.
    pub fn current_key(&self) -> &[u8] {
        &self.current.signers.id
    }

    /// The ids of all keys given, as the first bytes of what they sealed.
    pub fn knows(&self, key_id: &[u8]) -> bool {
        self.key(key_id).is_some()
    }

    fn key(&self, id: &[u8]) -> Option<&Key> {
        std::iter::once(&self.current)
            .chain(&self.old)
            .find(|key| key.signers.id == id)
    }

    /// What every key signs with that was ever in use, the current one first.
    fn signers(&self) -> impl Iterator<Item = &Signers> {
        let given = std::iter::once(&self.current).chain(&self.old);
        given.map(|key| &key.signers).chain(&self.forgotten)
    }

    /// Seals `plain` for one purpose and one owner (a row's id).
    pub fn seal(&self, purpose: Purpose, owner: &str, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let aad = bound(purpose, owner);
        let sealed = self
            .current
            .aead
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: &aad,
                },
            )
            .expect("XChaCha20-Poly1305 seals any input that fits in memory");
        [self.current_key(), &nonce, &sealed].concat()
    }

    /// Opens what [`Keyring::seal`] made for the same purpose and owner.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] or [`SealError::Broken`].
    pub fn open(
        &self,
        purpose: Purpose,
        owner: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, rest) = sealed
            .split_at_checked(KEY_ID_LEN)
            .ok_or(SealError::Broken)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::Broken)?;
        let key = self
            .key(id)
            .ok_or_else(|| SealError::UnknownKey(hex::encode(id)))?;
        let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Broken)?;
        key.aead
            .decrypt(
                &nonce,
                Payload {
                    msg: body,
                    aad: &bound(purpose, owner),
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| SealError::Broken)
    }

    /// A keyed digest of an order's content, prefixed with its form's version and its key's id, so
    /// that it can be compared after a change of either.
    pub fn fingerprint(&self, content: &[u8]) -> String {
        fingerprint_with(&self.current.signers, content)
    }

    /// A keyed digest that is short and names no key: for telling two values apart, not for
    /// keeping.
    pub fn short_fingerprint(&self, content: &[u8]) -> u64 {
        let mac = mac_with(&self.current.signers, content);
        u64::from_be_bytes(*mac.first_chunk().expect("SHA-256 has 32 bytes"))
    }

    /// True when `stored` is the fingerprint of `content` under the key it names.
    pub fn is_fingerprint_of(&self, stored: &str, content: &[u8]) -> bool {
        let id = stored.split('.').nth(1).and_then(|id| hex::decode(id).ok());
        id.and_then(|id| self.signers().find(|signers| signers.id == id[..]))
            .is_some_and(|signers| fingerprint_with(signers, content) == stored)
    }

    /// The secret that signs report links now.
    pub fn link_secret(&self) -> &[u8] {
        &*self.current.signers.links
    }

    /// Every secret a live report link may be signed with, the current one first.
    pub fn link_secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.signers().map(|signers| &signers.links[..])
    }
}

fn bound(purpose: Purpose, owner: &str) -> Vec<u8> {
    format!("{purpose:?}:{owner}").into_bytes()
}

fn fingerprint_with(signers: &Signers, content: &[u8]) -> String {
    let mac = mac_with(signers, content);
    format!("1.{}.{}", hex::encode(signers.id), hex::encode(mac))
}

fn mac_with(signers: &Signers, content: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*signers.fingerprints)
        .expect("HMAC takes a key of any length");
    mac.update(content);
    mac.finalize().into_bytes().into()
}

/// A new security key, as `cleargate key new` prints it.
pub fn new_key() -> String {
    format!("{KEY_PREFIX}{}", random_text())
}

/// 256 random bits as 43 base64url characters.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// SHA-256 in hex: how API Secrets, callback tokens and callback bodies are looked up.
pub fn digest(bytes: &[u8]) -> hex::Buffer<32> {
    hex::Buffer::new().const_format(&Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::new(&Private::new(new_key()), &[]).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_for_its_purpose_and_owner() {
        let keys = keyring();
        let sealed = keys.seal(Purpose::AtsOrder, "ord_1", b"Jane");
        assert_eq!(
            &*keys.open(Purpose::AtsOrder, "ord_1", &sealed).unwrap(),
            b"Jane"
        );
        assert!(matches!(
            keys.open(Purpose::AtsOrder, "ord_2", &sealed),
            Err(SealError::Broken)
        ));
        assert!(matches!(
            keys.open(Purpose::Callback, "ord_1", &sealed),
            Err(SealError::Broken)
        ));
        assert!(matches!(
            keyring().open(Purpose::AtsOrder, "ord_1", &sealed),
            Err(SealError::UnknownKey(_))
        ));
        assert!(matches!(
            keys.open(Purpose::AtsOrder, "ord_1", &sealed[..9]),
            Err(SealError::Broken)
        ));
    }

    #[test]
    fn an_old_key_still_opens_and_still_recognises_its_fingerprints() {
        let (old, new) = (Private::new(new_key()), Private::new(new_key()));
        let before = Keyring::new(&old, &[]).unwrap();
        let after = Keyring::new(&new, &[old]).unwrap();
        let sealed = before.seal(Purpose::Callback, "c", b"x");
        assert_eq!(&*after.open(Purpose::Callback, "c", &sealed).unwrap(), b"x");
        let print = before.fingerprint(b"content");
        assert!(after.is_fingerprint_of(&print, b"content"));
        assert!(!after.is_fingerprint_of(&print, b"other content"));
        assert_ne!(after.fingerprint(b"content"), print);
    }

    #[test]
    fn what_a_key_had_signed_is_recognised_without_it_and_nothing_else_is() {
        let (old, new) = (Private::new(new_key()), Private::new(new_key()));
        let before = Keyring::new(&old, &[]).unwrap();
        let (print, sealed) = (
            before.fingerprint(b"x"),
            before.seal(Purpose::Report, "o", b"y"),
        );
        let kept = Keyring::new(&new, &[old]).unwrap().old_signers();
        let mut after = Keyring::new(&new, &[]).unwrap();
        assert!(!after.is_fingerprint_of(&print, b"x"));
        after.remember(&kept).unwrap();
        assert!(after.is_fingerprint_of(&print, b"x"));
        assert!(
            after
                .link_secrets()
                .any(|secret| secret == before.link_secret())
        );
        assert!(after.open(Purpose::Report, "o", &sealed).is_err());
        assert!(!after.knows(before.current_key()));
        assert!(matches!(
            keyring().remember(&kept),
            Err(SealError::UnknownKey(_))
        ));
        let moved = [("00000000".to_owned(), kept[0].1.clone())];
        assert!(matches!(after.remember(&moved), Err(SealError::Broken)));
    }

    #[test]
    fn what_key_new_prints_is_a_key_and_other_text_is_not() {
        assert!(Key::parse(&new_key()).is_ok());
        for text in ["", "cgk_", "cgk_AAAA", "secret", &random_text()] {
            assert!(
                matches!(Key::parse(text), Err(SealError::NotAKey)),
                "{text}"
            );
        }
    }
}
