//! Pages of a list: which one is asked for, and what says that another follows.
//!
//! A vendor's link to its next page is never followed; it only tells that there is one.

use serde_json::Value;

use super::expression::Expression;
use super::functions::scalar;
use super::loader::Loader;
use super::path::Lists;
use super::scope::{Scope, Sight};
use super::source::Section;

/// The longest word of a vendor's that is taken for its next page, in bytes.
const LONGEST_CURSOR: usize = 4 * 1024;

/// Pages of a list.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    first: u64,
    step: u64,
    most: u64,
    more: More,
}

/// The page that is asked for. It is kept in the memo as [`Pages::next`] writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Page<'a> {
    Number(u64),
    /// The vendor's own word for it, and how many pages came before.
    Cursor(&'a str, u64),
}

/// What says that another page follows.
#[derive(Clone, Debug)]
enum More {
    /// Something that is there while pages follow.
    There(Expression),
    /// The number of the last page.
    Last(Expression),
    /// A page is full that has as many items.
    Full(u64, Lists),
    /// The vendor's word for the next page, while there is one.
    Cursor(Expression),
}

impl Page<'_> {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Number(number) => Value::from(number),
            Self::Cursor(cursor, _) => Value::from(cursor),
        }
    }
}

impl Pages {
    /// The page that a memo asks for. The first of those that the vendor names has no name.
    pub(super) fn asked<'a>(&self, kept: Option<&'a str>) -> Option<Page<'a>> {
        if self.by_cursor() {
            let (before, cursor) = kept?.split_once(' ')?;
            return Some(Page::Cursor(cursor, before.parse().ok()?));
        }
        let number = kept.and_then(|page| page.parse().ok());
        Some(Page::Number(number.unwrap_or(self.first)))
    }

    /// True where the vendor has a word of its own for each page but the first.
    pub(super) fn by_cursor(&self) -> bool {
        matches!(self.more, More::Cursor(_))
    }

    /// The page after the one that was read, for the memo: `None` where that was the last, an error
    /// where it would be one too many, or where the answer does not say whether there is one.
    pub(super) fn next(&self, scope: &Scope<'_>) -> Option<Result<String, ()>> {
        if let More::Cursor(next) = &self.more {
            let next = next.read(scope).filter(|next| says_yes(next))?;
            let before = match scope.page {
                Some(Page::Cursor(_, before)) => before + 1,
                _ => 1,
            };
            let next = scalar(&next).filter(|next| next.len() <= LONGEST_CURSOR);
            let next = next.filter(|_| before < self.most);
            return Some(next.map(|next| format!("{before} {next}")).ok_or(()));
        }
        let page = match scope.page {
            Some(Page::Number(page)) => page,
            _ => self.first,
        };
        match self.more.follows(page, scope) {
            Some(true) => {}
            Some(false) => return None,
            None => return Some(Err(())),
        }
        let page = page.saturating_add(self.step);
        let is_allowed = page.saturating_sub(self.first) / self.step < self.most;
        Some(is_allowed.then(|| page.to_string()).ok_or(()))
    }
}

impl More {
    /// Whether another page follows; `None` where what would say so cannot be read. A list that may
    /// go on is not taken for a whole one.
    fn follows(&self, page: u64, scope: &Scope<'_>) -> Option<bool> {
        match self {
            Self::There(more) | Self::Cursor(more) => {
                Some(more.read(scope).is_some_and(|more| says_yes(&more)))
            }
            Self::Last(last) => {
                let last: u64 = last.read_text(scope)?.parse().ok()?;
                Some(page < last)
            }
            Self::Full(size, lists) => {
                // `.` is the item that was found, so the whole answer is asked.
                let items = scope.whole.and_then(|answer| lists.items(answer));
                Some(items?.len() as u64 >= *size)
            }
        }
    }
}

/// Anything that is there but `false`: some vendors say whether there is more, others what.
fn says_yes(value: &Value) -> bool {
    scalar(value).is_none_or(|word| !word.eq_ignore_ascii_case("false"))
}

/// Loads a step's `pages`.
pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>) -> Option<Pages> {
    let sight = Sight {
        answer: true,
        ..Sight::default()
    };
    let read = |key| loader.expression_at(section, key, sight);
    let there = read("more").map(More::There);
    let last = read("last").map(More::Last);
    let cursor = read("cursor").map(More::Cursor);
    let full = section.section("full", "`full`").and_then(|full| {
        full.need("in", "say where the list is: in = \".data\"");
        let lists = loader.lists_at(&full, "in");
        let size = full.whole("size").unwrap_or(0);
        full.close();
        Some(More::Full(size, lists?)).filter(|_| size > 0)
    });
    let mut ways: Vec<More> = [there, last, full, cursor].into_iter().flatten().collect();
    if ways.len() != 1 {
        let wrong = format!("`pages` says in {} ways what follows", ways.len());
        let right = "one of more = \".next_href\" (is there while pages follow), last = \
                     \".meta.total_pages\", full = { in = \".data\", size = 100 } and cursor = \
                     \".next_cursor\" (the vendor's word for the next page)";
        loader.mistakes.add(section.line, wrong, right);
    }
    let whole = |key, otherwise| section.whole(key).unwrap_or(otherwise);
    let (first, step, most) = (
        whole("first", 1),
        whole("step", 1).max(1),
        whole("most", 50),
    );
    section.close();
    Some(Pages {
        first,
        step,
        most,
        more: ways.pop()?,
    })
}
