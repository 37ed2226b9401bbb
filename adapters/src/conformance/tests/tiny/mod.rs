//! A vendor of two steps that obeys every law, unless it is given a defect.

mod code;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::callback::{Acknowledgement, Callbacks, Proof};
use crate::conformance::Fixtures;
use crate::contract::{
    Ambiguity, Auth, Escape, Method, Piece, Policy, Reference, TokenAuth, Vendor,
};
use code::Tiny;

/// What is wrong with the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    None,
    StepNobodySees,
    OtherReason,
    MoodyMeaning,
    RelativePath,
    PersonalPath,
    PersonalQuery,
    OwnAuthorization,
    UnnamedHole,
    LiteralAuth,
    AnythingIsAToken,
    LiteralTokenClient,
    PastedText,
    SplitHeader,
    PersonalMemo,
    UnknownStep,
    NoReference,
    NamelessCallbacks,
    MissedUnderOtherName,
    MissedTooLate,
    NotMissed,
    ZipForgotten,
    ZipDroppedAndUsed,
    TooManyTurns,
    BackToTheStart,
    ServerErrorRefuses,
    ServerErrorPlaces,
    AnyCreatedPlaces,
    AnyIdPlaces,
    ProxyPageIsAbsence,
    ServerErrorIsAbsence,
    UnknownResultPasses,
    MissingPartialPasses,
    PartialUnread,
    UnknownStatusCancels,
    UnknownStatusFails,
    UnknownStatusRefuses,
    UnknownStatusHidden,
    PanicsOnOddBytes,
    ReaderPanicsOnOddBytes,
    OtherProofHeader,
    StaleBelieved,
    HintBelieved,
    MoodyReader,
}

/// Each defect with the law that it breaks.
pub(super) const DEFECTS: &[(&str, Defect)] = &[
    ("complete_fixtures", Defect::StepNobodySees),
    ("golden", Defect::OtherReason),
    ("deterministic", Defect::MoodyMeaning),
    ("path", Defect::RelativePath),
    ("path", Defect::PersonalPath),
    ("path", Defect::PersonalQuery),
    ("secrets", Defect::OwnAuthorization),
    ("secrets", Defect::UnnamedHole),
    ("secrets", Defect::LiteralAuth),
    ("secrets", Defect::AnythingIsAToken),
    ("secrets", Defect::LiteralTokenClient),
    ("one_value", Defect::PastedText),
    ("one_value", Defect::SplitHeader),
    ("memo", Defect::PersonalMemo),
    ("memo", Defect::UnknownStep),
    ("reference", Defect::NoReference),
    ("reference", Defect::NamelessCallbacks),
    ("required", Defect::MissedUnderOtherName),
    ("required", Defect::MissedTooLate),
    ("required", Defect::NotMissed),
    ("used_or_dropped", Defect::ZipForgotten),
    ("used_or_dropped", Defect::ZipDroppedAndUsed),
    ("turns", Defect::TooManyTurns),
    ("turns", Defect::BackToTheStart),
    ("unmapped", Defect::ServerErrorRefuses),
    ("unmapped", Defect::ServerErrorPlaces),
    ("positive_sign", Defect::AnyCreatedPlaces),
    ("positive_sign", Defect::AnyIdPlaces),
    ("absence", Defect::ProxyPageIsAbsence),
    ("absence", Defect::ServerErrorIsAbsence),
    ("false_pass", Defect::UnknownResultPasses),
    ("false_pass", Defect::MissingPartialPasses),
    ("false_pass", Defect::PartialUnread),
    ("unknown_words", Defect::UnknownStatusCancels),
    ("unknown_words", Defect::UnknownStatusFails),
    ("unknown_words", Defect::UnknownStatusRefuses),
    ("unknown_words", Defect::UnknownStatusHidden),
    ("survives", Defect::PanicsOnOddBytes),
    ("survives", Defect::ReaderPanicsOnOddBytes),
    ("proof", Defect::OtherProofHeader),
    ("proof", Defect::StaleBelieved),
    ("hint", Defect::HintBelieved),
    ("pure_reading", Defect::MoodyReader),
];

