package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who the gateway runs as.
const user = "65532"

// makeRoot writes the folder: `rootfs` belongs to root in the image, `state` to the user. Modes are set and not left to the umask.
func makeRoot(o options) error {
	if err := os.RemoveAll(o.root); err != nil {
		return err
	}
	rootfs, state := filepath.Join(o.root, "rootfs"), filepath.Join(o.root, "state")
	for dir, mode := range map[string]os.FileMode{
		filepath.Join(rootfs, "tmp"):           0o777 | os.ModeSticky,
		filepath.Join(rootfs, "etc/loom"):      0o755,
		filepath.Join(rootfs, "etc/ssl/certs"): 0o755,
		filepath.Join(state, "data"):           0o750,
		filepath.Join(state, "config"):         0o750,
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
	}
	document, err := os.ReadFile(filepath.Join(o.repository, "configs/container.yaml"))
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"etc/passwd":                        []byte("root:x:0:0::/:/\nloom:x:" + user + ":" + user + "::/data:/\n"),
		"etc/group":                         []byte("root:x:0:\nloom:x:" + user + ":\n"),
		"etc/ssl/certs/ca-certificates.crt": authorities(),
		filepath.Join("etc/loom/loom.yaml"): document,
	} {
		path := filepath.Join(rootfs, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o644); err != nil {
			return err
		}
	}
	return build(o, filepath.Join(rootfs, "loom"))
}

// build makes a binary that needs no library. Nothing of this machine or of the state of its checkout goes into it.
func build(o options, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	ldflags := "-s -w -X github.com/loom-gateway/loom/internal/version.version=" + o.version
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", ldflags, "-o", to, "./cmd/loom")
	cmd.Dir, cmd.Stdout, cmd.Stderr = o.repository, os.Stderr, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building loom: %w", err)
	}
	return os.Chmod(to, 0o755)
}

// authorities are Mozilla's, as go.mod pins them. Those that are trusted for some certificates only are left out: a file
// cannot say so.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes everything
		}
	}
	return b.Bytes()
}
