// Package codestore keeps the machine code of plugins on disk, so that a gateway that starts again need not compile them.
//
// wazero has a store of files of its own, but it trusts them: its checksum covers the code and not the offsets beside it, so one
// flipped bit makes the process jump anywhere, or ask for gigabytes; and a file that it cannot read or write is an error of the
// module. So wazero is given this store in place of its own: what it gets is what it once gave, checked by a digest of all of
// it, or nothing, and then it compiles.
package codestore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Store is a folder of compiled modules. Several processes may use it at once: a file is written under another name and then
// renamed, so that nobody sees half of one, and whoever comes second writes the same again.
type Store struct {
	folder string
	build  string
	most   int64 // bytes of all files

	mu       sync.Mutex
	troubles []error
}

// Open makes the folder if there is none, and removes from it what is of no use any more. It refuses a folder that others may
// write to, for they could have the gateway run any code.
func Open(folder string) (*Store, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	if err := trusted(info); err != nil {
		return nil, fmt.Errorf("%s %w", folder, err)
	}
	build, err := build()
	if err != nil {
		return nil, err
	}
	s := &Store{folder: folder, build: build, most: maxBytes}
	s.sweep(time.Now())
	return s, nil
}

// key is wazero's: a hash of the module, of the settings that its code depends on and of what the processor can do.
type key = [32]byte

// Get finds the code of a module. What is damaged is removed, and not there; the error is always nil.
func (s *Store) Get(k key) (io.ReadCloser, bool, error) {
	path := s.path(k)
	content, err := s.read(path, k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		s.trouble(fmt.Errorf("reading compiled code, which is compiled again: %w", err))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.trouble(err)
		}
		return nil, false, nil
	}
	return io.NopCloser(bytes.NewReader(content)), true, nil
}

func (s *Store) read(path string, k key) ([]byte, error) {
	info, err := os.Lstat(path) // before it is opened, for a pipe would wait for its other end
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > s.most:
		return nil, fmt.Errorf("%s: %w", path, errDamaged)
	}
	if err := trusted(info); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	entry, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	content, err := s.unpack(k, entry)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.touch(path, info)
	return content, nil
}

// Add keeps the code of a module. Where that is not possible it is compiled at the next start again; the error is always nil.
func (s *Store) Add(k key, content io.Reader) error {
	if err := s.write(k, content); err != nil {
		s.trouble(fmt.Errorf("keeping compiled code, so it will be compiled again at the next start: %w", err))
	}
	return nil
}

func (s *Store) write(k key, content io.Reader) error {
	code, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil { // somebody may have removed it
		return err
	}
	file, err := os.CreateTemp(s.folder, "*"+unfinished)
	if err != nil {
		return err
	}
	_, err = file.Write(s.pack(k, code))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), s.path(k))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	s.sweep(time.Now())
	return nil
}

// Delete removes the code of a module that wazero cannot use.
func (s *Store) Delete(k key) error {
	if err := os.Remove(s.path(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.trouble(err)
	}
	return nil
}

const maxTroubles = 10

func (s *Store) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.troubles) < maxTroubles {
		s.troubles = append(s.troubles, err)
	}
}

// Troubles says what went wrong since it was last asked: nothing of it keeps a plugin from running.
func (s *Store) Troubles() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(s.troubles...)
	s.troubles = nil
	return err
}
