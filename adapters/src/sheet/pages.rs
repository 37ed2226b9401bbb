//! Pages of a list: which one is asked for, and what says that another follows.
//!
//! A vendor's link to its next page is never followed; it only tells that there is one.

use super::expression::Expression;
use super::loader::Loader;
use super::path::Lists;
use super::scope::{Scope, Sight};
use super::source::Section;

/// Pages of a list.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    pub(super) first: u64,
    step: u64,
    most: u64,
    more: More,
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
}

impl Pages {
    /// The page after the one that was read: `None` where that was the last, an error where it
    /// would be one too many.
    pub(super) fn next(&self, scope: &Scope<'_>) -> Option<Result<u64, ()>> {
        let page = scope.page.unwrap_or(self.first);
        if !self.more.follows(page, scope) {
            return None;
        }
        let page = page.saturating_add(self.step);
        let is_allowed = page.saturating_sub(self.first) / self.step < self.most;
        Some(is_allowed.then_some(page).ok_or(()))
    }
}

impl More {
    fn follows(&self, page: u64, scope: &Scope<'_>) -> bool {
        match self {
            Self::There(more) => more.read(scope).is_some(),
            Self::Last(last) => {
                let last = last.read_text(scope).and_then(|text| text.parse().ok());
                last.is_some_and(|last: u64| page < last)
            }
            Self::Full(size, lists) => {
                // `.` is the item that was found, so the whole answer is asked.
                let items = scope.whole.and_then(|answer| lists.items(answer));
                items.is_some_and(|items| items.len() as u64 >= *size)
            }
        }
    }
}

/// Loads a step's `pages`.
pub(super) fn load(loader: &Loader<'_>, section: &Section<'_>) -> Option<Pages> {
    let sight = Sight {
        answer: true,
        ..Sight::default()
    };
    let there = loader
        .expression_at(section, "more", sight)
        .map(More::There);
    let last = loader.expression_at(section, "last", sight).map(More::Last);
    let full = section.section("full", "`full`").and_then(|full| {
        full.need("in", "say where the list is: in = \".data\"");
        let lists = loader.lists_at(&full, "in");
        let size = full.whole("size").unwrap_or(0);
        full.close();
        Some(More::Full(size, lists?)).filter(|_| size > 0)
    });
    let mut ways: Vec<More> = [there, last, full].into_iter().flatten().collect();
    if ways.len() != 1 {
        let wrong = format!("`pages` says in {} ways what follows", ways.len());
        let right = "one of more = \".next_href\" (is there while pages follow), last = \
                     \".meta.total_pages\" and full = { in = \".data\", size = 100 }";
        loader.mistakes.add(section.line, wrong, right);
    }
    let pages = Pages {
        first: section.whole("first").unwrap_or(1),
        step: section.whole("step").unwrap_or(1).max(1),
        most: section.whole("most").unwrap_or(50),
        more: ways.pop()?,
    };
    section.close();
    Some(pages)
}
