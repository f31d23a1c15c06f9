package accesslog

// Handler is http.handlers.loom_access_log: the access log of the server says `route`, `upstream`, `endpoint` and `retries` of each
// request, as far as it has them. It has no options.
type Handler struct{}
