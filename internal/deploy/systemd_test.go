package deploy

import (
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/loom-gateway/loom/internal/freeport"
)

const unit = "examples/systemd/loom.service"

// unitLine is what a key of the unit is set to.
func unitLine(t *testing.T, key string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + key + `=(.+)$`).FindStringSubmatch(read(t, filepath.Join(root, unit)))
	if found == nil {
		t.Fatalf("%s has no %s", unit, key)
	}
	return found[1]
}

// systemd knows every line of the unit, and finds little that is exposed.
func TestSystemdKnowsTheUnit(t *testing.T) {
	t.Parallel()
	analyze := need(t, "systemd-analyze", "the unit, read by systemd")
	copied := filepath.Join(t.TempDir(), "loom.service")
	write(t, copied, strings.ReplaceAll(read(t, filepath.Join(root, unit)), "/usr/local/bin/loom", loom(t)))
	if out, err := exec.Command(analyze, "verify", "--man=no", copied).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	const threshold = "20" // of 100; a unit without a word about it has 96
	if out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+threshold, copied).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}

// The unit's commands do what systemd expects: the start says when it is ready, the reload changes what is served, SIGTERM ends it.
func TestUnitCommands(t *testing.T) {
	t.Parallel()
	folder, port := t.TempDir(), freeport.Port(t)
	document := filepath.Join(folder, "loom.yaml")
	command := func(key string) []string {
		binary, args, _ := strings.Cut(unitLine(t, key), " ")
		if binary != "/usr/local/bin/loom" {
			t.Fatalf("%s is %s", key, binary)
		}
		return strings.Fields(strings.ReplaceAll(args, "/etc/loom/loom.yaml", document))
	}
	say := func(text string) {
		write(t, document, "listeners: [{address: \"127.0.0.1:"+port+"\"}]\nroutes: [{path: /, respond: "+text+"}]\n")
	}
	socket := filepath.Join(folder, "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	admin := "CADDY_ADMIN=" + freeport.Address(t)

	say("one")
	if out, err := run(t, []string{admin}, command("ExecStartPre")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g := start(t, []string{"NOTIFY_SOCKET=" + socket, admin}, command("ExecStart")...)
	if unitLine(t, "Type") != "notify" {
		t.Error("the unit does not wait until the gateway is ready")
	}
	hear(t, systemd, "READY=1")
	if body := get(t, "http://127.0.0.1:"+port); body != "one" {
		t.Errorf("when it is ready: %q", body)
	}
	say("two")
	if out, err := run(t, []string{admin}, command("ExecReload")...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if body := get(t, "http://127.0.0.1:"+port); body != "two" {
		t.Errorf("after the reload: %q", body)
	}
	if err := g.stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// hear waits until a message comes.
func hear(t *testing.T, systemd *net.UnixConn, want string) {
	t.Helper()
	said := make(chan bool, 1)
	go func() {
		for buffer := make([]byte, 4096); ; {
			n, err := systemd.Read(buffer)
			if err != nil || strings.Contains(string(buffer[:n]), want) {
				said <- err == nil
				return
			}
		}
	}()
	if !eventually(func() bool { return len(said) > 0 }) || !<-said {
		t.Fatalf("systemd does not hear %s", want)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
