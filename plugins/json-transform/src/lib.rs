//! Fields of JSON bodies added, removed and renamed, as a Proxy-Wasm plugin.
//!
//! `config` reads what the operator wrote, `transform` changes a body. Those know no host and are tested natively; this
//! file speaks to the gateway.

mod config;
mod transform;

use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

use config::Config;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { config: Rc::new(Config::default()) }));
}}

/// More than any gateway buffers.
const ALL: usize = i32::MAX as usize;

fn log(level: LogLevel, text: &str) {
    let _ = hostcalls::log(level, &format!("json-transform: {text}"));
}

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
                log(LogLevel::Error, &reason);
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { config: self.config.clone(), request: false, response: false }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response. Each flag says that the body is to be changed, and has not been yet.
struct Exchange {
    config: Rc<Config>,
    request: bool,
    response: bool,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let header = |name: &str| self.get_http_request_header_bytes(name);
        if !end_of_stream && !self.config.request.is_empty() && readable(header) {
            self.request = true;
            self.set_http_request_header("content-length", None); // it will be another one
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        match (self.request, end_of_stream) {
            (true, false) => Action::Pause, // the next callback sees what there is so far
            (true, true) => self.change_request(),
            _ => Action::Continue,
        }
    }

    /// With trailers no body callback is the last one.
    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.change_request()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let header = |name: &str| self.get_http_response_header_bytes(name);
        if !end_of_stream && !self.config.response.is_empty() && readable(header) {
            self.response = true;
            self.set_http_response_header("content-length", None);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        match (self.response, end_of_stream) {
            (true, false) => Action::Pause,
            (true, true) => self.change_response(),
            _ => Action::Continue,
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.change_response()
    }
}

impl Exchange {
    fn change_request(&mut self) -> Action {
        if std::mem::take(&mut self.request) {
            let old = self.get_http_request_body(0, ALL).unwrap_or_default();
            if let Some(new) = changed(&self.config.request, &old) {
                self.set_http_request_body(0, old.len(), &new);
            }
        }
        Action::Continue
    }

    fn change_response(&mut self) -> Action {
        if std::mem::take(&mut self.response) {
            let old = self.get_http_response_body(0, ALL).unwrap_or_default();
            if let Some(new) = changed(&self.config.response, &old) {
                self.set_http_response_body(0, old.len(), &new);
            }
        }
        Action::Continue
    }
}

/// A compressed body is not text, whatever its type says.
fn readable(header: impl Fn(&str) -> Option<Vec<u8>>) -> bool {
    let plain = header("content-encoding").is_none_or(|e| e.eq_ignore_ascii_case(b"identity"));
    plain && header("content-type").is_some_and(|t| transform::is_json(&t))
}

fn changed(rules: &config::Rules, old: &[u8]) -> Option<Vec<u8>> {
    let new = transform::body(rules, old);
    if new.is_none() && !old.is_empty() {
        log(LogLevel::Warn, "a body that says it is JSON is none: it passes as it is");
    }
    new
}
