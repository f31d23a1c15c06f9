package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/loom-gateway/loom/internal/plugin"
	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// foreignNamespace is where modules add foreign functions: the last part of a module's ID is the name of the function.
const foreignNamespace = "loom.foreign"

// ForeignFunction is a function that plugins call by name (proxy_call_foreign_function): a Caddy module with an ID such as
// `loom.foreign.resolve_host`. Every one in the binary is loaded, without a line in the config; it may be a
// caddy.Provisioner and a caddy.CleanerUpper. A request that outlives its config may call it after Cleanup.
type ForeignFunction interface {
	// CallForeign runs the function while the plugin waits, so it must be quick: what takes longer goes on on a goroutine
	// and answers by call.Answer. Errors: ErrForeignArguments, ErrForeignNotFound; any other is an internal failure to the
	// plugin. It is called from several goroutines at once.
	CallForeign(call ForeignCall) (result []byte, err error)
}

// ForeignCall is a call of a foreign function.
type ForeignCall struct {
	// Plugin is the name of the plugin.
	Plugin string
	// Args is what the plugin hands in.
	Args []byte
	// Answer hands a result to the plugin's proxy_on_foreign_function, with an id by which the plugin knows what it is
	// about. It may be called at any time, on any goroutine and any number of times; after the plugin's end it does nothing.
	Answer func(id uint32, result []byte)
}

// Errors that a plugin can tell apart.
var (
	// ErrForeignArguments is a call with arguments that the function cannot read.
	ErrForeignArguments = errors.New("the arguments of the foreign function are wrong")
	// ErrForeignNotFound is a call for something that does not exist.
	ErrForeignNotFound = errors.New("the foreign function has not found it")
)

// loadForeign loads the functions of the binary.
func (a *App) loadForeign(ctx caddy.Context) (plugin.ForeignFunctions, error) {
	functions := map[string]ForeignFunction{}
	for _, info := range caddy.GetModules(foreignNamespace) {
		module, err := ctx.LoadModuleByID(string(info.ID), nil)
		if err != nil {
			return nil, fmt.Errorf("loading the foreign function %s: %w", info.ID, err)
		}
		f, ok := module.(ForeignFunction)
		if !ok {
			return nil, fmt.Errorf("loading the foreign function %s: the module is no gateway.ForeignFunction", info.ID)
		}
		functions[strings.TrimPrefix(string(info.ID), foreignNamespace+".")] = f
	}
	log := a.logger
	return func(plugin string, c proxywasm.ForeignCall) ([]byte, abi.Status) {
		f := functions[c.Name]
		if f == nil {
			return nil, abi.StatusNotFound
		}
		result, err := f.CallForeign(ForeignCall{Plugin: plugin, Args: c.Args, Answer: c.Answer})
		return result, foreignStatus(log, plugin, c.Name, err)
	}, nil
}

func foreignStatus(log *zap.Logger, plugin, name string, err error) abi.Status {
	switch {
	case err == nil:
		return abi.StatusOK
	case errors.Is(err, ErrForeignArguments):
		return abi.StatusBadArgument
	case errors.Is(err, ErrForeignNotFound):
		return abi.StatusNotFound
	}
	log.Debug("a foreign function failed", zap.String("plugin", plugin), zap.String("function", name), zap.Error(err))
	return abi.StatusInternalFailure
}
