package proxywasm

import (
	"strings"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// readOnlyMap is a header map that guests cannot write to.
type readOnlyMap struct {
	pairs []abi.Pair
	// dispatch answers the name :dispatch_status, which is not listed. Empty: there is none.
	dispatch string
}

// Len implements HeaderMap.
func (m readOnlyMap) Len() int { return len(m.pairs) }

// AppendPairs implements HeaderMap.
func (m readOnlyMap) AppendPairs(dst []abi.Pair) []abi.Pair { return append(dst, m.pairs...) }

// Get implements HeaderMap.
func (m readOnlyMap) Get(name []byte) (string, bool) {
	if m.dispatch != "" && string(name) == ":dispatch_status" {
		return m.dispatch, true
	}
	for _, p := range m.pairs {
		if strings.EqualFold(p.Name, string(name)) {
			return p.Value, true
		}
	}
	return "", false
}

const readOnly = "the answer to a call cannot be changed"

// Add implements HeaderMap. It and its neighbours do nothing.
func (readOnlyMap) Add([]byte, []byte) string { return readOnly }

// Set implements HeaderMap.
func (readOnlyMap) Set([]byte, []byte) string { return readOnly }

// Remove implements HeaderMap.
func (readOnlyMap) Remove([]byte) string { return readOnly }

// Replace implements HeaderMap.
func (readOnlyMap) Replace([]abi.Pair) string { return readOnly }

// Interface guard
var _ HeaderMap = readOnlyMap{}
