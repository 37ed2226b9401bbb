//! Any text as a webhook URL: what is accepted can only lead to a public name.
#![no_main]

use cleargate::egress::Shape;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let shape = Shape::default();
    let Ok(accepted) = shape.check(text) else {
        return;
    };
    let url = accepted.as_url();
    assert_eq!(url.scheme(), "https");
    assert!(url.username().is_empty() && url.password().is_none());
    assert!([443, 8443].contains(&accepted.port()));
    let host = accepted.host().to_string();
    assert!(
        host.parse::<std::net::IpAddr>().is_err(),
        "an address: {host}"
    );
    assert!(host.contains('.') && !host.ends_with("localhost") && !host.contains(['%', '@', '\\']));
    let again = shape
        .check(accepted.expose())
        .expect("it is accepted again");
    assert_eq!(again.as_url(), url);
});
