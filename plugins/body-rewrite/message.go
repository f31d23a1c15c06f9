package main

import (
	"strconv"

	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm/types"
)

// message is the request or the response of an exchange.
type message struct {
	rewrite *rewrite // nil: bodies of this direction pass as they are
	side    side
	reading bool // the body is being kept until it is whole
	size    int  // of what is kept
}

// side is the half of the SDK that speaks of requests, or of responses.
type side struct {
	header  func(name string) (string, error)
	remove  func(name string) error
	body    func(start, size int) ([]byte, error)
	replace func(body []byte) error
}

func requestSide() side {
	return side{
		header: proxywasm.GetHttpRequestHeader, remove: proxywasm.RemoveHttpRequestHeader,
		body: proxywasm.GetHttpRequestBody, replace: proxywasm.ReplaceHttpRequestBody,
	}
}

func responseSide() side {
	return side{
		header: proxywasm.GetHttpResponseHeader, remove: proxywasm.RemoveHttpResponseHeader,
		body: proxywasm.GetHttpResponseBody, replace: proxywasm.ReplaceHttpResponseBody,
	}
}

// begin decides by the headers whether the body will be read.
func (m *message) begin(endOfStream bool) {
	if m.rewrite == nil || endOfStream {
		return
	}
	contentType, _ := m.side.header("content-type")
	if encoding, err := m.side.header("content-encoding"); err == nil && encoding != "identity" {
		return // compressed
	}
	length, err := m.side.header("content-length")
	if n, bad := strconv.Atoi(length); err == nil && (bad != nil || n > m.rewrite.MaxBytes) {
		return
	}
	if m.reading = m.rewrite.covers(contentType); m.reading {
		// These speak of the body that was sent; the gateway counts the new one.
		for _, name := range []string{"content-length", "content-md5", "content-digest", "etag", "accept-ranges"} {
			warn("removing "+name, m.side.remove(name))
		}
	}
}

// data keeps the body until it is whole. size is that of everything that was kept so far.
func (m *message) data(size int, endOfStream bool) types.Action {
	if !m.reading {
		return types.ActionContinue
	}
	m.size = size
	if size > m.rewrite.MaxBytes {
		m.reading = false // what was kept goes on, and the rest as it comes
		return types.ActionContinue
	}
	if !endOfStream {
		return types.ActionPause
	}
	m.end()
	return types.ActionContinue
}

// end rewrites the whole body: at its last chunk, or before its trailers.
func (m *message) end() {
	if !m.reading || m.size == 0 {
		return
	}
	m.reading = false
	body, err := m.side.body(0, m.size)
	if err != nil {
		warn("reading the body", err)
		return
	}
	if body, changed := m.rewrite.apply(body); changed {
		warn("replacing the body", m.side.replace(body))
	}
}

// warn reports what the gateway refused; the exchange goes on without it.
func warn(doing string, err error) {
	if err != nil {
		proxywasm.LogWarnf("body-rewrite: %s: %v", doing, err)
	}
}
