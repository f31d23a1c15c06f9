package codestore

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

func mustOpen(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files lists what the folder keeps.
func files(t *testing.T, folder string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// has is what Get finds; "" is nothing.
func has(t *testing.T, s *Store, k key) string {
	t.Helper()
	content, ok, err := s.Get(k)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	text, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRoundTrip(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new", "folder")
	s := mustOpen(t, folder)
	if got := has(t, s, key{1}); got != "" {
		t.Errorf("an empty store has %q", got)
	}
	if err := s.Add(key{1}, strings.NewReader("code")); err != nil {
		t.Error(err)
	}
	if got := has(t, mustOpen(t, folder), key{1}); got != "code" {
		t.Errorf("the next start finds %q", got)
	}
	if got := has(t, s, key{2}); got != "" {
		t.Errorf("another module finds %q", got)
	}
	if err := s.Delete(key{1}); err != nil || has(t, s, key{1}) != "" || len(files(t, folder)) > 0 {
		t.Errorf("after Delete: %v, %q", err, files(t, folder))
	}
	if err := s.Troubles(); err != nil {
		t.Error(err)
	}
}

// Code of another build of the gateway is never taken, and not lost either.
func TestOtherBuild(t *testing.T) {
	folder := t.TempDir()
	one, other := mustOpen(t, folder), mustOpen(t, folder)
	other.build = "another version"
	_ = one.Add(key{1}, strings.NewReader("one"))
	if got := has(t, other, key{1}); got != "" {
		t.Fatalf("the other build takes %q", got)
	}
	_ = other.Add(key{1}, strings.NewReader("other"))
	if err := os.Rename(other.path(key{1}), one.path(key{1})); err != nil {
		t.Fatal(err)
	}
	if got := has(t, one, key{1}); got != "" || one.Troubles() == nil {
		t.Errorf("a file of another build under this one's name gives %q", got)
	}
}

func TestDamagedFiles(t *testing.T) {
	const code = "machine code"
	s := mustOpen(t, t.TempDir())
	path := s.path(key{1})
	good := s.pack(key{1}, []byte(code))
	damaged := map[string][]byte{
		"empty": {}, "garbage": []byte(strings.Repeat("garbage", 100)), "longer": append(bytes.Clone(good), 0),
		"of another module": s.pack(key{2}, []byte(code)),
	}
	for i := range good {
		damaged["cut off at "+string(rune('0'+i))] = good[:i]
		for bit := range 8 {
			flipped := bytes.Clone(good)
			flipped[i] ^= 1 << bit
			damaged["bit "+string(rune('0'+bit))+" of byte "+string(rune('0'+i))] = flipped
		}
	}
	for name, content := range damaged {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := has(t, s, key{1}); got != "" {
			t.Fatalf("%s: %q", name, got)
		}
		if err := s.Troubles(); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: the trouble is %v", name, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the file is still there", name)
		}
	}
	_ = s.Add(key{1}, strings.NewReader(code))
	if got := has(t, s, key{1}); got != code {
		t.Errorf("after all of them: %q", got)
	}
}

func TestStrangeFiles(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	path := s.path(key{1})
	for name, make := range map[string]func() error{
		"a folder":    func() error { return os.Mkdir(path, 0o700) },
		"a link":      func() error { return os.Symlink(os.DevNull, path) },
		"a huge file": func() error { return hugeFile(path) },
	} {
		if err := make(); err != nil {
			t.Logf("%s cannot be made here: %v", name, err)
			continue
		}
		if got := has(t, s, key{1}); got != "" || s.Troubles() == nil {
			t.Errorf("%s: %q", name, got)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// hugeFile has no blocks on the disk.
func hugeFile(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, maxBytes+1)
}

func TestFolderThatIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(file); err == nil {
		t.Errorf("a file is taken for a folder: %v", s)
	}
	if s, err := Open(filepath.Join(file, "folder")); err == nil {
		t.Errorf("a folder in a file: %v", s)
	}
}

// A folder that goes away or cannot be written to costs the code and nothing else.
func TestFolderThatIsGone(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	s := mustOpen(t, folder)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(key{1}, strings.NewReader("code")); err != nil || s.Troubles() == nil {
		t.Errorf("a file in the folder's place: %v", err)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(key{1}, strings.NewReader("code")); err != nil || has(t, s, key{1}) != "code" {
		t.Errorf("a folder that somebody removed is not made again: %v", s.Troubles())
	}
}

func TestSweep(t *testing.T) {
	folder := t.TempDir()
	s := mustOpen(t, folder)
	s.most = 1000
	now := time.Now()
	file := func(name string, size int, age time.Duration) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	file("new.code", 400, time.Minute)
	file("used.code", 400, 20*24*time.Hour)
	file("least-used.code", 400, 25*24*time.Hour)
	file("unused.code", 1, maxAge+time.Hour)
	file("being-written.tmp", 1, time.Minute)
	file("left.tmp", 1, 2*time.Hour)
	file("notes.txt", 5000, 365*24*time.Hour)
	if err := os.MkdirAll(filepath.Join(folder, "wazero-v1.0.0-amd64-linux", "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.sweep(now)
	var names []string
	for _, path := range files(t, folder) {
		names = append(names, filepath.Base(path))
	}
	if got, want := strings.Join(names, " "), "being-written.tmp new.code notes.txt used.code"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
}

// What is used stays: its time is that of the last use, to a day.
func TestUseKeepsAFile(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	_ = s.Add(key{1}, strings.NewReader("code"))
	old := time.Now().Add(-maxAge + time.Hour)
	if err := os.Chtimes(s.path(key{1}), old, old); err != nil {
		t.Fatal(err)
	}
	_ = has(t, s, key{1})
	s.sweep(time.Now().Add(2 * time.Hour))
	if has(t, s, key{1}) == "" {
		t.Error("a file that was used a moment ago is gone")
	}
}

// rust is a real plugin.
func rust(t *testing.T) []byte {
	t.Helper()
	code, err := os.ReadFile("../../bench/guest/guest.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// run compiles a plugin, or finds its code, and has it allocate.
func run(t *testing.T, s *Store, code []byte) {
	t.Helper()
	ctx := context.Background()
	cache, err := Cache(s)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache))
	defer r.Close(ctx)
	module, err := r.CompileModule(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	defer module.Close(ctx)
	hosts := map[string]wazero.HostModuleBuilder{}
	for _, f := range module.ImportedFunctions() {
		from, name, _ := f.Import()
		if hosts[from] == nil {
			hosts[from] = r.NewHostModuleBuilder(from)
		}
		hosts[from].NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) { clear(stack) }),
			f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, h := range hosts {
		if _, err := h.Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	guest, err := r.InstantiateModule(ctx, module, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	allocate := guest.ExportedFunction("proxy_on_memory_allocate")
	if allocate == nil {
		allocate = guest.ExportedFunction("malloc")
	}
	result, err := allocate.Call(ctx, 100)
	if err != nil || len(result) != 1 || result[0] == 0 {
		t.Fatalf("the guest allocates %v, %v", result, err)
	}
}

// wazero gives the store what it compiles and takes what the store has, and never something else.
func TestWithWazero(t *testing.T) {
	code := rust(t)
	s := mustOpen(t, t.TempDir())
	run(t, s, code)
	list := files(t, s.folder)
	if len(list) != 1 {
		t.Fatalf("after the first start there are %q", list)
	}
	good, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-useEvery - time.Hour)
	if err := os.Chtimes(list[0], old, old); err != nil {
		t.Fatal(err)
	}
	run(t, s, code)
	if info, err := os.Stat(list[0]); err != nil || !info.ModTime().After(old) {
		t.Errorf("the second start did not use the file (%v)", err)
	}
	// Behind the digest stands wazero's own head, which its checksum is not for: the number of functions and their offsets.
	for _, i := range []int{0, headBytes, headBytes + 7, headBytes + 12, headBytes + 20, headBytes + 40, len(good) / 2, len(good) - 1} {
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x40
		if err := os.WriteFile(list[0], flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, s, code)
		if s.Troubles() == nil {
			t.Errorf("nobody noticed the flipped bit in byte %d", i)
		}
		if again, err := os.ReadFile(list[0]); err != nil || !bytes.Equal(again, good) {
			t.Errorf("the file with a flipped bit in byte %d was not written again (%v)", i, err)
		}
	}
}
