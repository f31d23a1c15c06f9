package httpfilter

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// An HTTP/3 request without a declared length has a body when there is a byte of it.
func TestSettleBody(t *testing.T) {
	for _, tc := range []struct {
		method, body string
		proto        int
		length       int64 // afterwards
	}{
		{"GET", "", 3, 0},
		{"GET", "abc", 3, -1},
		{"HEAD", "", 3, 0},
		{"POST", "", 3, -1},
		{"GET", "", 2, -1},
	} {
		r := &http.Request{Method: tc.method, ProtoMajor: tc.proto, ContentLength: -1, Body: io.NopCloser(strings.NewReader(tc.body))}
		settleBody(r)
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != tc.body || r.ContentLength != tc.length {
			t.Errorf("%+v: body %q, length %d, error %v", tc, body, r.ContentLength, err)
		}
	}
}
