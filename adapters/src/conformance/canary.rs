//! The order that every law places: made-up values that occur nowhere else, so that each can be
//! recognised wherever it should not be.

use percent_encoding::percent_decode_str;

use crate::vocabulary::{Applicant, HiringManager, Millis, Order, Private, PrivateText};

/// The idempotency key of every step.
pub const KEY: &str = "0f6a2f0e-7c5c-4a0e-9b1b-3a7c1d2e5f60";
/// Where callbacks go.
pub const CALLBACK_URL: &str = "https://gateway.example/callbacks/conformance/canary";
/// The base URL where `vendor.toml` gives none.
pub const BASE_URL: &str = "https://vendor.example";
/// When the order was placed: 2026-01-02T03:04:05Z.
pub const PLACED_AT: Millis = 1_767_323_045_000;

/// Each text of the order: its path, its value, and another value that is as good.
pub const TEXTS: &[(&str, &str, &str)] = &[
    ("order.package", "PKG-CANARY", "PKG-OTHER"),
    ("applicant.id", "7700101", "7700909"),
    ("applicant.first_name", "Quilla", "Ottoline"),
    ("applicant.last_name", "Zephyrine", "Marchbanks"),
    ("applicant.phone", "415-555-0134", "212-555-0187"),
    (
        "applicant.email",
        "quilla.zephyrine@mailhost.test",
        "ottoline.marchbanks@mailhost.test",
    ),
    ("applicant.address", "4711 Kestrel Row", "99 Plover Lane"),
    ("applicant.address_2", "Apt. 9C", "Suite 12"),
    ("applicant.city", "Springfield", "Sacramento"),
    ("applicant.state", "IL", "CA"),
    ("applicant.zip", "62704", "94203"),
    ("hiring_manager.id", "7700202", "7700808"),
    ("hiring_manager.first_name", "Orsolya", "Benedikt"),
    ("hiring_manager.last_name", "Winterbourne", "Castellan"),
    (
        "hiring_manager.email",
        "orsolya.winterbourne@employer.test",
        "benedikt.castellan@employer.test",
    ),
    ("job.id", "7700303", "7700707"),
];

/// The order: every text of [`TEXTS`], no add-ons, placed at [`PLACED_AT`].
pub fn order() -> Order {
    let mut order = Order {
        package: String::new(),
        add_ons: Vec::new(),
        applicant: Applicant::default(),
        hiring_manager: HiringManager::default(),
        job_id: None,
        placed_at: PLACED_AT,
    };
    for (path, value, _) in TEXTS {
        set(&mut order, path, &[(*value).to_owned()]);
    }
    order
}

/// Sets the field at `path` to `values`: one text, or the list of add-ons. An empty text takes it
/// away.
pub(super) fn set(order: &mut Order, path: &str, values: &[String]) {
    let first = values.first().cloned().filter(|value| !value.is_empty());
    match path {
        "order.package" => order.package = first.unwrap_or_default(),
        "order.add_ons" => order.add_ons = values.to_vec(),
        "job.id" => order.job_id = first,
        _ => {
            if let Some(slot) = private(order, path) {
                *slot = first.map(Private::new);
            }
        }
    }
}

fn private<'a>(order: &'a mut Order, path: &str) -> Option<&'a mut PrivateText> {
    let (applicant, manager) = (&mut order.applicant, &mut order.hiring_manager);
    Some(match path {
        "applicant.id" => &mut applicant.id,
        "applicant.first_name" => &mut applicant.first_name,
        "applicant.last_name" => &mut applicant.last_name,
        "applicant.phone" => &mut applicant.phone,
        "applicant.email" => &mut applicant.email,
        "applicant.address" => &mut applicant.address,
        "applicant.address_2" => &mut applicant.address_2,
        "applicant.city" => &mut applicant.city,
        "applicant.state" => &mut applicant.state,
        "applicant.zip" => &mut applicant.zip,
        "hiring_manager.id" => &mut manager.id,
        "hiring_manager.first_name" => &mut manager.first_name,
        "hiring_manager.last_name" => &mut manager.last_name,
        "hiring_manager.email" => &mut manager.email,
        _ => return None,
    })
}

/// The order with another value at `path`, as good as the one that was there.
pub(super) fn varied(order: &Order, path: &str) -> Order {
    let mut varied = order.clone();
    match path {
        "order.placed_at" => varied.placed_at += 86_400_000,
        "order.add_ons" => varied.add_ons.push("ADD-ON-OTHER".to_owned()),
        _ => {
            let known = TEXTS.iter().find(|(known, ..)| *known == path);
            if let Some((_, value, other)) = known {
                let is_other = order.text(path) == Some(other);
                let to = if is_other { value } else { other };
                set(&mut varied, path, &[(*to).to_owned()]);
            }
        }
    }
    varied
}

/// The paths of personal fields whose value occurs in `text`, also percent-encoded, in another
/// case or, for the phone, written otherwise.
pub(super) fn personal_in(order: &Order, text: &str) -> Vec<&'static str> {
    let decoded = percent_decode_str(text).decode_utf8_lossy().to_lowercase();
    let digits = digits_of(&decoded);
    let occurs = |path: &&&str| {
        let Some(value) = order.text(path) else {
            return false;
        };
        // Shorter ones (a state) point at nobody and occur everywhere.
        let long_enough = value.chars().count() >= 4;
        let as_phone = **path == "applicant.phone" && digits.contains(&digits_of(value));
        long_enough && (decoded.contains(&value.to_lowercase()) || as_phone)
    };
    Order::FIELDS
        .iter()
        .filter(|path| path.starts_with("applicant.") || path.starts_with("hiring_manager."))
        .filter(occurs)
        .copied()
        .collect()
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canary_has_every_canonical_field_and_can_vary_each() {
        let order = order();
        for path in Order::FIELDS {
            let varied = varied(&order, path);
            match *path {
                "order.add_ons" => assert_ne!(varied.add_ons, order.add_ons),
                "order.placed_at" => assert_ne!(varied.placed_at, order.placed_at),
                _ => {
                    assert!(order.text(path).is_some(), "{path}");
                    assert_ne!(varied.text(path), order.text(path), "{path}");
                }
            }
        }
    }

    #[test]
    fn a_canary_is_found_encoded_and_rewritten() {
        let found = |text: &str| personal_in(&order(), text);
        assert_eq!(
            found("/people/quilla.zephyrine%40mailhost.test"),
            [
                "applicant.first_name",
                "applicant.last_name",
                "applicant.email"
            ]
        );
        assert_eq!(found("/phones/+1(415)5550134"), ["applicant.phone"]);
        assert!(found("/files/1").is_empty());
    }
}
