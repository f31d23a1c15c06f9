package accesslog

// Handler is http.handlers.loom_access_log: the access log of the server says `route`, `upstream`, `endpoint` and `retries` of each
// request, as far as it has them, and in `plugins` which of them did not just let it pass: `key-auth answered 401`, `… failed`, `… skipped` (it
// has failed, and fails open) or `… closed`. It has no options.
type Handler struct{}
