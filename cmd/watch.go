package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"
)

// watchInterval is between two looks at the files.
const watchInterval = 500 * time.Millisecond

// takeWatch takes `--watch` from a `run` with a config file. Caddy's own watch ends with the first file that cannot be read as a
// config, and does not look at the files that a config names.
func takeWatch(args []string) (rest []string, w *watcher) {
	if len(args) < 2 || args[1] != "run" {
		return args, nil
	}
	file := flagValue(args[2:], "config", "c")
	if file == "" || file == "-" {
		return args, nil
	}
	if !hasFlag(args[2:], "--watch", "-w", "--watch=true", "-w=true") {
		return args, nil
	}
	rest = slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return isFlag(arg, "watch", "w") })
	return rest, &watcher{file: file, adapter: adapterOf(file, flagValue(args[2:], "adapter", "a")), apply: caddy.Load}
}

func hasFlag(args []string, spellings ...string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return slices.Contains(spellings, arg) })
}

// adapterOf is the adapter that Caddy takes when none is named.
func adapterOf(file, named string) string {
	base := strings.ToLower(filepath.Base(file))
	if named == "" && filepath.Ext(base) != ".json" && (strings.HasPrefix(base, "caddyfile") || strings.HasSuffix(base, ".caddyfile")) {
		return "caddyfile"
	}
	return named
}

// watcher applies a config again when its file has changed, or a file that it names: a plugin, a certificate. What cannot be applied
// is logged and changes nothing; the next save may.
type watcher struct {
	file, adapter string
	apply         func(config []byte, force bool) error

	config  []byte
	seen    stamps // of the files when they were read
	changed stamps // of the last look, if it was not what was seen
}

// stamps tell whether files are those of before. A file that is not there has none.
type stamps map[string]os.FileInfo

// start remembers what Caddy is about to read, and follows it as long as the process lives.
func (w *watcher) start() {
	_ = w.remember() // Caddy says what is wrong with it
	go func() {
		for range time.Tick(watchInterval) {
			if caddy.ActiveContext().Context != nil { // the first config is Caddy's to load
				w.look()
			}
		}
	}()
}

// look reloads when files have changed and have been the same for one interval: a copy under way is not half a file.
func (w *watcher) look() {
	now := stampsOf(slices.Collect(maps.Keys(w.seen)))
	switch {
	case now.equal(w.seen):
		w.changed = nil
	case !now.equal(w.changed):
		w.changed = now
	default:
		w.reload()
	}
}

func (w *watcher) reload() {
	before, seen := w.config, w.seen
	err := w.remember()
	named := maps.Clone(w.seen)
	delete(named, w.file)
	delete(seen, w.file)
	same := err == nil && bytes.Equal(before, w.config)
	if same && named.equal(seen) {
		return
	}
	if err == nil {
		err = w.apply(w.config, same)
	}
	if err != nil {
		w.log().Error("the changed config is not applied, the running one goes on", zap.Error(err))
		return
	}
	w.log().Info("applied the changed config")
}

// remember reads the config. With an error, the last one is what is known.
func (w *watcher) remember() error {
	w.changed = nil
	own := stampsOf([]string{w.file}) // a save while it is read is a change
	config, err := w.read()
	if err != nil {
		w.seen = stampsOf(slices.Collect(maps.Keys(w.seen)))
	} else {
		w.config, w.seen = config, stampsOf(namedFiles(config))
	}
	maps.Copy(w.seen, own)
	return err
}

func (w *watcher) read() ([]byte, error) {
	text, err := os.ReadFile(w.file)
	if err != nil || w.adapter == "" {
		return text, err
	}
	adapter := caddyconfig.GetAdapter(w.adapter)
	if adapter == nil {
		return nil, fmt.Errorf("there is no adapter %q", w.adapter)
	}
	config, warnings, err := adapter.Adapt(text, map[string]any{"filename": w.file})
	for _, warning := range warnings {
		w.log().Warn(warning.String())
	}
	return config, err
}

func (w *watcher) log() *zap.Logger {
	return caddy.Log().Named("watcher").With(zap.String("file", w.file))
}

// namedFiles are the strings of a config that are names of files.
func namedFiles(config []byte) []string {
	var names []string
	tokens := json.NewDecoder(bytes.NewReader(config))
	for token, err := tokens.Token(); err == nil; token, err = tokens.Token() {
		name, ok := token.(string)
		if !ok || !strings.Contains(name, ".") || strings.ContainsAny(name, "\n{") {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names
}

func stampsOf(names []string) stamps {
	s := make(stamps, len(names))
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			info = nil
		}
		s[name] = info
	}
	return s
}

func (s stamps) equal(other stamps) bool {
	return maps.EqualFunc(s, other, func(a, b os.FileInfo) bool {
		if a == nil || b == nil {
			return a == b
		}
		return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
	})
}
