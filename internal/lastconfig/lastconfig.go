// Package lastconfig keeps a second copy of the configuration that Caddy saves for `run --resume`, whole at any moment: Caddy writes its
// own in place, and a process that is killed meanwhile leaves a part of it.
package lastconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// copyOf is the name of the second copy.
func copyOf(saved string) string { return saved + ".last" }

// Keep copies what is saved now, before another one is written there. That nothing is saved, or no whole configuration, is no error.
func Keep(saved string) error {
	config, err := read(saved)
	if err != nil || config == nil {
		return err
	}
	return replace(copyOf(saved), config)
}

// Restore puts the copy in the place of a saved configuration that is not whole, and tells whether it had to.
func Restore(saved string) (bool, error) {
	config, err := read(saved)
	if err != nil || config != nil {
		return false, err
	}
	if _, err := os.Stat(saved); errors.Is(err, fs.ErrNotExist) {
		return false, nil // it was removed on purpose
	}
	config, err = read(copyOf(saved))
	if err != nil || config == nil {
		return false, err
	}
	return true, replace(saved, config)
}

// read returns nil for what is no whole configuration.
func read(file string) ([]byte, error) {
	config, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the saved config: %w", err)
	}
	if !json.Valid(config) {
		return nil, nil
	}
	return config, nil
}

// replace has the old content or the new one in the file, whatever happens.
func replace(file string, config []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // readable by its owner only
	if err != nil {
		return fmt.Errorf("saving the config: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(config)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("saving the config: %w", err)
	}
	return nil
}
