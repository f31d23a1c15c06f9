package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/loom-gateway/loom/internal/debuggate"
)

const (
	// minDebugKey is the shortest key that is worth to sign with, in bytes.
	minDebugKey = 16
	// maxDebugWindow bounds how long a signature can be used again.
	maxDebugWindow = time.Hour
)

// DebugGate decides who may see what plugins do to a request; nil lets nobody.
func (a *App) DebugGate() *debuggate.Gate { return a.debug }

// gate puts the settings into the engine's words.
func (d *Debug) gate() (*debuggate.Gate, error) {
	if d == nil {
		return nil, nil //nolint:nilnil // no gate: nobody gets through
	}
	key, err := caddy.NewReplacer().ReplaceOrErr(d.Key, true, true)
	window := time.Duration(d.Window)
	switch {
	case err != nil:
		return nil, fmt.Errorf("debug: key: %w", err)
	case d.Key == "" && !d.Loopback:
		return nil, errors.New("debug: nobody could ask: set loopback, or a key to sign requests with")
	case d.Key != "" && len(key) < minDebugKey:
		return nil, fmt.Errorf("debug: the key has %d bytes, write at least %d, such as what `openssl rand -hex 32` prints", len(key), minDebugKey)
	case window < 0 || window > maxDebugWindow:
		return nil, fmt.Errorf("debug: window %s: write a time up to %s", window, maxDebugWindow)
	case window == 0:
		window = debuggate.DefaultWindow
	}
	return &debuggate.Gate{Loopback: d.Loopback, Key: []byte(key), Window: window}, nil
}
