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
	Span       string            `yaml:"span" doc:"Name of the spans; placeholders work. Default: loom."`
	Attributes map[string]string `yaml:"attributes" doc:"Attributes of the spans; placeholders work."`
}

func (*Tracing) section() {}
