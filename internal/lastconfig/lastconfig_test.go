package lastconfig

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRestore has Caddy be killed at each byte of a save.
func TestRestore(t *testing.T) {
	const before, after = `{"apps": {"before": {}}}`, `{"apps": {"after": {}}}`
	for written := range len(after) + 1 {
		saved := filepath.Join(t.TempDir(), "autosave.json")
		write(t, saved, before)
		if err := Keep(saved); err != nil {
			t.Fatal(err)
		}
		write(t, saved, after[:written])
		if err := Keep(saved); err != nil { // of a start that fails: it must not lose the copy
			t.Fatal(err)
		}
		restored, err := Restore(saved)
		if err != nil {
			t.Fatal(err)
		}
		want := before
		if written == len(after) {
			want = after
		}
		if got, err := os.ReadFile(saved); err != nil || string(got) != want || restored != (want == before) {
			t.Errorf("killed after %d bytes: %q, restored %v, %v", written, got, restored, err)
		}
	}
}

func TestNothingSaved(t *testing.T) {
	saved := filepath.Join(t.TempDir(), "autosave.json")
	if err := Keep(saved); err != nil {
		t.Error(err)
	}
	write(t, copyOf(saved), `{}`)
	if restored, err := Restore(saved); restored || err != nil {
		t.Errorf("restored %v, %v: what was removed comes back", restored, err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
