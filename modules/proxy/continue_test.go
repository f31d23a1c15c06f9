package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/modules/moduletest"
)

const expecting = " HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

// TestExpectContinue has the backend decide whether it wants the body. The client hears so once: the server says 100 by itself
// when the body is read, at the moment when the backend's comes.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	echo := backend(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			http.Error(w, "too large", http.StatusExpectationFailed)
			return
		}
		io.Copy(w, r.Body)
	})
	for _, engine := range []string{"loom", "stock"} {
		config := strings.Replace(loom("http", echo), `"protocol"`, `"transport": {"engine": "`+engine+`"}, "protocol"`, 1)
		c := moduletest.Provision(t, moduletest.HTTP(config, toBackend)).Start()
		if res := raw(t, c.Addr(""), "POST /no"+expecting); res.StatusCode != http.StatusExpectationFailed {
			t.Errorf("%s: refused body: status %d", engine, res.StatusCode)
		}
		for range 30 {
			if got := echoExpecting(t, c.Addr("")); got != "200 body" {
				t.Fatalf("%s: %s", engine, got)
			}
		}
	}
}

// echoExpecting is the answer behind one 100.
func echoExpecting(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /yes"+expecting)
	reader := bufio.NewReader(conn)
	if res, err := http.ReadResponse(reader, nil); err != nil || res.StatusCode != http.StatusContinue {
		t.Fatalf("interim answer %v, error %v", res, err)
	}
	fmt.Fprint(conn, "body")
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", body(t, res))
}
