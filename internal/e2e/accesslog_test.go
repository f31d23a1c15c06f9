package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
)

// The access log goes to a file beside the document, without what is secret or left out, and only some of it.
func TestAccessLogInAFile(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freeport.Port(t)
	write(t, filepath.Join(dir, "loom.yaml"), `listeners: [{address: ":`+port+`"}]
access_log: {output: logs/access.log, omit: [request>headers, resp_headers], sample: {interval: 1h, first: 3, thereafter: 1000}}
routes:
  - {id: good, path: /, respond: hello}
  - {id: bad, path: /bad/, respond: {status: 503, body: no}}
`)
	gateway := start(t, dir, environment(t), port)
	base := "http://127.0.0.1:" + port
	for range 20 {
		get(t, base+"/?token=geheim")
	}
	get(t, base+"/bad")
	log := filepath.Join(dir, "logs", "access.log")
	eventually(t, "the last line", func() bool {
		data, _ := os.ReadFile(log)
		return strings.Contains(string(data), `"route":"bad"`)
	})
	text := read(t, log)
	if good := strings.Count(text, `"route":"good"`); good != 3 {
		t.Errorf("%d lines of 20 good requests", good)
	}
	for _, never := range []string{"geheim", "headers", "User-Agent"} {
		if strings.Contains(text, never) {
			t.Errorf("%q is in the log: %s", never, text)
		}
	}
	gateway.stop()
	if strings.Contains(gateway.log.String(), `"http.log.access`) {
		t.Error("it is on stderr, too")
	}
}
