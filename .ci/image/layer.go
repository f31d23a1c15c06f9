package main

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// architecture is the one that root.go builds for.
func architecture() string {
	if arch := os.Getenv("GOARCH"); arch != "" {
		return arch
	}
	return runtime.GOARCH
}

// layer is the tree as a tar, in the order of the names and with one date.
func (c treeCopy) layer(root string, created time.Time) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	folder := filepath.Join(root, filepath.FromSlash(c.from))
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == folder {
			return err
		}
		inside, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return c.add(w, entry, name, path.Join(c.to, filepath.ToSlash(inside)), created)
	})
	if err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
}

func (c treeCopy) add(w *tar.Writer, entry fs.DirEntry, file, name string, created time.Time) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	*header = tar.Header{
		Typeflag: header.Typeflag, Name: name[1:], Mode: header.Mode, Size: header.Size, Uid: c.uid, Gid: c.gid, ModTime: created,
	}
	if entry.IsDir() {
		header.Name += "/"
	}
	if err := w.WriteHeader(header); err != nil || entry.IsDir() {
		return err
	}
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(w, content)
	return err
}
