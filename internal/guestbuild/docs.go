package guestbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Docs does in an empty folder what a section of docs/plugins.md says, and returns the module that comes of it,
// greet/greet.wasm: it runs the shell blocks and writes the files that the section shows, in their order. What is to run
// before them comes first.
func Docs(t testing.TB, page, section string, before ...string) []byte {
	t.Helper()
	var script strings.Builder
	script.WriteString(strings.Join(before, ""))
	for _, b := range blocks(t, page, section) {
		switch {
		case b.file != "":
			script.WriteString("mkdir -p $(dirname " + b.file + ")\ncat > " + b.file + " <<'END_OF_FILE'\n" + b.text + "END_OF_FILE\n")
		case b.language == "sh":
			script.WriteString(b.text)
		default:
			t.Errorf("section %q has a block of %s that is neither a file nor a command", section, b.language)
		}
	}
	folder := t.TempDir()
	run := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail")
	run.Dir, run.Env, run.Stdin = folder, append(os.Environ(), "GOFLAGS="), strings.NewReader(script.String())
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("following %q: %v\n%s", section, err, out)
	}
	code, err := os.ReadFile(filepath.Join(folder, "greet", "greet.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// DocsFile returns a file that a section shows.
func DocsFile(t testing.TB, page, section, name string) string {
	t.Helper()
	for _, b := range blocks(t, page, section) {
		if b.file == name {
			return b.text
		}
	}
	t.Fatalf("section %q of %s shows no file %s", section, page, name)
	return ""
}

// block is a fenced block; the line above one that is a file begins with the file's name in backquotes.
type block struct{ file, language, text string }

func blocks(t testing.TB, page, section string) []block {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, section)
	}
	after, _, _ = strings.Cut(after, "\n## ")
	var list []block
	for _, m := range regexp.MustCompile("(?s)(?:`([^`\n]+)`[^\n]*:\n\n)?```([a-z]+)\n(.*?)```").FindAllStringSubmatch(after, -1) {
		list = append(list, block{file: m[1], language: m[2], text: m[3]})
	}
	return list
}
