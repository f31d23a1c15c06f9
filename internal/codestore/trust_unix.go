//go:build unix

package codestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// trusted refuses what other users than this one and root may have written.
func trusted(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("can be written by others (mode %04o): take that from them, such as with chmod go-w", mode)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("has no owner")
	}
	if owner.Uid != 0 && int64(owner.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("belongs to user %d, and this process is of user %d: change the owner, or remove it", owner.Uid, os.Geteuid())
	}
	return nil
}
