//! Answers that are remembered, in one instance of the plugin.

use std::collections::BTreeMap;

/// What the other server says of a key: refused, or the values of the identity headers.
pub type Answer = Option<Vec<Option<Vec<u8>>>>;

struct Entry {
    answer: Answer,
    until: u64,
}

/// The answers by key. Times are seconds.
pub struct Cache {
    most: usize,
    entries: BTreeMap<Vec<u8>, Entry>,
}

impl Cache {
    pub fn new(most: usize) -> Cache {
        Cache { most, entries: BTreeMap::new() }
    }

    pub fn get(&self, key: &[u8], now: u64) -> Option<&Answer> {
        self.entries.get(key).filter(|e| e.until > now).map(|e| &e.answer)
    }

    /// Remembers an answer; for 0 seconds means not at all.
    pub fn put(&mut self, key: Vec<u8>, answer: Answer, now: u64, seconds: u64) {
        if seconds == 0 || self.most == 0 {
            self.entries.remove(&key);
            return;
        }
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, Entry { answer, until: now.saturating_add(seconds) });
    }

    /// Forgets what has expired, or else a tenth of what is there, the soonest to expire first: so that finding room is
    /// seldom, however many keys a client makes up.
    fn make_room(&mut self, now: u64) {
        self.entries.retain(|_, e| e.until > now);
        if self.entries.len() < self.most {
            return;
        }
        let mut ends: Vec<u64> = self.entries.values().map(|e| e.until).collect();
        ends.sort_unstable();
        let (last, mut left) = (ends[self.most / 10], self.most / 10 + 1);
        self.entries.retain(|_, e| {
            let goes = e.until <= last && left > 0;
            left -= goes as usize;
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Vec<u8> {
        n.to_string().into_bytes()
    }

    #[test]
    fn answers_expire() {
        let mut cache = Cache::new(10);
        cache.put(key(1), Some(vec![None]), 100, 5);
        cache.put(key(2), None, 100, 1);
        assert_eq!(cache.get(&key(1), 104), Some(&Some(vec![None])));
        assert_eq!(cache.get(&key(1), 105), None);
        assert_eq!((cache.get(&key(2), 100), cache.get(&key(2), 101)), (Some(&None), None));
    }

    #[test]
    fn no_seconds_means_not_at_all() {
        let mut cache = Cache::new(10);
        cache.put(key(1), None, 100, 5);
        cache.put(key(1), None, 100, 0);
        assert_eq!(cache.get(&key(1), 100), None);
        let mut none = Cache::new(0);
        none.put(key(1), None, 100, 5);
        assert_eq!(none.get(&key(1), 100), None);
    }

    #[test]
    fn made_up_keys_do_not_fill_the_memory() {
        for most in [1, 2, 100] {
            let mut cache = Cache::new(most);
            for n in 0..1_000 {
                cache.put(key(n), None, n, 10_000);
                assert!(cache.entries.len() <= most);
                assert!(cache.get(&key(n), n).is_some(), "the newest is kept");
            }
        }
    }
}
