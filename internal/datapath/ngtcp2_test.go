package datapath

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNgtcp2 speaks HTTP/3 with ngtcp2 and nghttp3, which share nothing with the gateway's quic-go.
func TestNgtcp2(t *testing.T) {
	t.Parallel()
	program := need(t, "gtlsclient")
	g := start(t, throughAPlugin+upstream([]string{echoBackend(t)}))
	text := strings.Repeat("sent and come back ", 5000)
	for _, c := range []struct {
		name    string
		streams int
		want    string
		flags   []string
	}{
		{"GET", 1, strings.Repeat(greeting, 10), nil},
		{"many streams", 100, strings.Repeat(greeting, 10), []string{"--nstreams=100"}},
		{"POST", 1, text, []string{"--http-method=POST", "--data=" + writeFile(t, text)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			host, port, err := net.SplitHostPort(g.secure)
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			args := append(c.flags, "--no-quic-dump", "--exit-on-all-streams-close", "--download="+folder, host, port, "https://"+g.secure+"/answer")
			out, err := exec.Command(program, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			answer, err := os.ReadFile(filepath.Join(folder, "answer"))
			if err != nil || string(answer) != c.want {
				t.Errorf("%d bytes %.40q, %v; want %d bytes\n%s", len(answer), answer, err, len(c.want), out)
			}
			if n := strings.Count(string(out), "[:status: 200]"); n != c.streams {
				t.Errorf("%d streams have a 200, want %d\n%s", n, c.streams, out)
			}
		})
	}
}
