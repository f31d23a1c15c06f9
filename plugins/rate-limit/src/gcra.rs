//! The generic cell rate algorithm: a token bucket whose whole state is one point in time.

/// A limit: one request every `interval` in the long run, `burst` at once. Times are nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub interval: u64,
    pub burst: u64,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests that would still pass at once.
    pub remaining: u64,
    /// Nanoseconds until a refused request would pass; 0 when allowed.
    pub retry_after: u64,
    /// Nanoseconds until the whole burst is there again.
    pub reset: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Limit {
    /// The time that a full burst is worth.
    fn window(&self) -> u64 {
        self.interval.saturating_mul(self.burst)
    }

    /// Decides about a request at `now`. `busy_until` is the state: the time at which the key has its whole burst
    /// again, in the past or 0 for a key that was not seen. Returns the decision and the new state.
    pub fn take(&self, busy_until: u64, now: u64) -> (Decision, u64) {
        // A clock that was set back must not lock anybody out for longer than a full burst is worth.
        let start = busy_until.clamp(now, now.saturating_add(self.window()));
        let next = start.saturating_add(self.interval);
        let latest = now.saturating_add(self.window());
        if next > latest {
            let reset = start - now;
            return (Decision { allowed: false, remaining: 0, retry_after: next - latest, reset }, start);
        }
        let remaining = (latest - next) / self.interval;
        (Decision { allowed: true, remaining, retry_after: 0, reset: next - now }, next)
    }
}

impl Decision {
    /// The decision for a key that is too contended to be counted.
    pub fn refused_for(nanoseconds: u64) -> Decision {
        Decision { allowed: false, remaining: 0, retry_after: nanoseconds, reset: nanoseconds }
    }

    /// Whole seconds for Retry-After: rounded up, at least 1, so that whoever obeys is served.
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after.div_ceil(SECOND).max(1)
    }

    /// The standing of the key, as response headers.
    pub fn headers(&self, limit: &Limit) -> [(&'static str, String); 3] {
        [
            ("ratelimit-limit", limit.burst.to_string()),
            ("ratelimit-remaining", self.remaining.to_string()),
            ("ratelimit-reset", self.reset.div_ceil(SECOND).to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Limit = Limit { interval: SECOND / 5, burst: 5 };

    #[test]
    fn a_burst_passes_and_the_next_is_refused() {
        let (now, mut state) = (1_000 * SECOND, 0);
        for left in (0..5).rev() {
            let (d, next) = FIVE.take(state, now);
            assert!(d.allowed);
            assert_eq!(d.remaining, left);
            state = next;
        }
        let (d, same) = FIVE.take(state, now);
        assert!(!d.allowed);
        assert_eq!(same, state, "a refused request costs nothing");
        assert_eq!(d.retry_after, SECOND / 5);
        assert_eq!(d.retry_after_seconds(), 1);
    }

    #[test]
    fn the_allowance_comes_back_one_by_one() {
        let (now, mut state) = (1_000 * SECOND, 0);
        for _ in 0..5 {
            state = FIVE.take(state, now).1;
        }
        let later = now + SECOND / 5;
        let (d, state) = FIVE.take(state, later);
        assert!(d.allowed);
        assert!(!FIVE.take(state, later).0.allowed);
        assert!(!FIVE.take(state, later + SECOND / 5 - 1).0.allowed);
    }

    #[test]
    fn a_long_rest_gives_no_more_than_the_burst() {
        let (_, mut state) = FIVE.take(0, SECOND);
        let now = 1_000_000 * SECOND;
        let mut passed = 0;
        for _ in 0..20 {
            let (d, next) = FIVE.take(state, now);
            state = next;
            passed += d.allowed as u32;
        }
        assert_eq!(passed, 5);
    }

    #[test]
    fn a_clock_set_back_locks_out_for_one_window_at_most() {
        let (d, state) = FIVE.take(10_000 * SECOND, SECOND);
        assert!(!d.allowed);
        assert_eq!(state, 2 * SECOND);
        assert_eq!(d.reset, SECOND);
    }
}
