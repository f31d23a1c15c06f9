package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/freeport"
)

// mounted is a document that is mounted into a container: with a plugin, so that something is compiled and kept.
const mounted = `
listeners: [{address: "127.0.0.1:${LOOM_PORT}"}]
routes: [{path: /, respond: "who asks?", plugins: [rate-limit]}]
admin: {address: "${LOOM_ADMIN}"}
`

// container runs programs in a tree as an engine would: as the image's user, in its folder, with its environment and no other.
type container struct {
	config imageConfig
	tree   string
	env    []string
}

func (c container) command(t *testing.T, args []string) *exec.Cmd {
	t.Helper()
	user, group, _ := strings.Cut(c.config.User, ":")
	uid, err := strconv.Atoi(user)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = c.config.WorkingDir, slices.Concat(c.config.Env, c.env)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: c.tree, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}

// healthy runs the image's health check.
func (c container) healthy(t *testing.T) (bool, string) {
	t.Helper()
	out, err := c.command(t, c.config.Healthcheck.Test[1:]).CombinedOutput()
	return err == nil, string(out)
}

func checkRuns(t *testing.T, config imageConfig, tree string) {
	if os.Getuid() != 0 {
		skip(t, "the image's binary in a tree of its own (that takes root)")
	}
	if err := os.Chmod(filepath.Dir(tree), 0o755); err != nil { // the user must get there
		t.Fatal(err)
	}
	if err := os.Chmod(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	port, admin, caddyAdmin := freeport.Port(t), freeport.Port(t), freeport.Port(t)
	c := container{config, tree, []string{"LOOM_PORT=" + port, "LOOM_ADMIN=127.0.0.1:" + admin, "CADDY_ADMIN=127.0.0.1:" + caddyAdmin}}

	t.Run("as it is", func(t *testing.T) { c.serves(t, port, "Loom runs.") })
	t.Run("with a document of one's own", func(t *testing.T) {
		write(t, filepath.Join(tree, "etc/loom/loom.yaml"), mounted)
		c.serves(t, port, "who asks?")
		for _, pattern := range []string{"config/caddy/autosave.json", "data/caddy/loom/compiled/*"} {
			kept, err := filepath.Glob(filepath.Join(tree, pattern))
			if err != nil || len(kept) == 0 || !strings.HasSuffix(ownership(t, kept[0]), " 65532:65532") {
				t.Errorf("%s: %q is kept, %v", pattern, kept, err)
			}
		}
	})
}

// serves starts the container, asks it and its health check, and stops it.
func (c container) serves(t *testing.T, port, want string) {
	if well, out := c.healthy(t); well {
		t.Fatalf("the health check passes before the start: %s", out)
	}
	cmd, log := c.command(t, slices.Concat(c.config.Entrypoint, c.config.Cmd)), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
			return fmt.Errorf("it does not end")
		}
	}
	why := ""
	if !eventually(func() (well bool) { well, why = c.healthy(t); return well }) {
		t.Fatalf("it does not become well: %s%v\n%s", why, stop(), log)
	}
	res, err := http.Get("http://127.0.0.1:" + port)
	if err != nil {
		t.Fatalf("%v %v\n%s", err, stop(), log)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.HasPrefix(string(body), want) {
		t.Errorf("it answers %s %q", res.Status, body)
	}
	if err := stop(); err != nil {
		t.Errorf("after %s: %v\n%s", c.config.StopSignal, err, log)
	}
	if well, out := c.healthy(t); well {
		t.Errorf("the health check passes after the end: %s", out)
	}
}
