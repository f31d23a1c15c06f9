package codestore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
)

// A file is a magic number, a digest and the code. The digest is over what the code is for as well: a file under another's
// name is damaged too.
const (
	magic      = "loomcode"
	finished   = ".code"
	unfinished = ".tmp"
	headBytes  = len(magic) + sha256.Size
)

var errDamaged = errors.New("the file is damaged")

func (s *Store) pack(k key, code []byte) []byte {
	digest := s.digest(k, code)
	return bytes.Join([][]byte{[]byte(magic), digest[:], code}, nil)
}

func (s *Store) unpack(k key, entry []byte) ([]byte, error) {
	if len(entry) < headBytes {
		return nil, errDamaged
	}
	code := entry[headBytes:]
	if digest := s.digest(k, code); string(entry[:len(magic)]) != magic || !bytes.Equal(entry[len(magic):headBytes], digest[:]) {
		return nil, errDamaged
	}
	return code, nil
}

func (s *Store) digest(k key, code []byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%x %q %d\n", k, s.build, len(code))
	h.Write(code)
	return [sha256.Size]byte(h.Sum(nil))
}

// path has the build in it, so that two versions of the gateway on one folder do not replace each other's files.
func (s *Store) path(k key) string {
	name := sha256.Sum256(fmt.Appendf(nil, "%x %q", k, s.build))
	return filepath.Join(s.folder, hex.EncodeToString(name[:])+finished)
}

const engine = "github.com/tetratelabs/wazero"

// build is what code depends on besides its key: the compiler's version, and the runtime whose memory the code reads.
func build() (string, error) {
	compiler := engineVersion()
	if compiler == "" { // as in a test: then it is code of this very file
		path, err := os.Executable()
		if err != nil {
			return "", err
		}
		file, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		compiler = fmt.Sprintf("%s %d %d", path, file.Size(), file.ModTime().UnixNano())
	}
	return fmt.Sprintf("%s %s %s/%s", compiler, runtime.Version(), runtime.GOOS, runtime.GOARCH), nil
}

// engineVersion is the version of wazero, with its hash; empty when the binary does not say, or has one without a version.
func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path != engine {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" {
			return m.Path + " " + m.Version + " " + m.Sum
		}
	}
	return ""
}
