package datapath

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// throughAPlugin sends everything to the upstream backend, through a plugin that looks at each request and each response.
const throughAPlugin = `
routes: [{id: all, path: "/*", upstream: backend, plugins: [{name: rate-limit, config: {requests_per_second: 10000000, burst: 10000000}}]}]
`

const greeting = "a body to cut into frames. "

// echoBackend answers a POST with what it brings, and anything else with a greeting, said ten times.
func echoBackend(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = http.NewResponseController(w).EnableFullDuplex() // or a response ends the reading
			_, _ = io.Copy(w, r.Body)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat(greeting, 10))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// skip leaves a test out where something is missing that `.ci/setup` installs; in CI that is a failure.
func skip(t *testing.T, notRun string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("not run: " + notRun)
	}
	t.Skip("not run: " + notRun)
}

// need finds a program.
func need(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		skip(t, program+", which .ci/setup installs")
	}
	return path
}

func itoa(n int) string { return strconv.Itoa(n) }
