package deploy

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// imageConfig is how a container of an image is started.
type imageConfig struct {
	User, WorkingDir, StopSignal string
	Env, Entrypoint, Cmd         []string
	Labels                       map[string]string
	Healthcheck                  struct {
		Test              []string
		Interval, Timeout time.Duration
	}
}

type image struct {
	OS     string      `json:"os"`
	Config imageConfig `json:"config"`
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
}

// unpack lays the layers of an OCI archive over each other, after checking that each blob is what its name says.
func unpack(t *testing.T, archive, tree string) (i image) {
	t.Helper()
	blobs := t.TempDir()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	extract(t, f, blobs)
	var index struct{ Manifests []descriptor }
	decode(t, []byte(read(t, filepath.Join(blobs, "index.json"))), &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("the archive has %d images", len(index.Manifests))
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, blob(t, blobs, index.Manifests[0]), &manifest)
	decode(t, blob(t, blobs, manifest.Config), &i)
	for _, layer := range manifest.Layers {
		z, err := gzip.NewReader(strings.NewReader(string(blob(t, blobs, layer))))
		if err != nil {
			t.Fatal(err)
		}
		extract(t, z, tree)
	}
	return i
}

func decode(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

func blob(t *testing.T, folder string, d descriptor) []byte {
	t.Helper()
	algorithm, digest, _ := strings.Cut(d.Digest, ":")
	data := []byte(read(t, filepath.Join(folder, "blobs", algorithm, digest)))
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		t.Fatalf("%s %s is not what its name says", d.MediaType, d.Digest)
	}
	return data
}

// extract writes a tar with its modes, and with its owners if this is root.
func extract(t *testing.T, from io.Reader, to string) {
	t.Helper()
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(h.Name, "/") || strings.Contains(h.Name, "..") {
			t.Fatalf("the archive has %q", h.Name)
		}
		path := filepath.Join(to, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			err = writeFrom(path, r)
		}
		if err == nil && os.Getuid() == 0 {
			err = os.Lchown(path, h.Uid, h.Gid)
		}
		if err == nil {
			err = os.Chmod(path, h.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func writeFrom(path string, from io.Reader) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, from)
	return err
}

// ownership is the mode and the owner of a file, as `ls -n` would show them.
func ownership(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%v %d:%d", info.Mode(), owner.Uid, owner.Gid)
}

func fileNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
