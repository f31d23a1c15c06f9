//! Requests per second and key, as a Proxy-Wasm plugin.
//!
//! `gcra` decides, `table` keeps the counters of many keys in few shared values, `config` reads what the operator
//! wrote. Those three know no host and are tested natively; this file and `key` speak to the gateway.

mod config;
mod gcra;
mod key;
mod table;

use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, Status};

use config::Config;
use gcra::Decision;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { config: Rc::new(Config::default()) }));
}}

/// How often a counter is tried again after another instance changed it. Each lost race means that somebody else
/// was counted, so a key that loses this often is far over any limit.
const RACES: usize = 128;

/// A number that no host gives out early: with it, storing a missing key fails if somebody else stored it first.
const ONLY_IF_MISSING: u32 = u32::MAX;

struct Root {
    config: Rc<Config>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                self.config = Rc::new(config);
                true
            }
            Err(reason) => {
                let _ = hostcalls::log(LogLevel::Error, &format!("rate-limit: {reason}"));
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Limiter { config: self.config.clone(), decision: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Limiter {
    config: Rc<Config>,
    decision: Option<Decision>,
}

impl Context for Limiter {}

impl HttpContext for Limiter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let decision = self.count(key::fingerprint(&self.config, self));
        self.decision = Some(decision);
        if decision.allowed {
            return Action::Continue;
        }
        self.refuse(decision);
        Action::Pause
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let (true, Some(decision)) = (self.config.headers, self.decision) {
            for (name, value) in decision.headers(&self.config.limit) {
                self.set_http_response_header(name, Some(&value));
            }
        }
        Action::Continue
    }
}

impl Limiter {
    /// Takes a request out of the key's allowance, together with all other instances.
    fn count(&self, fingerprint: u64) -> Decision {
        let slot = table::slot_name(fingerprint);
        let mut create_with = Some(ONLY_IF_MISSING);
        for _ in 0..RACES {
            let (stored, cas) = self.get_shared_data(&slot);
            let now = self.now();
            let mut entries = table::decode(stored.as_deref().unwrap_or_default(), now);
            let decision = table::take(&mut entries, fingerprint, &self.config.limit, now);
            if !decision.allowed {
                return decision;
            }
            let expected = match (&stored, cas) {
                (None, _) => create_with,
                (Some(_), cas) => cas,
            };
            match self.set_shared_data(&slot, Some(&table::encode(&entries)), expected) {
                Err(Status::CasMismatch) => {
                    // Hosts that want no number for a new key answer like a lost race: the next try goes without.
                    if stored.is_none() {
                        create_with = None;
                    }
                }
                _ => return decision,
            }
        }
        Decision::refused_for(self.config.limit.interval)
    }

    fn now(&self) -> u64 {
        let since = self.get_current_time().duration_since(UNIX_EPOCH);
        since.map_or(0, |d| d.as_nanos() as u64)
    }

    fn refuse(&self, decision: Decision) {
        let retry_after = decision.retry_after_seconds().to_string();
        let mut headers = vec![("content-type", "text/plain; charset=utf-8"), ("retry-after", retry_after.as_str())];
        let standing = decision.headers(&self.config.limit);
        if self.config.headers {
            headers.extend(standing.iter().map(|(name, value)| (*name, value.as_str())));
        }
        self.send_http_response(self.config.status, headers, Some(b"Too many requests: try again later.\n"));
    }
}
