package datapath

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	_ "github.com/loom-gateway/loom"
	"github.com/loom-gateway/loom/internal/freeport"
	"github.com/loom-gateway/loom/internal/leaktest"
	"github.com/loom-gateway/loom/loomadapter"
	"github.com/loom-gateway/loom/modules/moduletest"
)

// patience is how long anything may take before a test fails.
const patience = 20 * time.Second

// TestMain finds the goroutines that requests and upstreams leave behind. Caddy does not wait for the end of HTTP/3
// connections when it stops.
func TestMain(m *testing.M) {
	withExtendedConnect()
	const quic, stop = "github.com/quic-go/quic-go", "github.com/caddyserver/caddy/v2/modules/caddyhttp.(*App).stop"
	var options []goleak.Option
	for _, function := range []string{
		quic + ".(*Conn).run", quic + ".(*sendQueue).Run", quic + ".(*ReceiveStream).readImpl", quic + ".(*incomingStreamsMap[...]).AcceptStream",
		quic + ".(*baseServer).run", quic + ".(*baseServer).runSendQueue", quic + ".(*Transport).runSendQueue", quic + ".(*Transport).listen",
		quic + "/http3.(*Server).Shutdown", stop + ".func1.1", stop + ".func3", stop + ".func4",
		"github.com/caddyserver/certmagic.keepLockfileFresh", // which sees within 5s that the lock is gone
	} {
		options = append(options, goleak.IgnoreAnyFunction(function))
	}
	goleak.VerifyTestMain(leaktest.Patient(m, options...), options...)
}

// withExtendedConnect runs the tests in a process whose environment has WebSockets over HTTP/2 on, as docs/upstreams.md says: Go looks
// at it once, before main.
func withExtendedConnect() {
	const setting = "http2xconnect=1"
	if strings.Contains(os.Getenv("GODEBUG"), setting) {
		return
	}
	env := append(os.Environ(), "GODEBUG="+strings.Trim(os.Getenv("GODEBUG")+","+setting, ","))
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, env)
	}
	panic(err)
}

// gateway is a running Loom with two listeners.
type gateway struct {
	*moduletest.Caddy
	plain  string // the address for HTTP/1.1 and HTTP/2 without TLS
	secure string // the address for HTTP/1.1, HTTP/2 and HTTP/3 over TLS
}

// toBackend sends everything to the upstream backend.
const toBackend = `
routes: [{id: all, path: "/*", methods: [GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE, CONNECT], upstream: backend}]
`

// start runs a loom.yaml, which comes without listeners. settings are lines for each listener, such as "max_header_size: 64KiB".
func start(t testing.TB, document string, settings ...string) *gateway {
	t.Helper()
	cert := newCertificate(t)
	g := &gateway{plain: freeport.Address(t), secure: freeport.Address(t)}
	more := ""
	for _, s := range settings {
		more += ", " + s
	}
	document = fmt.Sprintf(`listeners:
  - {name: plain, address: %q, protocol: h2c%s}
  - {name: secure, address: %q, protocol: https, tls: {cert: %q, key: %q}%s}
%s`, g.plain, more, g.secure, cert.chain, cert.key, more, document)
	g.Caddy = moduletest.Provision(t, adapt(t, document)).Start()
	return g
}

// adapt makes Caddy's JSON. The test has no storage that Caddy should clean.
func adapt(t testing.TB, document string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loom.yaml")
	config, warnings, err := loomadapter.Adapter{}.Adapt([]byte(document), map[string]any{"filename": path})
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	for _, w := range warnings {
		t.Logf("warning: %s", w.Message)
	}
	var parsed map[string]any
	if err := json.Unmarshal(config, &parsed); err != nil {
		t.Fatal(err)
	}
	delete(parsed, "admin")
	delete(parsed, "logging")
	parsed["apps"].(map[string]any)["tls"].(map[string]any)["disable_storage_clean"] = true
	return moduletest.Quote(parsed)
}

// upstream is the section for a group of backends; more are lines such as "protocol: h2c".
func upstream(addresses []string, more ...string) string {
	return fmt.Sprintf("upstreams:\n  - name: backend\n    endpoints: [%s]\n    %s\n", quoted(addresses), strings.Join(more, "\n    "))
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, strconv.Quote(s))
	}
	return strings.Join(out, ", ")
}

// within fails the test when the channel says nothing.
func within[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %s", what, patience)
	}
	return v
}

// until waits for something that others have to notice first.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after %s", what, patience)
		}
	}
}
