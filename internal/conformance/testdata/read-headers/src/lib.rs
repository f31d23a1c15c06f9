//! Answers with the number of headers and trailers that the SDK reads, and with the values of one of them.
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| -> Box<dyn HttpContext> { Box::new(Reader) });
}}

struct Reader;

impl Context for Reader {}

impl HttpContext for Reader {
    fn on_http_request_headers(&mut self, count: usize, _: bool) -> Action {
        let headers = self.get_http_request_headers();
        let values: Vec<&str> = headers.iter().filter(|(name, _)| name == "x-a").map(|(_, value)| value.as_str()).collect();
        let text = format!(
            "{} {} {} {} {}",
            count,
            headers.len(),
            self.get_http_request_headers_bytes().len(),
            self.get_http_request_trailers().len(),
            values.join("+"),
        );
        self.send_http_response(200, vec![], Some(text.as_bytes()));
        Action::Continue
    }
}
