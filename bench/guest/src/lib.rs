//! The guest of the benchmarks. Its configuration names what it does with a request and its response:
//!
//! - `empty`: nothing, in callbacks that are called
//! - `headers`: two gets and two sets each way
//! - `sixty`: adds, reads and removes twenty request headers
//! - `reads`: sixty gets of request headers, a third of which are not there
//! - `rewrite`: takes each piece of the response's body, changes a byte of it, and gives it back

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { work: Work::Empty }));
}}

#[derive(Clone, Copy)]
enum Work {
    Empty,
    Headers,
    Sixty,
    Reads,
    Rewrite,
}

struct Root {
    work: Work,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        self.work = match self.get_plugin_configuration().as_deref() {
            Some(b"empty") => Work::Empty,
            Some(b"headers") => Work::Headers,
            Some(b"sixty") => Work::Sixty,
            Some(b"reads") => Work::Reads,
            Some(b"rewrite") => Work::Rewrite,
            _ => {
                let _ = hostcalls::log(LogLevel::Error, "the configuration must be empty, headers, sixty, reads or rewrite");
                return false;
            }
        };
        true
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { work: self.work }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Exchange {
    work: Work,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match self.work {
            Work::Empty | Work::Rewrite => {}
            Work::Headers => {
                self.get_http_request_header(":path");
                self.get_http_request_header("user-agent");
                self.set_http_request_header("x-bench-a", Some("first value"));
                self.set_http_request_header("x-bench-b", Some("second value"));
            }
            Work::Sixty => self.sixty(),
            Work::Reads => self.reads(),
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if let Work::Headers = self.work {
            self.get_http_response_header(":status");
            self.get_http_response_header("content-type");
            self.set_http_response_header("x-bench-a", Some("first value"));
            self.set_http_response_header("x-bench-b", Some("second value"));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _end_of_stream: bool) -> Action {
        if let Work::Rewrite = self.work {
            if let Some(mut piece) = self.get_http_response_body(0, size) {
                piece[0] ^= 1;
                self.set_http_response_body(0, size, &piece);
            }
        }
        Action::Continue
    }
}

const NAMES: [&str; 20] = [
    "x-bench-01", "x-bench-02", "x-bench-03", "x-bench-04", "x-bench-05", "x-bench-06", "x-bench-07", "x-bench-08",
    "x-bench-09", "x-bench-10", "x-bench-11", "x-bench-12", "x-bench-13", "x-bench-14", "x-bench-15", "x-bench-16",
    "x-bench-17", "x-bench-18", "x-bench-19", "x-bench-20",
];

impl Exchange {
    fn sixty(&self) {
        for name in NAMES {
            self.add_http_request_header(name, "a value");
        }
        for name in NAMES {
            self.get_http_request_header(name);
        }
        for name in NAMES {
            self.set_http_request_header(name, None);
        }
    }

    fn reads(&self) {
        for name in NAMES {
            self.get_http_request_header(name);
        }
        for _ in 0..20 {
            self.get_http_request_header("user-agent");
            self.get_http_request_header(":path");
        }
    }
}
