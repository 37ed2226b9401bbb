//! What of catalogs is kept in memory: the merged lists, ready to be sent, as many as fit; and when
//! each connection's catalog was asked for and fetched. Catalogs themselves are read again where a
//! list is merged anew: with ten thousand tenants they would take more than all else together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adapters::vocabulary::Millis;
use arc_swap::{ArcSwap, ArcSwapOption};

use super::PackageAnswer;
use crate::domain::tenant::Tenant;

/// About what all merged lists together may take, in bytes. A usual list of 20 packages and 5
/// add-ons takes 14 kB.
const MOST_BYTES: usize = 24 << 20;

/// Catalogs in memory.
#[derive(Default)]
pub(crate) struct Catalogs {
    /// Replaced as a whole with the directory, so that reading takes no lock.
    lists: ArcSwap<Lists>,
    times: Mutex<HashMap<String, Times>>,
}

/// The merged lists of the tenants of one directory.
#[derive(Default)]
struct Lists {
    of: HashMap<String, MergedList>,
    bytes: AtomicUsize,
}

/// The place of a tenant's merged list.
struct MergedList {
    /// As it was read with the directory: who holds an earlier reading neither finds nor keeps a
    /// list here.
    of: Arc<Tenant>,
    answer: ArcSwapOption<PackageAnswer>,
    /// It was asked for since somebody last looked for lists to drop.
    asked: AtomicBool,
    /// How often it was dropped: one that was being merged meanwhile is not kept.
    drops: AtomicU64,
}

impl MergedList {
    fn of(tenant: &Arc<Tenant>) -> Self {
        Self {
            of: Arc::clone(tenant),
            answer: ArcSwapOption::default(),
            asked: AtomicBool::default(),
            drops: AtomicU64::default(),
        }
    }
}

/// Of a connection's catalog, by this process.
#[derive(Default)]
struct Times {
    asked: Option<Millis>,
    fetched: Option<Millis>,
    turns: Arc<Turns>,
}

/// Who fetches a catalog; the others wait for what that comes to.
#[derive(Default)]
pub(super) struct Turns {
    held: tokio::sync::Mutex<()>,
    ended: AtomicU64,
}

/// The turn to fetch a catalog. It ends when this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    _held: tokio::sync::MutexGuard<'a, ()>,
}

impl Turns {
    /// Waits for the turn; `None`: somebody has had it meanwhile, so what there is now is new.
    pub(super) async fn take(&self) -> Option<Turn<'_>> {
        let ended = self.ended.load(Ordering::SeqCst);
        let held = self.held.lock().await;
        (self.ended.load(Ordering::SeqCst) == ended).then(|| Turn {
            turns: self,
            _held: held,
        })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A list that is being merged.
pub(super) struct Merging<'a> {
    lists: Arc<Lists>,
    tenant: &'a Tenant,
    drops: u64,
}

