//! JSON as strictly as it can be read: each member once, and no deeper than anybody needs.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::BadOrder;

/// How deep the JSON may be nested; the contract needs two.
const DEEPEST: usize = 16;

/// Parses JSON in which no object has a member twice: what a second reader would take differently
/// is refused, not guessed at.
pub(super) fn strict_json(body: &[u8]) -> Result<Value, BadOrder> {
    let text =
        std::str::from_utf8(body).map_err(|_| BadOrder::body("The body is not UTF-8 text."))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict(DEEPEST)
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                BadOrder::body(format!("The body is not an order: {error}."))
            }
            _ => BadOrder::body(format!(
                "The body is not JSON (line {}, column {}).",
                error.line(),
                error.column()
            )),
        })?;
    Ok(value)
}

/// Reads any JSON value, refusing duplicate members and more than so many levels.
struct Strict(usize);

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(levels) => Ok(Self(levels)),
            None => Err(E::custom(format_args!(
                "it is nested deeper than {DEEPEST} levels"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(self.deeper()?)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a member stands in it twice"));
            }
        }
        Ok(Value::Object(object))
    }
}
