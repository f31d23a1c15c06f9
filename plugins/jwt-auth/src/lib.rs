//! JSON Web Tokens in front of an upstream, as a Proxy-Wasm plugin.
//!
//! `config` reads what the operator wrote, `key` verifies signatures, `token` judges. Those know no host and are tested
//! natively; this file speaks to the gateway.

mod config;
mod key;
mod token;

use std::rc::Rc;
use std::time::UNIX_EPOCH;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

use config::Config;
use token::Claims;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { config: None }));
}}

struct Root {
    config: Option<Rc<Config>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        match Config::parse(&bytes) {
            Ok(config) => {
                self.config = Some(Rc::new(config));
                true
            }
            Err(reason) => {
                let _ = hostcalls::log(LogLevel::Error, &format!("jwt-auth: {reason}"));
                false
            }
        }
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Guard { config: self.config.clone()? }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request.
struct Guard {
    config: Rc<Config>,
}

impl Context for Guard {}

impl HttpContext for Guard {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match self.claims() {
            Ok(claims) => match self.hand_on(&claims) {
                Ok(()) => Action::Continue,
                Err(refusal) => self.refuse(Some(refusal)),
            },
            Err(refusal) => self.refuse(refusal),
        }
    }
}

impl Guard {
    /// The claims of the request's token. None as the error means that there is no token.
    fn claims(&self) -> Result<Claims, Option<&'static str>> {
        // As bytes: the SDK's text functions panic on what is no UTF-8.
        let headers = self.get_http_request_headers_bytes();
        let mut found = headers.iter().filter(|(name, _)| name == "authorization").map(|(_, value)| value);
        let value = found.next().ok_or(None)?;
        if found.next().is_some() {
            return Err(Some("there is more than one authorization header")); // which of them would the upstream read?
        }
        let value = std::str::from_utf8(value).map_err(|_| Some("the token is malformed"))?;
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                token::check(&self.config, token.trim(), self.now()).map_err(Some)
            }
            _ => Err(None),
        }
    }

    fn now(&self) -> u64 {
        self.get_current_time().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
    }

    /// Writes claims into the request. What the client sent under those names is removed in any case.
    fn hand_on(&self, claims: &Claims) -> Result<(), &'static str> {
        for (claim, header) in &self.config.headers {
            let value = claims.get(claim).map(token::header_value).transpose()?;
            self.set_http_request_header(header, value.as_deref());
        }
        if !self.config.forward_token {
            self.set_http_request_header("authorization", None);
        }
        Ok(())
    }

    /// RFC 6750 section 3: who sent no token is told no error.
    fn refuse(&self, refusal: Option<&str>) -> Action {
        let realm = &self.config.realm;
        let challenge = match refusal {
            Some(reason) => format!("Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{reason}\""),
            None => format!("Bearer realm=\"{realm}\""),
        };
        let body = format!("{}\n", refusal.unwrap_or("a bearer token is required"));
        let headers = vec![("content-type", "text/plain; charset=utf-8"), ("www-authenticate", challenge.as_str())];
        self.send_http_response(401, headers, Some(body.as_bytes()));
        Action::Pause
    }
}
