package cmd

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
)

func TestInspect(t *testing.T) {
	for file, want := range map[string]struct {
		lines   []string
		refusal string
	}{
		"../plugins/probe/probe.wasm": {[]string{
			`ABI version +0\.2\.1`, `size +\d+ bytes`, `callbacks +on_request_headers on_request_body .*on_log .*on_tick`, `imports +env\.proxy_log`,
		}, ""},
		"../internal/conformance/testdata/unknown.wasm": {[]string{
			`ABI version +0\.2\.1`, `callbacks +on_request_headers on_response_headers`, `missing +env\.proxy_get_secret\(i32, i32\) -> \(i32\)`,
		}, "unknown_imports"},
		"../internal/conformance/testdata/tcp.wasm":     {[]string{`not called +on_downstream_data on_new_connection`}, "Loom runs HTTP filters"},
		"../internal/conformance/testdata/program.wasm": {[]string{`ABI version +not marked`, `callbacks +none of a request's`}, "cdylib"},
	} {
		var out bytes.Buffer
		err := inspectPlugin(context.Background(), &out, file)
		for _, line := range want.lines {
			if !regexp.MustCompile("(?m)^" + line).MatchString(out.String()) {
				t.Errorf("%s: no line %q in\n%s", file, line, out.String())
			}
		}
		if (err == nil) != (want.refusal == "") || (err != nil && !strings.Contains(err.Error(), want.refusal)) {
			t.Errorf("%s: error %v, want %q", file, err, want.refusal)
		}
	}
}
