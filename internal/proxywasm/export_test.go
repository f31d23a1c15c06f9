package proxywasm

import "github.com/tetratelabs/wazero/api"

// What tests outside of the package need: it cannot import the stores and callers of plugins, which import it.

// HostcallParams is the table: the parameters of each hostcall as letters, in the first signature of its name.
func HostcallParams() map[string]string {
	params := map[string]string{}
	for _, h := range hostcalls() {
		if _, known := params[h.name]; !known {
			params[h.name] = h.params
		}
	}
	return params
}

// ImportNames are the functions that a module imports, in its order.
func (m *Module) ImportNames() []string {
	var names []string
	for _, def := range m.compiled.ImportedFunctions() {
		_, name, _ := def.Import()
		names = append(names, name)
	}
	return names
}

// Memory is the guest's.
func (in *Instance) Memory() api.Memory { return in.guest.Memory() }

// Remains are the contexts and the calls that the instance still knows.
func (in *Instance) Remains() (contexts, calls int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.scopes), len(in.calls.open)
}

// NewMemoryExchange is an exchange with the given request headers, and a body.
func NewMemoryExchange(body string, pairs ...string) Exchange {
	ex := newExchange(pairs...)
	ex.body.Append([]byte(body))
	return ex
}
