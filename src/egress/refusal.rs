//! Why a webhook URL is not called, in sentences for the tenant who gave it.

use super::judge::Rule;
use super::resolve::MAX_ADDRESSES;
use super::shape::MAX_LENGTH;

/// The rule that a webhook URL breaks.
///
/// `Display` is a sentence for the tenant: it names the rule and what would be right, but never an
/// address that a name resolved to (that would let strangers map our network) and never the path
/// (it may hold a secret). It fits behind "the webhook URL was refused: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Over [`MAX_LENGTH`] characters, as given or as the parser writes it.
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// Control characters, which the parser would drop silently.
    #[error("it contains a control character, such as a tab or a line break; remove it")]
    ControlCharacter,
    /// Not an absolute URL, for this reason.
    #[error("it is not an absolute URL ({0}); write it as https://host/path")]
    NotAUrl(String),
    /// Neither https, nor http where the operator allows it.
    #[error("it does not begin with https://")]
    Scheme,
    /// A user name or password before the host.
    #[error("it carries a user name or password; take out what stands before the @")]
    UserInfo,
    /// A fragment, which is never sent to a server.
    #[error("it has a fragment; take out the # and what follows")]
    Fragment,
    /// No host at all.
    #[error("it names no host")]
    EmptyHost,
    /// A host that is not made of DNS labels.
    #[error(
        "its host is not a plain DNS name: labels of letters, digits, hyphens and underscores, \
         none empty, so no dot at the end"
    )]
    HostForm,
    /// A host without a dot.
    #[error("its host has no dot; give the full domain name")]
    SingleLabel,
    /// A top-level domain that is reserved or means a private network.
    #[error("its host ends in a name that is not part of the public internet")]
    ReservedName,
    /// An IP address where a name belongs.
    #[error("its host is an IP address; give a domain name")]
    IpLiteral,
    /// One of our own host names.
    #[error("its host is this gateway itself")]
    OwnHost,
    /// Not in the tenant's own list of hosts.
    #[error("its host is not in the list of webhook hosts of this account")]
    NotListed,
    /// A port beside the usual ones.
    #[error("port {0} is not allowed; use 443 or 8443, or ask for this port to be allowed")]
    Port(u16),
    /// An address of the host, refused by the judge.
    #[error("its host has an address that is not called: {0}")]
    Address(Rule),
    /// More addresses than we are willing to judge.
    #[error("its host has more than {MAX_ADDRESSES} addresses")]
    TooManyAddresses,
}

impl Refusal {
    /// The stable name of the rule, for logs, metrics and stored reasons.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NotAUrl(_) => "not_a_url",
            Self::Scheme => "scheme",
            Self::UserInfo => "user_info",
            Self::Fragment => "fragment",
            Self::EmptyHost => "empty_host",
            Self::HostForm => "host_form",
            Self::SingleLabel => "single_label",
            Self::ReservedName => "reserved_name",
            Self::IpLiteral => "ip_literal",
            Self::OwnHost => "own_host",
            Self::NotListed => "not_listed",
            Self::Port(_) => "port",
            Self::Address(_) => "address",
            Self::TooManyAddresses => "too_many_addresses",
        }
    }
}
