package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"

	"github.com/loom-gateway/loom/modules/moduletest"
)

// The backend hears the two ends of the client's own connection to the gateway.
func TestTheBackendHearsTheClient(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.RemoteAddr, " ", r.Context().Value(http.LocalAddrContextKey))
	})}
	go server.Serve(&proxyproto.Listener{Listener: l})
	t.Cleanup(func() { server.Close() })
	config := fmt.Sprintf(`{"upstreams": {"announced": {"proxy_protocol": "v2", "endpoints": [{"address": %q}]}}}`, l.Addr())
	c := moduletest.Provision(t, moduletest.HTTP(config, `{"handler": "loom_proxy", "upstream": "announced"}`)).Start()
	conn, err := net.Dial("tcp", c.Addr(""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := body(t, res), fmt.Sprint(conn.LocalAddr(), " ", conn.RemoteAddr()); got != want {
		t.Errorf("the backend heard %s, want %s", got, want)
	}
}
