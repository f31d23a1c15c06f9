package main

import (
	"archive/tar"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// writeArchive writes an OCI layout as a tar, with the manifest.json beside it by which older Dockers find the same blobs. It
// returns the digest of the image.
func writeArchive(file string, image v1.Image, name string, created time.Time) (digest v1.Hash, err error) {
	folder, err := os.MkdirTemp("", "loom-image-")
	if err != nil {
		return digest, err
	}
	defer os.RemoveAll(folder)
	oci, err := layout.Write(folder, empty.Index)
	if err != nil {
		return digest, err
	}
	annotations := map[string]string{"org.opencontainers.image.ref.name": name, "io.containerd.image.name": "docker.io/library/" + name}
	if err := oci.AppendImage(image, layout.WithAnnotations(annotations)); err != nil {
		return digest, err
	}
	if err := writeManifest(filepath.Join(folder, "manifest.json"), image, name); err != nil {
		return digest, err
	}
	if err := pack(file, folder, created); err != nil {
		return digest, err
	}
	return image.Digest()
}

// writeManifest is the index of `docker save`.
func writeManifest(file string, image v1.Image, name string) error {
	config, err := image.ConfigName()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blob(config), RepoTags: []string{name}}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		entry.Layers = append(entry.Layers, blob(digest))
	}
	data, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

func blob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// pack makes a tar of a folder, whose bytes depend on the names and the contents of its files only.
func pack(file, folder string, created time.Time) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	everything := treeCopy{to: "/"}
	err = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == folder {
			return err
		}
		mode := os.FileMode(0o644)
		if entry.IsDir() {
			mode = 0o755
		}
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
		inside, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return everything.add(w, entry, name, "/"+filepath.ToSlash(inside), created)
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}
