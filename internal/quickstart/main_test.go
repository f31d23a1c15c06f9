package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// runMain makes the test binary the quickstart itself, so that signals and exit statuses are real.
const runMain = "QUICKSTART_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
		return
	}
	status := m.Run()
	if root, err := house(); err == nil {
		_ = os.RemoveAll(root)
	}
	os.Exit(status)
}

// house is a copy of what `make build` makes, in a folder of its own.
var house = sync.OnceValues(func() (string, error) {
	root, err := os.MkdirTemp("", "loom-quickstart-")
	if err != nil {
		return "", err
	}
	for _, build := range []struct {
		folder string
		env    []string
		args   []string
	}{
		{"../..", nil, []string{"-o", filepath.Join(root, "bin/loom"), "./cmd/loom"}},
		{
			"../../plugins/add-header",
			[]string{"GOOS=wasip1", "GOARCH=wasm"},
			[]string{"-buildmode=c-shared", "-o", filepath.Join(root, "bin/plugins/add-header.wasm"), "."},
		},
	} {
		cmd := exec.Command("go", append([]string{"build"}, build.args...)...)
		cmd.Dir, cmd.Env = build.folder, append(os.Environ(), build.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
		}
	}
	config, err := os.ReadFile("../../configs/loom.yaml")
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(root, "configs"), 0o755); err != nil {
		return "", err
	}
	return root, os.WriteFile(filepath.Join(root, "configs/loom.yaml"), config, 0o600)
})

// process is a running quickstart.
type process struct {
	*exec.Cmd
	ports  ports
	out    *bufio.Scanner
	errors *bytes.Buffer
}

func start(t *testing.T, p ports, more ...string) *process {
	t.Helper()
	root, err := house()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-port", fmt.Sprint(p.gateway), "-upstream-port", fmt.Sprint(p.upstream),
		"-admin-port", fmt.Sprint(p.admin), "-caddy-admin-port", fmt.Sprint(p.caddyAdmin),
	}
	q := &process{Cmd: exec.Command(os.Args[0], append(args, more...)...), ports: p, errors: new(bytes.Buffer)}
	q.Dir, q.Stderr = root, q.errors
	q.Env = append(os.Environ(), runMain+"=1", "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := q.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	q.out = bufio.NewScanner(out)
	if err := q.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Process.Signal(syscall.SIGTERM) })
	return q
}

// until reads the output up to a line that holds text.
func (q *process) until(t *testing.T, text string) {
	t.Helper()
	for q.out.Scan() {
		if strings.Contains(q.out.Text(), text) {
			return
		}
	}
	_ = q.Wait()
	t.Fatalf("the output ended before %q; the log:\n%s", text, q.errors)
}

// end waits for the exit status.
func (q *process) end(t *testing.T) int {
	t.Helper()
	watchdog := time.AfterFunc(time.Minute, func() { _ = q.Process.Kill() })
	defer watchdog.Stop()
	for q.out.Scan() { // Wait may be called only when all is read
	}
	_ = q.Wait()
	return q.ProcessState.ExitCode()
}

func (q *process) get(t *testing.T, port int, path string) (*http.Response, []byte) {
	t.Helper()
	res, err := http.Get(fmt.Sprintf("http://localhost:%d%s", port, path))
	if err != nil {
		t.Fatalf("%v; the log:\n%s", err, q.errors)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, body
}

func freePorts(t *testing.T) ports {
	t.Helper()
	var numbers [4]int
	for i := range numbers {
		number, err := strconv.Atoi(freeport.Port(t))
		if err != nil {
			t.Fatal(err)
		}
		numbers[i] = number
	}
	return ports{numbers[0], numbers[1], numbers[2], numbers[3]}
}

// TestWhatANewcomerTries does what the hints say.
func TestWhatANewcomerTries(t *testing.T) {
	t.Parallel()
	q := start(t, freePorts(t))
	q.until(t, "Ctrl-C stops both")

	res, body := q.get(t, q.ports.gateway, "/api/hello?x=1")
	var request seen
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatalf("the answer is no JSON: %v\n%s", err, body)
	}
	if request.Path != "/api/hello" || request.Query != "x=1" || request.Headers.Get("X-Plugin") != "add-header" {
		t.Errorf("the upstream saw %+v", request)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Plugin") != "add-header" {
		t.Errorf("the client got %d %v", res.StatusCode, res.Header)
	}

	var statuses []int
	for range 6 {
		res, _ := q.get(t, q.ports.gateway, "/limited/hello")
		statuses = append(statuses, res.StatusCode)
	}
	if statuses[0] != http.StatusOK || statuses[5] != http.StatusTooManyRequests {
		t.Errorf("six requests to the limited route got %v", statuses)
	}
	if res, _ := q.get(t, q.ports.gateway, "/nowhere"); res.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown path got %d", res.StatusCode)
	}
	if res, _ := q.get(t, q.ports.admin, "/metrics"); res.StatusCode != http.StatusOK {
		t.Errorf("the metrics got %d", res.StatusCode)
	}

	if err := q.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status := q.end(t); status != 0 {
		t.Errorf("after Ctrl-C the exit status is %d; the log:\n%s", status, q.errors)
	}
	if err := q.ports.check(t.Context()); err != nil {
		t.Error("something goes on after Ctrl-C:", err)
	}
}

func TestAGatewayThatStopsIsReported(t *testing.T) {
	t.Parallel()
	q := start(t, freePorts(t))
	q.until(t, "Ctrl-C stops both")
	res, err := http.Post(fmt.Sprintf("http://localhost:%d/stop", q.ports.caddyAdmin), "", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if status := q.end(t); status != 1 || !strings.Contains(q.errors.String(), "the gateway stopped by itself (exit status 0)") {
		t.Errorf("exit status %d; the log:\n%s", status, q.errors)
	}
}

func TestAConfigThatIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "loom.yaml")
	if err := os.WriteFile(file, []byte("routs: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	q := start(t, freePorts(t), "-config", file)
	status := q.end(t)
	for _, want := range []string{"routs", "the gateway stopped by itself (exit status 1)"} {
		if status != 1 || !strings.Contains(q.errors.String(), want) {
			t.Errorf("exit status %d, want 1 and %q; the log:\n%s", status, want, q.errors)
		}
	}
}

func TestBusyPorts(t *testing.T) {
	t.Parallel()
	p := freePorts(t)
	for _, busy := range []int{p.gateway, p.caddyAdmin} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", busy))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	p.admin = p.upstream
	err := p.check(t.Context())
	if err == nil {
		t.Fatal("busy ports are not noticed")
	}
	for _, want := range []string{
		fmt.Sprintf("port %d for the gateway is taken by another program: choose another, as in  make run PORT=", p.gateway),
		fmt.Sprintf("port %d for Caddy's admin API is taken by another program: choose another, as in  make run CADDY_ADMIN_PORT=", p.caddyAdmin),
		fmt.Sprintf("port %d is asked for by the demo upstream and by Loom's admin API: choose another, as in  make run ADMIN_PORT=", p.admin),
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message is\n%v\nand lacks %q", err, want)
		}
	}
}

func TestBusyPortsEndTheProgram(t *testing.T) {
	t.Parallel()
	p := freePorts(t)
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", p.gateway))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	q := start(t, p)
	if status := q.end(t); status != 1 || !strings.Contains(q.errors.String(), "make run PORT=") {
		t.Errorf("exit status %d; the log:\n%s", status, q.errors)
	}
}
