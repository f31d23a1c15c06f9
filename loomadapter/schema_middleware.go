package loomadapter

// Tracing are trace spans of requests, gateway-wide or of a route.
type Tracing struct {
	Pos        Pos               `yaml:"-"`
	Enabled    *bool             `yaml:"enabled" doc:"Default: true, when the section is there."`
	Span       string            `yaml:"span" doc:"Name of the spans; placeholders work. Default: loom."`
	Attributes map[string]string `yaml:"attributes" doc:"Attributes of the spans; placeholders work."`
}

func (*Tracing) section() {}