impl Catalogs {
    /// Begins with no merged list for these tenants, because tenants have changed.
    pub(crate) fn enter_tenants<'a>(&self, tenants: impl Iterator<Item = &'a Arc<Tenant>>) {
        let of = tenants.map(|tenant| (tenant.id.clone(), MergedList::of(tenant)));
        self.lists.store(Arc::new(Lists {
            of: of.collect(),
            bytes: AtomicUsize::default(),
        }));
    }

    /// A tenant's merged list.
    pub(super) fn list(&self, tenant: &Tenant) -> Option<Arc<PackageAnswer>> {
        let lists = self.lists.load();
        let list = lists.place(tenant)?;
        // Most find it marked, and leave the line to the other processors' caches.
        if !list.asked.load(Ordering::Relaxed) {
            list.asked.store(true, Ordering::Relaxed);
        }
        list.answer.load_full()
    }

    /// Notes that a tenant's list is about to be merged from what is known from now on.
    pub(super) fn begin_list<'a>(&self, tenant: &'a Tenant) -> Merging<'a> {
        let lists = self.lists.load_full();
        let list = lists.place(tenant);
        let drops = list.map_or(0, |list| list.drops.load(Ordering::SeqCst));
        Merging {
            lists,
            tenant,
            drops,
        }
    }

    /// Drops a tenant's merged list, because a catalog in it has changed.
    pub(super) fn forget_list(&self, tenant_id: &str) {
        let lists = self.lists.load();
        if let Some(list) = lists.of.get(tenant_id) {
            list.drops.fetch_add(1, Ordering::SeqCst);
            lists.replace(list, None);
        }
    }

    /// When this process was last asked for a list with a connection's catalog and had to merge it.
    pub(super) fn asked_at(&self, connection_id: &str) -> Option<Millis> {
        self.times().get(connection_id)?.asked
    }

    /// How old a connection's catalog was when this process last saw it.
    pub(in crate::app) fn fetched_at(&self, connection_id: &str) -> Option<Millis> {
        self.times().get(connection_id)?.fetched
    }

    pub(super) fn turns(&self, connection_id: &str) -> Arc<Turns> {
        let mut times = self.times();
        let times = times.entry(connection_id.to_owned()).or_default();
        Arc::clone(&times.turns)
    }

    pub(super) fn note_asked(&self, connection_id: &str, at: Millis) {
        let mut times = self.times();
        times.entry(connection_id.to_owned()).or_default().asked = Some(at);
    }

    pub(super) fn note_fetched(&self, connection_id: &str, at: Millis) {
        let mut times = self.times();
        times.entry(connection_id.to_owned()).or_default().fetched = Some(at);
    }

    fn times(&self) -> MutexGuard<'_, HashMap<String, Times>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Merging<'_> {
    /// Keeps the merged list, unless it was to be dropped meanwhile.
    pub(super) fn keep(self, answer: &Arc<PackageAnswer>) {
        let Some(list) = self.lists.place(self.tenant) else {
            return;
        };
        self.lists.replace(list, Some(Arc::clone(answer)));
        list.asked.store(true, Ordering::Relaxed);
        if list.drops.load(Ordering::SeqCst) != self.drops {
            self.lists.replace(list, None);
        }
        self.lists.make_room(MOST_BYTES);
    }
}

impl Lists {
    /// The place for what is merged from this very reading of a tenant.
    fn place(&self, tenant: &Tenant) -> Option<&MergedList> {
        let list = self.of.get(&tenant.id);
        list.filter(|list| std::ptr::eq(&*list.of, tenant))
    }

    fn replace(&self, list: &MergedList, answer: Option<Arc<PackageAnswer>>) {
        let size = |answer: &Option<Arc<PackageAnswer>>| answer.as_ref().map_or(0, |it| it.size());
        self.bytes.fetch_add(size(&answer), Ordering::SeqCst);
        let before = list.answer.swap(answer);
        self.bytes.fetch_sub(size(&before), Ordering::SeqCst);
    }

