package proxywasm

import (
	"errors"
	"sync/atomic"
)

// Denied is what a plugin wanted and may not.
type Denied uint8

// What is denied: the words are the label of the metric.
const (
	DeniedFunction Denied = iota
	DeniedUpstream
	DeniedHeaderRead
	DeniedHeaderWrite

	deniedCount = 4
)

// String is the setting that denies it.
func (d Denied) String() string {
	return [deniedCount]string{"functions", "upstreams", "headers.read", "headers.write"}[d]
}

// ErrDenied is a call to what the plugin's permissions leave out.
var ErrDenied = errors.New("the plugin may not call it")

// denials counts what the instances of a module were denied.
type denials [deniedCount]atomic.Int64

func (in *Instance) deny(d Denied) { in.module.denials[d].Add(1) }

// Denials are how often the plugin wanted what it may not, by Denied.
func (m *Module) Denials() (n [deniedCount]int64) {
	for d := range n {
		n[d] = m.denials[d].Load()
	}
	return n
}
