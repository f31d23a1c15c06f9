package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/loom-gateway/loom/internal/proxywasm"
	"github.com/loom-gateway/loom/internal/shared"
)

// compiledFiles lists what a folder keeps of compiled modules.
func compiledFiles(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A module that a running plugin uses is not compiled again for another one: what is compiled would stand in the folder.
func TestPluginsShareCompiledCode(t *testing.T) {
	folder := t.TempDir()
	code, err := NewCode(folder)
	if err != nil {
		t.Fatal(err)
	}
	start := func(name string) *Plugin {
		spec := probeSpec(t, "request_headers: log 2 here")
		spec.Name, spec.Instances = name, 1
		p, err := Open(context.Background(), spec, Deps{Shared: shared.NewStore(), Code: code, Log: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := start("first")
	files := compiledFiles(t, folder)
	if len(files) == 0 {
		t.Fatal("the folder keeps nothing")
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	second := start("second")
	if files := compiledFiles(t, folder); len(files) > 0 {
		t.Errorf("the module was compiled again: %q", files)
	}
	// The code stays while somebody uses it, and goes with the last.
	first.Close()
	c := mustContext(t, second, second.spec.Config)
	s, err := c.NewStream(noExchange{})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.RequestHeaders(0, true); v.Err != nil {
		t.Error(v.Err)
	}
	s.Finish()
	c.Release()
	second.Close()
	third := start("third")
	defer third.Close()
	if files := compiledFiles(t, folder); len(files) == 0 {
		t.Error("the code outlived the plugins that used it")
	}
}

// A damaged file costs a compilation and a warning.
func TestDamagedCode(t *testing.T) {
	folder := t.TempDir()
	start := func() []string {
		code, err := NewCode(folder)
		if err != nil {
			t.Fatal(err)
		}
		core, logs := observer.New(zap.WarnLevel)
		spec := probeSpec(t, "request_headers: log 2 here")
		spec.Name = "damaged"
		p, err := Open(context.Background(), spec, Deps{Shared: shared.NewStore(), Code: code, Log: zap.New(core)})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		c := mustContext(t, p, spec.Config)
		defer c.Release()
		s, err := c.NewStream(noExchange{})
		if err != nil {
			t.Fatal(err)
		}
		if v := s.RequestHeaders(0, true); v.Err != nil {
			t.Error(v.Err)
		}
		s.Finish()
		var warnings []string
		for _, e := range logs.FilterMessageSnippet("compiled plugins").All() {
			warnings = append(warnings, fmt.Sprint(e.ContextMap()))
		}
		return warnings
	}
	if warnings := start(); warnings != nil {
		t.Errorf("the first start warns: %q", warnings)
	}
	files := compiledFiles(t, folder)
	if len(files) != 1 {
		t.Fatalf("the folder has %q", files)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(files[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	if warnings := start(); len(warnings) != 1 || !strings.Contains(warnings[0], "damaged") {
		t.Errorf("a damaged file gives the warnings %q", warnings)
	}
	if warnings := start(); warnings != nil {
		t.Errorf("after it was written again: %q", warnings)
	}
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, err := NewCode(file); err == nil || code == nil {
		t.Errorf("a file in place of the folder gives %v, %v", code, err)
	}
}

// A compilation that is overdue is refused, keeps the same module and too many others from starting, and is closed when it ends.
func TestOverdueCompilation(t *testing.T) {
	code, err := NewCode("")
	if err != nil {
		t.Fatal(err)
	}
	release, ended := make(chan struct{}), make(chan struct{})
	var late *proxywasm.Module
	slow := func(ctx context.Context, b []byte, o proxywasm.Options) (*proxywasm.Module, error) {
		<-release
		defer close(ended)
		var err error
		late, err = proxywasm.Compile(ctx, b, o)
		return late, err
	}
	probe := probeSpec(t, "").Code
	options := proxywasm.Options{Name: "slow", Limits: proxywasm.Limits{CompileTimeout: time.Millisecond}}
	if _, err := code.compileWith(t.Context(), slow, probe, options); err == nil || !strings.Contains(err.Error(), "takes longer than 1ms") {
		t.Fatalf("an overdue compilation ends with %v", err)
	}
	if _, err := code.compile(t.Context(), probe, proxywasm.Options{}); err == nil || !strings.Contains(err.Error(), "still being compiled") {
		t.Errorf("the same module again: %v", err)
	}
	for i := range maxOverdue() - 1 {
		code.overdue.add([32]byte{byte(i)})
	}
	other := append(slices.Clone(probe), 0, 2, 1, 'x') // a custom section
	if _, err := code.compile(t.Context(), other, proxywasm.Options{}); err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("another module while too many are overdue: %v", err)
	}
	close(release)
	<-ended
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if m, err := code.compile(t.Context(), probe, proxywasm.Options{}); err == nil {
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("after the overdue compilation has ended: %v", err)
		}
	}
	if _, err := late.NewInstance(t.Context(), proxywasm.VMConfig{}, proxywasm.Host{}); err == nil {
		t.Error("the module that came too late was not closed")
	}
}