    /// Where there is more than `most`, drops what nobody has asked for since this was last done, and
    /// if that is not enough the rest down to the half: each goes through all lists only once for
    /// many that are kept.
    fn make_room(&self, most: usize) {
        let bytes = || self.bytes.load(Ordering::SeqCst);
        if bytes() <= most {
            return;
        }
        for list in self.of.values() {
            if !list.asked.swap(false, Ordering::Relaxed) {
                self.replace(list, None);
            }
        }
        if bytes() <= most {
            return;
        }
        for list in self.of.values() {
            self.replace(list, None);
            if bytes() <= most / 2 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use http::HeaderValue;

    use super::*;
    use crate::domain::tenant::TenantOptions;

    #[tokio::test]
    async fn who_comes_when_a_turn_has_ended_gets_one_though_others_still_stand_before_him() {
        let turns = Turns::default();
        let first = turns.take().await.expect("nobody else has it");
        let mut waited = pin!(turns.take());
        assert!(waited.as_mut().now_or_never().is_none());
        drop(first);
        let mut came_later = pin!(turns.take());
        assert!(came_later.as_mut().now_or_never().is_none());
        assert!(waited.await.is_none(), "what there is now is new");
        assert!(came_later.await.is_some(), "nobody has fetched since");
    }

    const TENANTS: [&str; 4] = ["a", "b", "c", "d"];

    fn tenant(id: &str) -> Arc<Tenant> {
        Arc::new(Tenant {
            id: id.to_owned(),
            account_id: id.to_owned(),
            name: id.to_owned(),
            secrets: Vec::new(),
            disabled: false,
            options: TenantOptions::default(),
            pace: Arc::default(),
            connections: Vec::new(),
            signing_secret: None,
            webhook_basic: None,
        })
    }

    fn lists() -> Arc<Lists> {
        let of = TENANTS.map(|id| (id.to_owned(), MergedList::of(&tenant(id))));
        Arc::new(Lists {
            of: of.into(),
            bytes: AtomicUsize::default(),
        })
    }

    fn answer(bytes: usize) -> Arc<PackageAnswer> {
        Arc::new(PackageAnswer {
            body: Bytes::from(vec![b' '; bytes]),
            etag: HeaderValue::from_static("\"e\""),
            fetched_at: 0,
            is_whole: true,
            offers: HashMap::new(),
        })
    }

    fn kept(lists: &Lists) -> Vec<&str> {
        let is_kept = |id: &&str| lists.of[*id].answer.load().is_some();
        TENANTS.into_iter().filter(is_kept).collect()
    }

    #[test]
    fn a_list_that_was_dropped_while_it_was_merged_is_not_kept() {
        let (catalogs, tenant) = (Catalogs::default(), tenant("a"));
        catalogs.enter_tenants([&tenant].into_iter());
        for (drops, is_kept) in [(0, true), (1, false)] {
            let merging = catalogs.begin_list(&tenant);
            (0..drops).for_each(|_| catalogs.forget_list("a"));
            merging.keep(&answer(10));
            assert_eq!(catalogs.list(&tenant).is_some(), is_kept);
        }
        let bytes = catalogs.lists.load().bytes.load(Ordering::SeqCst);
        assert_eq!(bytes, 0, "nothing is kept, so nothing is counted");
    }

    #[test]
    fn what_is_merged_from_an_earlier_reading_of_a_tenant_is_kept_for_nobody() {
        let (catalogs, earlier, now) = (Catalogs::default(), tenant("a"), tenant("a"));
        catalogs.enter_tenants([&earlier].into_iter());
        catalogs.begin_list(&earlier).keep(&answer(10));
        assert!(catalogs.list(&earlier).is_some());

        catalogs.enter_tenants([&now].into_iter());
        catalogs.begin_list(&earlier).keep(&answer(10));
        assert!(catalogs.list(&now).is_none());
        catalogs.begin_list(&now).keep(&answer(10));
        assert!(catalogs.list(&now).is_some() && catalogs.list(&earlier).is_none());
    }

    #[test]
    fn where_there_is_no_room_what_nobody_asks_for_goes_first() {
        let lists = lists();
        for id in TENANTS {
            lists.replace(&lists.of[id], Some(answer(100)));
        }
        lists.of["b"].asked.store(true, Ordering::Relaxed);
        lists.of["d"].asked.store(true, Ordering::Relaxed);
        let each = answer(100).size();
        lists.make_room(4 * each);
        assert_eq!(kept(&lists), TENANTS, "there is room");
        lists.make_room(4 * each - 1);
        assert_eq!(kept(&lists), ["b", "d"]);
    }

    #[test]
    fn where_all_are_asked_for_half_the_room_is_made_all_the_same() {
        let lists = lists();
        for id in TENANTS {
            lists.replace(&lists.of[id], Some(answer(100)));
            lists.of[id].asked.store(true, Ordering::Relaxed);
        }
        lists.make_room(4 * answer(100).size() - 1);
        assert_eq!(kept(&lists).len(), 1);
    }
}
