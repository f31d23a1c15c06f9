package wasmfilter

// Handler is http.handlers.loom_wasm: Proxy-Wasm plugins in a chain of HTTP handlers.
//
// Request callbacks run before the next handler, response callbacks as it answers.
type Handler struct {
	// Plugins that see the request, ordered by the priority of the plugin in the `loom` app, then as listed.
	Plugins []PluginRef `json:"plugins,omitempty"`

	state
}

// PluginRef names a plugin of the `loom` app, or one that is bundled in the binary.
type PluginRef struct {
	// Name of the plugin. Required.
	Name string `json:"name"`

	// Config replaces the plugin configuration for this handler, byte for byte. It is one more plugin
	// context in the same instances, not another VM. Default: the plugin's own config.
	Config *string `json:"config,omitempty"`
}
