//! Many counters in few shared values.
//!
//! Shared data can be neither listed nor deleted, so one value per client would grow for ever. Here a key's hash
//! picks one of a fixed number of slots, and a slot holds only the keys that are not back at their full burst: a
//! rested key is the same as one that was never seen.

use crate::gcra::{Decision, Limit};

/// Slots of one gateway: enough that two busy keys seldom meet in one, few enough to be nothing in memory.
const SLOTS: u64 = 4096;

/// Keys of one slot: beyond it the key that is nearest to its full burst is forgotten. Slots times keys times
/// 16 bytes is the most that the table ever takes: 8 MiB.
const KEYS: usize = 128;

const ENTRY: usize = 16;

/// One key that has used some of its allowance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    pub fingerprint: u64,
    pub busy_until: u64,
}

/// The shared-data key of a fingerprint's slot.
pub fn slot_name(fingerprint: u64) -> String {
    format!("rate-limit/{:03x}", fingerprint % SLOTS)
}

/// Reads a slot and drops the keys that have rested.
pub fn decode(bytes: &[u8], now: u64) -> Vec<Entry> {
    let number = |b: &[u8]| u64::from_le_bytes(b.try_into().unwrap_or_default());
    bytes
        .chunks_exact(ENTRY)
        .map(|b| Entry { fingerprint: number(&b[..8]), busy_until: number(&b[8..]) })
        .filter(|e| e.busy_until > now)
        .collect()
}

/// Writes a slot.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    for e in entries {
        bytes.extend_from_slice(&e.fingerprint.to_le_bytes());
        bytes.extend_from_slice(&e.busy_until.to_le_bytes());
    }
    bytes
}

/// Takes one request of the key out of its allowance and updates its entry.
pub fn take(entries: &mut Vec<Entry>, fingerprint: u64, limit: &Limit, now: u64) -> Decision {
    let found = entries.iter().position(|e| e.fingerprint == fingerprint);
    let (decision, busy_until) = limit.take(found.map_or(0, |i| entries[i].busy_until), now);
    match found {
        Some(i) => entries[i].busy_until = busy_until,
        None => {
            make_room(entries);
            entries.push(Entry { fingerprint, busy_until });
        }
    }
    decision
}

fn make_room(entries: &mut Vec<Entry>) {
    if entries.len() < KEYS {
        return;
    }
    if let Some(i) = (0..entries.len()).min_by_key(|&i| entries[i].busy_until) {
        entries.swap_remove(i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { interval: 100, burst: 2 };

    #[test]
    fn what_is_written_is_read() {
        let entries = vec![Entry { fingerprint: 7, busy_until: 50 }, Entry { fingerprint: u64::MAX, busy_until: 60 }];
        assert_eq!(decode(&encode(&entries), 10), entries);
    }

    #[test]
    fn rested_keys_are_dropped_and_torn_values_read_as_far_as_they_go() {
        let entries = vec![Entry { fingerprint: 1, busy_until: 50 }, Entry { fingerprint: 2, busy_until: 60 }];
        assert_eq!(decode(&encode(&entries), 50), entries[1..]);
        assert_eq!(decode(&encode(&entries)[..20], 0), entries[..1]);
    }

    #[test]
    fn keys_of_one_slot_count_apart() {
        let mut entries = Vec::new();
        for _ in 0..2 {
            assert!(take(&mut entries, 1, &LIMIT, 1_000).allowed);
            assert!(take(&mut entries, 2, &LIMIT, 1_000).allowed);
        }
        assert!(!take(&mut entries, 1, &LIMIT, 1_000).allowed);
        assert!(!take(&mut entries, 2, &LIMIT, 1_000).allowed);
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn a_full_slot_forgets_the_key_that_has_used_least() {
        let mut entries: Vec<Entry> = (0..KEYS as u64).map(|n| Entry { fingerprint: n, busy_until: 2_000 + n }).collect();
        assert!(take(&mut entries, 9_999, &LIMIT, 1_000).allowed);
        assert_eq!(entries.len(), KEYS);
        assert!(!entries.iter().any(|e| e.fingerprint == 0));
    }
}
