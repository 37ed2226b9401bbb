//! Lists: a bare array, and the way to its other pages in a header (TazWorks, section 2, "Paging").

use serde_json::Value;

use super::{Answer, invalid};
use crate::simulator::{Arrived, Response};

/// How many items a page has by default.
const USUAL_SIZE: usize = 30;

/// The largest size seen in use. What a larger one does is not documented; here it is refused, so
/// that nobody comes to rely on it.
const LARGEST_SIZE: usize = 100;

/// The page of `all` that the request asks for. The first one is 0.
pub(super) fn page(request: &Arrived, all: Vec<Value>) -> Answer {
    let number = number(request, "page", 0)?;
    let size = self::number(request, "size", USUAL_SIZE)?;
    if !(1..=LARGEST_SIZE).contains(&size) {
        return Err(invalid("size is out of range"));
    }
    let last = all.len().div_ceil(size).saturating_sub(1);
    let start = number.saturating_mul(size);
    let items: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    let list = Response::json(200, &Value::Array(items));
    Ok(list.with_header("Link", links(request.path(), number, last, size)))
}

/// The header is empty where there is one page, and lacks `next` on the last. Its URLs have no
/// scheme.
fn links(path: &str, number: usize, last: usize, size: usize) -> String {
    if last == 0 {
        return String::new();
    }
    let link = |page: usize, rel: &str| {
        format!("<api-sandbox.instascreen.net{path}?page={page}&size={size}>; rel=\"{rel}\"")
    };
    let mut links = Vec::new();
    if number < last {
        links.push(link(number + 1, "next"));
    }
    links.push(link(last, "last"));
    links.join(", ")
}

fn number(request: &Arrived, name: &str, usual: usize) -> Result<usize, Response> {
    let number = request.number(name, usual);
    number.ok_or_else(|| invalid(&format!("{name} is not a number")))
}