/// The vendor's fixtures. `vendor.toml` comes first.
pub(super) const FIXTURES: &[(&str, &str)] = &[
    ("vendor.toml", include_str!("vendor.toml")),
    ("place.toml", include_str!("place.toml")),
    ("fetch.toml", include_str!("fetch.toml")),
    ("cancel.toml", include_str!("cancel.toml")),
    ("callbacks.toml", include_str!("callbacks.toml")),
];

pub(super) fn fixtures() -> Fixtures {
    Fixtures::parse(FIXTURES).unwrap()
}

pub(super) fn vendor(defect: Defect) -> Vendor {
    let tiny = Arc::new(Tiny {
        defect,
        calls: AtomicUsize::new(0),
    });
    let has = |other| defect == other;
    let when = |other, text: &str| has(other).then(|| text.to_owned());
    let steps = ["person".to_owned(), "order".to_owned()].into_iter();
    let key = match has(Defect::LiteralAuth) || has(Defect::LiteralTokenClient) {
        true => Piece::text("sk_live_1"),
        false => Piece::Secret {
            name: "api_key".into(),
            escape: Escape::None,
        },
    };
    let dropped = when(Defect::ZipDroppedAndUsed, "applicant.zip")
        .or(when(Defect::NamelessCallbacks, "reference"));
    Vendor {
        name: "tiny".into(),
        title: "Tiny".into(),
        settings: Vec::new(),
        credentials: vec!["api_key".into(), "webhook_secret".into()],
        auth: match defect {
            Defect::AnythingIsAToken | Defect::LiteralTokenClient => Auth::Token(TokenAuth {
                header: "authorization".into(),
                prefix: "Bearer ".into(),
                client: Box::new(Auth::Basic {
                    user: vec![key],
                    password: Vec::new(),
                }),
                default_lifetime: Duration::from_secs(3600),
                renew_before: Duration::from_secs(60),
                fetch: tiny.clone(),
            }),
            _ => Auth::Basic {
                user: vec![key],
                password: Vec::new(),
            },
        },
        policy: policy(defect),
        sandbox: false,
        dropped: ["order.placed_at".to_owned()]
            .into_iter()
            .chain(dropped)
            .collect(),
        placing_steps: steps
            .chain(when(Defect::StepNobodySees, "consent"))
            .collect(),
        place: tiny.clone(),
        list: None,
        fetch: Some(tiny.clone()),
        own_words: Vec::new(),
        samples: Vec::new(),
        finds_by_person: false,
        finds_ours: true,
        fetch_many: None,
        cancel: Some(tiny.clone()),
        report: None,
        verify: None,
        callbacks: Some(callbacks(defect, tiny)),
    }
}

fn policy(defect: Defect) -> Policy {
    Policy {
        reference: Reference {
            alphabet: "abcdefghijklmnopqrstuvwxyz".into(),
            length: 20,
        },
        ambiguity: match defect {
            Defect::NamelessCallbacks => Ambiguity::WaitForCallback(Duration::from_secs(60)),
            _ => Ambiguity::LookUp,
        },
        absent_after: Duration::from_secs(60),
        look_first: Duration::from_secs(60),
        look_at_most: Duration::from_secs(3_600),
        reopens_for: None,
        most_turns: match defect {
            Defect::TooManyTurns => 1,
            _ => 3,
        },
    }
}

fn callbacks(defect: Defect, reader: Arc<Tiny>) -> Callbacks {
    let header = match defect {
        Defect::OtherProofHeader => "x-other",
        _ => "x-signature",
    };
    let hours = match defect {
        Defect::StaleBelieved => 100,
        _ => 1,
    };
    Callbacks {
        methods: vec![Method::Post],
        cap: 10_000,
        proof: match defect {
            Defect::HintBelieved => Proof::Hint,
            _ => Proof::HmacTimestamped {
                header: header.into(),
                secret: "webhook_secret".into(),
                tolerance: Duration::from_secs(hours * 3_600),
            },
        },
        challenge: None,
        accepted: Acknowledgement {
            status: 200,
            mime: None,
            body: String::new(),
        },
        reader,
    }
}
