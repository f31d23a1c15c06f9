package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// digest tells configs apart by what Loom does with them.
type digest struct {
	mu    sync.Mutex
	parts []string
}

// AddToDigest makes a part of the config count for ConfigDigest: its JSON, before its modules are loaded, which empties it.
func (a *App) AddToDigest(part any) error {
	text, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("reading the config for its digest: %w", err)
	}
	sum := sha256.Sum256(text)
	a.digest.mu.Lock()
	defer a.digest.mu.Unlock()
	a.digest.parts = append(a.digest.parts, hex.EncodeToString(sum[:]))
	return nil
}

// ConfigDigest is the same for configs with the same plugins (by the digests of their modules, which the adapters fill in),
// upstreams and routes, in whatever form they were written. Listeners and certificates do not count, nor does how often
// a router stands there.
func (a *App) ConfigDigest() string {
	a.digest.mu.Lock()
	defer a.digest.mu.Unlock()
	h := sha256.New()
	for _, part := range slices.Compact(slices.Sorted(slices.Values(a.digest.parts))) {
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
