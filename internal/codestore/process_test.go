//go:build linux

package codestore

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Another process is this test binary with a folder in its environment.
const (
	folderVariable = "LOOM_TEST_CODE_FOLDER"
	fileLimit      = "LOOM_TEST_FILE_LIMIT"
)

// TestStart is what such a process does.
func TestStart(t *testing.T) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		t.Skip("started by the other tests")
	}
	if os.Getenv(fileLimit) != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10_000, Max: 10_000}); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, folder)
	run(t, s, rust(t))
	fmt.Println("troubles:", s.Troubles())
}

// start runs TestStart in a process of its own and returns what it says of its troubles.
func start(t *testing.T, folder string, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStart$", "-test.v")
	cmd.Env = append(os.Environ(), append(env, folderVariable+"="+folder)...)
	out, err := cmd.CombinedOutput()
	_, troubles, ok := strings.Cut(string(out), "troubles: ")
	if err != nil || !ok {
		t.Errorf("the process: %v\n%s", err, out)
	}
	troubles, _, _ = strings.Cut(troubles, "\n--- ")
	return troubles
}

func startMany(t *testing.T, folder string) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { start(t, folder) })
	}
	wg.Wait()
}

// Processes that start at once, on an empty folder and on a damaged one, all run, and leave one good file.
func TestProcessesThatStartAtOnce(t *testing.T) {
	folder := t.TempDir()
	startMany(t, folder)
	list := files(t, folder)
	if len(list) != 1 {
		t.Fatalf("the folder has %q", list)
	}
	good, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	if troubles := start(t, folder); troubles != "<nil>" {
		t.Errorf("a later process has troubles: %s", troubles)
	}
	if err := os.WriteFile(list[0], good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	startMany(t, folder)
	if again := files(t, folder); len(again) != 1 || again[0] != list[0] {
		t.Errorf("after the damage the folder has %q", again)
	}
	if troubles := start(t, folder); troubles != "<nil>" {
		t.Errorf("after the damage was repaired: %s", troubles)
	}
}

// A process that may not write large files stands for a full disk: it runs, and leaves nothing half written.
func TestFilesThatCannotBeWritten(t *testing.T) {
	folder := t.TempDir()
	if troubles := start(t, folder, fileLimit+"=1"); !strings.Contains(troubles, "file too large") {
		t.Errorf("the process says: %s", troubles)
	}
	if list := files(t, folder); len(list) > 0 {
		t.Errorf("it left %q", list)
	}
}

func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	if troubles := start(t, folder); !strings.Contains(troubles, "no space left") {
		t.Errorf("the process says: %s", troubles)
	}
	if list := files(t, folder); len(list) > 0 {
		t.Errorf("it left %q", list)
	}
}

func TestReadOnlyFolder(t *testing.T) {
	folder := t.TempDir()
	start(t, folder)
	s := mustOpen(t, folder)
	if err := os.Chmod(folder, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(folder, 0o700)
	asNobody(t, func() {
		_ = s.Add(key{1}, strings.NewReader("code"))
		if err := s.Troubles(); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("writing: %v", err)
		}
	})
	if list := files(t, folder); len(list) != 1 {
		t.Errorf("the folder has %q", list)
	}
}

// asNobody takes root's right to write everywhere from one thread.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	for dir := t.TempDir(); dir != "/"; dir = filepath.Dir(dir) { // the way to the folder must be open
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o055 != 0o055 && strings.Contains(dir, t.Name()) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestWhatOthersMayWrite(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, folder)
	refused := func(what string) {
		t.Helper()
		if s, err := Open(folder); err == nil {
			t.Errorf("%s is taken: %v", what, s)
		}
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	refused("a folder that all may write to")
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	_ = s.Add(key{1}, strings.NewReader("code"))
	if err := os.Chmod(s.path(key{1}), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := has(t, s, key{1}); got != "" || s.Troubles() == nil {
		t.Errorf("a file that all may write to: %q", got)
	}
	if os.Geteuid() != 0 {
		return
	}
	_ = s.Add(key{1}, strings.NewReader("code"))
	if err := os.Chown(s.path(key{1}), 1, 1); err != nil {
		t.Fatal(err)
	}
	if got := has(t, s, key{1}); got != "" || s.Troubles() == nil {
		t.Errorf("a file of somebody else: %q", got)
	}
	if err := os.Chown(folder, 1, 1); err != nil {
		t.Fatal(err)
	}
	refused("a folder of somebody else")
}
