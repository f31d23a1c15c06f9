package deploy

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// makeImage runs the command behind `make image` over sources, and returns the archive.
func makeImage(t *testing.T, command, sources string) string {
	t.Helper()
	folder := t.TempDir()
	archive := filepath.Join(folder, "loom.tar")
	cmd := exec.Command(command, "-repository", sources, "-root", filepath.Join(folder, "root"),
		"-dockerfile", filepath.Join(sources, "Dockerfile"), "-version", "v1.2.3", "-o", archive)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return archive
}

// copySources copies what the image is made of to another place.
func copySources(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	list, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) { // deleted, and not yet committed
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(data))
	}
	return to
}

// TestImage makes the image, reads it as an engine would, and runs its command in the tree that comes out: as its user, with its
// environment, and with nothing else in sight.
func TestImage(t *testing.T) {
	command := filepath.Join(t.TempDir(), "image")
	if out, err := exec.Command("go", "-C", filepath.Join(root, ".ci/image"), "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive := makeImage(t, command, root)

	t.Run("the same sources give the same bytes", func(t *testing.T) {
		again := makeImage(t, command, copySources(t))
		if !bytes.Equal([]byte(read(t, archive)), []byte(read(t, again))) {
			t.Error("two images of the same sources differ")
		}
	})
	t.Run("skopeo reads it", func(t *testing.T) {
		skopeo := need(t, "skopeo", "reading the image with skopeo")
		for _, format := range []string{"oci-archive:", "docker-archive:"} {
			out, err := exec.Command(skopeo, "copy", "--insecure-policy", format+archive, "dir:"+t.TempDir()).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", format, err, out)
			}
		}
	})

	tree := t.TempDir()
	image := unpack(t, archive, tree)
	t.Run("config", func(t *testing.T) { checkConfig(t, image.Config) })
	t.Run("files", func(t *testing.T) { checkFiles(t, tree) })
	t.Run("runs", func(t *testing.T) { checkRuns(t, image.Config, tree) })
}

func checkConfig(t *testing.T, c imageConfig) {
	if c.User != "65532:65532" || c.StopSignal != "SIGTERM" || c.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("user %s, stop signal %s, labels %v", c.User, c.StopSignal, c.Labels)
	}
	if want := []string{"CMD", "/loom", "health"}; !slices.Equal(c.Healthcheck.Test, want) || c.Healthcheck.Interval == 0 {
		t.Errorf("health check %v", c.Healthcheck)
	}
}

func checkFiles(t *testing.T, tree string) {
	binary, err := elf.Open(filepath.Join(tree, "loom"))
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %q, %v", libraries, err)
	}
	authorities := []byte(read(t, filepath.Join(tree, "etc/ssl/certs/ca-certificates.crt")))
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(authorities) || bytes.Count(authorities, []byte("BEGIN CERTIFICATE")) < 50 {
		t.Errorf("the authorities are\n%.200s", authorities)
	}
	for name, want := range map[string]string{
		"loom": "-rwxr-xr-x 0:0", "tmp": "dtrwxrwxrwx 0:0", "data": "drwxr-x--- 65532:65532", "config": "drwxr-x--- 65532:65532",
		"etc/loom/loom.yaml": "-rw-r--r-- 0:0", "etc/ssl/certs/ca-certificates.crt": "-rw-r--r-- 0:0",
	} {
		if got := ownership(t, filepath.Join(tree, name)); os.Getuid() == 0 && got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if names := fileNames(t, tree); !slices.Equal(names, []string{"config", "data", "etc", "loom", "tmp"}) {
		t.Errorf("the image has %q", names)
	}
}
