//! Any bytes as a callback: read as one that was proved, and held against its proof without the
//! secret. The first byte chooses the vendor, the second how much of the rest is a header.
#![no_main]

use adapters::callback::{Incoming, Proof, Says, Verified, verify};
use adapters::contract::Context;
use adapters::vocabulary::Private;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [vendor, split, rest @ ..] = data else {
        return;
    };
    let vendor = fuzz::vendor(*vendor);
    let Some(callbacks) = &vendor.callbacks else {
        return;
    };
    let settings = fuzz::settings(&vendor);
    let cx = Context {
        settings: &settings,
        key: "",
        base_url: "https://vendor.example",
    };
    let (header, body) = rest.split_at(usize::from(*split).min(rest.len()));
    let is_hint = callbacks.proof == Proof::Hint;

    let value = String::from_utf8_lossy(header).into_owned();
    let headers = [
        "authorization",
        "x-signature",
        "x-checkr-signature",
        "x-sandbox-signature",
    ]
    .map(|name| (name.to_owned(), value.clone()));
    let incoming = Incoming {
        method: "POST",
        headers: &headers,
        query: &[],
        body,
    };
    let secrets = |_: &str| vec![Private::from("nobody sends 7f2c9a4be1d05386 by chance")];
    let believed = verify(&callbacks.proof, &incoming, &secrets, 1_769_940_002_000);
    assert!(is_hint || believed.is_err(), "believed without the secret");

    if let Ok(notes) = callbacks.reader.read(Verified::kept(body), &cx) {
        for note in notes {
            assert!(!is_hint || note.says == Says::Look, "a hint that says more");
        }
    }
});
