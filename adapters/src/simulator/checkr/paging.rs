//! Lists in pages (Checkr, section 2, "Pagination").

use serde_json::{Value, json};

use super::{Answer, refusal};
use crate::simulator::{Arrived, Response};

/// How many objects a page has by default.
pub(super) const PER_PAGE: usize = 25;

const MOST_PER_PAGE: usize = 100;

/// The page of `all` that the request asks for. What a number out of range does is not documented;
/// here it is refused, so that nobody comes to rely on it.
pub(super) fn page(request: &Arrived, all: Vec<Value>, usual: usize) -> Answer {
    let number = number(request, "page", 1)?;
    let size = self::number(request, "per_page", usual)?;
    if number == 0 || size > MOST_PER_PAGE {
        return Err(refusal(400, "page or per_page is out of range"));
    }
    let total = all.len();
    let start = (number - 1).saturating_mul(size);
    let data: Vec<_> = all.into_iter().skip(start).take(size).collect();
    let has_more = size > 0 && start.saturating_add(size) < total;
    // The documented sample begins with `http://`: a client that follows it sends its key in clear.
    let previous = (number > 1).then(|| link("http", request, number - 1, size));
    let list = json!({
        "object": "list",
        "data": data,
        "count": total,
        "next_href": has_more.then(|| link("https", request, number + 1, size)),
        "previous_href": previous,
    });
    Ok(Response::json(200, &list))
}

fn number(request: &Arrived, name: &str, usual: usize) -> Result<usize, Response> {
    let number = request.number(name, usual);
    number.ok_or_else(|| refusal(400, &format!("{name} is not a number")))
}

fn link(scheme: &str, request: &Arrived, page: usize, size: usize) -> String {
    let path = request.path();
    format!("{scheme}://api.checkr.com{path}?page={page}&per_page={size}")
}
