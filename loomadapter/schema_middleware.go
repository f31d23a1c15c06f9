package loomadapter

// Recovery is what becomes of panics, gateway-wide or of a route.
type Recovery struct {
	Pos     Pos   `yaml:"-"`
	Enabled *bool `yaml:"enabled" doc:"Default: true."`
}

func (*Recovery) section() {}

// RequestID is an id for each request, gateway-wide or of a route.
type RequestID struct {
	Pos     Pos    `yaml:"-"`
	Enabled *bool  `yaml:"enabled" doc:"Default: true, when the section is there."`
	Header  string `yaml:"header" doc:"Field of the id, on request and response. Default: X-Request-Id."`
}

func (*RequestID) section() {}

// Tracing are trace spans of requests, gateway-wide or of a route.
type Tracing struct {
	Pos        Pos               `yaml:"-"`
	Enabled    *bool             `yaml:"enabled" doc:"Default: true, when the section is there."`
	Span       string            `yaml:"span" doc:"Name of the spans; placeholders work. Default: {http.request.method} {loom.route.id}."`
	Attributes map[string]string `yaml:"attributes" doc:"Attributes of the spans; placeholders work."`
}

func (*Tracing) section() {}

// CORS says which pages of other origins may use the gateway from a browser, gateway-wide or for a route.
type CORS struct {
	Pos            Pos        `yaml:"-"`
	Enabled        *bool      `yaml:"enabled" doc:"Default: true, when the section is there."`
	Origins        StringList `yaml:"origins" doc:"https://example.com, https://*.example.com, http://localhost:*, or * for all. Required."`
	Methods        StringList `yaml:"methods" doc:"Methods beside GET, HEAD and POST, or *. Default: none."`
	Headers        StringList `yaml:"headers" doc:"Headers that requests may have, or *. Default: those that need no permission."`
	Expose         StringList `yaml:"expose" doc:"Headers of responses that scripts may read, or *. Default: those that need no permission."`
	Credentials    bool       `yaml:"credentials" doc:"Browsers may send cookies along; not with origins *. Default: false."`
	MaxAge         Duration   `yaml:"max_age" doc:"How long a browser may remember the answer to a preflight, up to 24h. Default: the browser's, 5s."`
	PrivateNetwork bool       `yaml:"private_network" doc:"Public pages may use a gateway in a private network. Default: false."`
}

func (*CORS) section() {}

// WebSocket is what becomes of WebSockets, gateway-wide or of a route.
type WebSocket struct {
	Pos         Pos        `yaml:"-"`
	Enabled     *bool      `yaml:"enabled" doc:"false refuses WebSockets with 403. Default: true."`
	Origins     StringList `yaml:"origins" doc:"Whose pages may open them, as in cors, or self for pages of the same host. Default: all."`
	IdleTimeout Duration   `yaml:"idle_timeout" doc:"Closes a connection (1001) over which nothing was sent for so long. Default: never."`
	MaxMessage  Size       `yaml:"max_message" doc:"Closes a connection (1009) whose client sends a longer message. Default: no limit."`
}

func (*WebSocket) section() {}

// AccessLog is a line for each request.
type AccessLog struct {
	Pos     Pos        `yaml:"-"`
	Enabled *bool      `yaml:"enabled" doc:"Default: true, when the section is there."`
	Redact  StringList `yaml:"redact" doc:"Parameters of queries whose values are replaced, beside token, access_token, id_token, api_key, password and secret."`
	Omit    StringList `yaml:"omit" doc:"Fields that are left out, such as request>headers or resp_headers. Default: none."`
	Output  string     `yaml:"output" doc:"stdout, stderr, or a file; relative ones start at the document's folder. A file is rolled at 100 MB, and ten parts of 90 days are kept. Default: stderr."`
	Sample  *LogSample `yaml:"sample" doc:"Writes a part of the lines. Default: all."`
}

func (*AccessLog) section() {}

// LogSample is which lines are written; those of errors (5xx) count for themselves.
type LogSample struct {
	Pos        Pos      `yaml:"-"`
	Interval   Duration `yaml:"interval" doc:"Counts begin anew after it. Default: 1s."`
	First      int      `yaml:"first" doc:"Lines that are written in each interval. Default: 100."`
	Thereafter int      `yaml:"thereafter" doc:"Of those beyond first, one in so many is written. Default: 100."`
}
