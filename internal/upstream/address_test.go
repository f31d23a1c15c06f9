package upstream_test

import (
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/upstream"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]upstream.Address{
		"localhost:3000":    {Network: "tcp", Dial: "localhost:3000", Host: "localhost", Port: "3000"},
		"10.0.0.1:1":        {Network: "tcp", Dial: "10.0.0.1:1", Host: "10.0.0.1", Port: "1"},
		"[::1]:65535":       {Network: "tcp", Dial: "[::1]:65535", Host: "::1", Port: "65535"},
		"[fe80::1%eth0]:80": {Network: "tcp", Dial: "[fe80::1%eth0]:80", Host: "fe80::1%eth0", Port: "80"},
		"my_app.svc.:80":    {Network: "tcp", Dial: "my_app.svc.:80", Host: "my_app.svc.", Port: "80"},
		"unix//run/a.sock":  {Network: "unix", Dial: "/run/a.sock"},
		"unix/relative":     {Network: "unix", Dial: "relative"},
		"unix/@abstract":    {Network: "unix", Dial: "@abstract"},
	} {
		if got, err := upstream.ParseAddress(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

// TestParseAddressRefuses has each error say what to write.
func TestParseAddressRefuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                     "write host:port",
		"localhost":            "missing port in address",
		":3000":                "missing host (write localhost:port",
		"localhost:http":       "is not a number from 1 to 65535",
		"localhost:0":          "is not a number from 1 to 65535",
		"localhost:65536":      "is not a number from 1 to 65535",
		"localhost:-1":         "is not a number from 1 to 65535",
		"::1:80":               "too many colons",
		"user@host:80":         "'@' does not belong in a host name",
		"{env.BACKEND}:80":     "'{' does not belong in a host name",
		"*:80":                 "'*' does not belong in a host name",
		"http://host:80":       `write "host:80" and set the protocol to http`,
		"h2c://host:80/":       `write "host:80" and set the protocol to h2c`,
		"unix/":                "missing path of the socket",
		"host:80/path":         "is not a number from 1 to 65535",
		"host:80\r\nX-Evil: 1": "too many colons",
	} {
		if got, err := upstream.ParseAddress(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, error %v, want one with %s", in, got, err, want)
		}
	}
}
