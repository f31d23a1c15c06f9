package requestid

// Handler is http.handlers.loom_request_id: every request has an id, which plugins, the backend, the client and the access log
// see. One that comes from a trusted proxy (`trusted_proxies` of the server) is kept if it is of 1 to 128 letters, digits and
// `-_.~:/+=@`; all others are replaced.
type Handler struct {
	// Header is the field of the id, on the request and on the response. Default: `X-Request-Id`.
	Header string `json:"header,omitempty"`

	name string
}
