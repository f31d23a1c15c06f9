package codestore

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// maxBytes of all files: the code of a plugin has 0.1 to 60 MB.
	maxBytes = 1 << 30
	// A file that nobody asked for in maxAge is of another version, or of a plugin that is gone.
	maxAge = 30 * 24 * time.Hour
	// maxWriting is more than any process needs to write one file: what is older was left by one that was killed.
	maxWriting = time.Hour
	// useEvery is how exact the time of the last use is.
	useEvery = 24 * time.Hour
)

// touch notes that a file is in use.
func (s *Store) touch(path string, info fs.FileInfo) {
	if now := time.Now(); now.Sub(info.ModTime()) > useEvery {
		_ = os.Chtimes(path, now, now) // a folder that cannot be written to loses nothing else
	}
}

// sweep removes what nobody will ask for, and what has not been asked for the longest if the rest is too much. What cannot be
// removed stays: somebody else may have been faster.
func (s *Store) sweep(now time.Time) {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return
	}
	var kept []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		age := now.Sub(info.ModTime())
		switch name := e.Name(); {
		case e.IsDir() && strings.HasPrefix(name, "wazero-"): // wazero's own store, which older versions used
			_ = os.RemoveAll(filepath.Join(s.folder, name))
		case !info.Mode().IsRegular():
		case strings.HasSuffix(name, unfinished) && age > maxWriting, strings.HasSuffix(name, finished) && age > maxAge:
			_ = os.Remove(filepath.Join(s.folder, name))
		case strings.HasSuffix(name, finished):
			kept = append(kept, info)
		}
	}
	s.shrink(kept)
}

func (s *Store) shrink(files []fs.FileInfo) {
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	sum := int64(0)
	for _, f := range files {
		if sum += f.Size(); sum > s.most {
			_ = os.Remove(filepath.Join(s.folder, f.Name()))
		}
	}
}
