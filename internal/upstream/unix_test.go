package upstream_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/loom-gateway/loom/internal/upstream"
)

// Every protocol goes over a unix socket, by its path and as an abstract one, with both engines.
func TestUnixSockets(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string]string{upstream.HTTP: "HTTP/1.1", upstream.HTTPS: "HTTP/1.1", "h2": "HTTP/2.0", upstream.H2C: "HTTP/2.0", upstream.GRPC: "HTTP/2.0"} {
		for _, abstract := range []bool{false, true} {
			if abstract && runtime.GOOS != "linux" {
				continue
			}
			path := "@loom-test-" + protocol + "-" + strconv.Itoa(os.Getpid())
			if !abstract {
				dir, err := os.MkdirTemp("", "loom") // the path of a socket has little room
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { os.RemoveAll(dir) })
				path = filepath.Join(dir, "s")
			}
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			server := protocolServer(t, func(s *httptest.Server) {
				s.Listener.Close()
				s.Listener = l
				switch protocol {
				case "h2":
					s.EnableHTTP2 = true
					s.StartTLS()
				case upstream.HTTPS:
					s.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
					s.StartTLS()
				case upstream.HTTP:
					s.Start()
				default:
					s.Config.Protocols = new(http.Protocols)
					s.Config.Protocols.SetUnencryptedHTTP2(true)
					s.Start()
				}
			})
			for _, engine := range upstream.Engines() {
				s := upstream.Settings{Endpoints: endpoints("unix/" + path), Protocol: protocol, Engine: engine}
				if server.TLS != nil && (protocol == "h2" || protocol == upstream.HTTPS) {
					ca, _ := pemOf(t, server)
					s.Protocol, s.TLS = upstream.HTTPS, upstream.TLS{CA: ca, ServerName: "example.com"}
				}
				if _, got := send(t, newUpstream(t, s)); got != want+" example.com/path?q=1" {
					t.Errorf("%s over unix/%s by %s: the backend saw %s", protocol, path, engine, got)
				}
			}
		}
	}
}
