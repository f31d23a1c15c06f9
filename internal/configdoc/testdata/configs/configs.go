// Package configs are structs as modules have them.
package configs

import (
	"encoding/json"
	"net/http"
	"time"
)

// A is http.handlers.loom_a: it does this. And that (docs/limits.md).
//
//	a <b>
type A struct {
	common

	// Timeout bounds the time | of a try. Default: 0,
	// no limit.
	Timeout time.Duration `json:"timeout,omitempty"`

	// Parts by name. At least one.
	Parts map[string]*Part `json:"parts,omitempty"`

	// Cookie that is set. Default: none.
	Cookie *http.Cookie `json:"cookie,omitempty"`

	// HandlersRaw are what comes next. Required.
	HandlersRaw []json.RawMessage `json:"handle,omitempty" caddy:"namespace=http.handlers inline_key=handler"`

	Hidden   int `json:"-"`
	internal int
}

// common is in all of them.
type common struct {
	// ID names it. Required.
	ID string `json:"id"`
}

// Part says what is in it.
type Part struct {
	// Parts below it. Default: none.
	Parts []*Part `json:"parts,omitempty"`
}

// B is http.handlers.loom_b: it has parts of its own.
type B struct {
	// Parts of it. Default: none.
	Parts map[string]Other `json:"parts,omitempty"`

	// First is the one that counts. Default: none.
	First *Part `json:"first,omitempty"`
}

// Other is another part.
type Other struct {
	// On switches it on. Default: false.
	On bool `json:"on,omitempty"`
}

type Bare struct{}

// Silent does not say everything.
type Silent struct {
	Size int `json:"size"`
}

// AboveSilent leads to Silent.
type AboveSilent struct {
	// Silent is below. Default: none.
	Silent []Silent `json:"silent"`
}
