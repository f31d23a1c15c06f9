//! API keys that another server knows, as a Proxy-Wasm plugin.
//!
//! `config` reads what the operator wrote, `query` reads and rewrites the path, `cache` remembers answers. Those know no
//! host and are tested natively; this file speaks to the gateway.

mod cache;
mod config;
mod query;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

use cache::{Answer, Cache};
use config::{Config, Place};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { config: None, cache: Rc::new(RefCell::new(Cache::new(0))) }));
}}

fn log(level: LogLevel, text: &str) {
    let _ = hostcalls::log(level, &format!("key-auth: {text}"));
}

struct Root {
    config: Option<Rc<Config>>,
    cache: Rc<RefCell<Cache>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                self.cache = Rc::new(RefCell::new(Cache::new(config.cache.entries)));
                self.config = Some(Rc::new(config));
                true
            }
            Err(reason) => {
                log(LogLevel::Error, &reason);
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Guard { config: self.config.clone()?, cache: self.cache.clone(), key: Vec::new() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Guard {
    config: Rc<Config>,
    cache: Rc<RefCell<Cache>>,
    key: Vec<u8>,
}

impl Context for Guard {
    fn on_http_call_response(&mut self, _token: u32, _headers: usize, _body_size: usize, _trailers: usize) {
        let answer = match self.status_of_call() {
            Some(200..=299) => Some(self.identity()),
            Some(401 | 403 | 404) => None,
            status => {
                log(LogLevel::Warn, &format!("the call to {} failed with status {status:?}", self.config.call.upstream));
                if self.after_failure() == Action::Continue {
                    self.resume_http_request();
                }
                return;
            }
        };
        let limits = &self.config.cache;
        let seconds = if answer.is_some() { limits.accepted } else { limits.refused };
        self.cache.borrow_mut().put(std::mem::take(&mut self.key), answer.clone(), self.now(), seconds);
        if self.apply(&answer) == Action::Continue {
            self.resume_http_request();
        }
    }
}

impl HttpContext for Guard {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match self.take_key() {
            Ok(key) => self.key = key,
            Err(reason) => return self.refuse(reason),
        }
        let known = self.cache.borrow().get(&self.key, self.now()).cloned();
        match known {
            Some(answer) => self.apply(&answer),
            None => self.ask(),
        }
    }
}

impl Guard {
    /// The client's key, which the request then no longer has.
    fn take_key(&self) -> Result<Vec<u8>, &'static str> {
        // As bytes: the SDK's text functions panic on what is no UTF-8.
        let headers = self.get_http_request_headers_bytes();
        let named = |wanted: &str| headers.iter().filter(|(n, _)| n == wanted).map(|(_, v)| v.clone()).collect::<Vec<_>>();
        let (mut found, path) = match &self.config.place {
            Place::Header(name) => (named(name), None),
            Place::Query(name) => {
                let path = named(":path").pop().unwrap_or_default();
                (query::values(&path, name), Some(query::without(&path, name)))
            }
        };
        let key = found.pop().filter(|k| !k.is_empty()).ok_or("an API key is required")?;
        if !found.is_empty() {
            return Err("there is more than one API key");
        }
        if !key.iter().all(|b| (b' '..0x7f).contains(b)) {
            return Err("the API key is not valid");
        }
        if self.config.hide_key {
            match (&self.config.place, path) {
                (Place::Header(name), _) => self.set_http_request_header(name, None),
                (_, path) => self.set_http_request_header_bytes(":path", path.as_deref()),
            }
        }
        Ok(key)
    }

    fn ask(&self) -> Action {
        let call = &self.config.call;
        let key = String::from_utf8_lossy(&self.key); // ASCII: see take_key
        let headers = vec![
            (":method", call.method.as_str()),
            (":path", call.path.as_str()),
            (":authority", call.authority.as_str()),
            (call.header.as_str(), &key),
        ];
        match self.dispatch_http_call(&call.upstream, headers, None, vec![], Duration::from_millis(call.timeout_ms)) {
            Ok(_) => Action::Pause,
            Err(status) => {
                log(LogLevel::Error, &format!("calling {}: {status:?}", call.upstream));
                self.after_failure()
            }
        }
    }

    fn status_of_call(&self) -> Option<u16> {
        std::str::from_utf8(&self.get_http_call_response_header_bytes(":status")?).ok()?.parse().ok()
    }

    fn identity(&self) -> Vec<Option<Vec<u8>>> {
        self.config.identity.iter().map(|(from, _)| self.get_http_call_response_header_bytes(from)).collect()
    }

    fn apply(&self, answer: &Answer) -> Action {
        match answer {
            Some(values) => {
                self.set_identity(values);
                Action::Continue
            }
            None => self.refuse("the API key is not valid"),
        }
    }

    /// Writes the identity headers. What the client sent under those names is removed in any case.
    fn set_identity(&self, values: &[Option<Vec<u8>>]) {
        for (i, (_, to)) in self.config.identity.iter().enumerate() {
            let value = values.get(i).and_then(Option::as_deref);
            self.set_http_request_header_bytes(to, value);
        }
    }

    fn after_failure(&self) -> Action {
        if self.config.fail_open {
            self.set_identity(&[]);
            return Action::Continue;
        }
        let headers = vec![("content-type", "text/plain; charset=utf-8")];
        self.send_http_response(503, headers, Some(b"API keys cannot be checked at the moment\n"));
        Action::Pause
    }

    fn refuse(&self, reason: &str) -> Action {
        let headers = vec![("content-type", "text/plain; charset=utf-8"), ("www-authenticate", "Key realm=\"api\"")];
        self.send_http_response(401, headers, Some(format!("{reason}\n").as_bytes()));
        Action::Pause
    }

    fn now(&self) -> u64 {
        self.get_current_time().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
    }
}
