// Command image makes Loom's container image without a container engine.
//
// It puts the files of the image into a folder, which is all that the first stage of the Dockerfile asks of it. With -o it goes
// on: it reads the last stage of the same Dockerfile and writes the image that an engine would make of it, as an archive that
// `docker load`, `podman load` and `skopeo copy oci-archive:…` read. The same commit gives the same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

type options struct {
	repository, root, dockerfile, out, version string
	created                                    time.Time // of everything in the image
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var o options
	flag.StringVar(&o.repository, "repository", ".", "Loom's sources")
	flag.StringVar(&o.root, "root", "bin/image-root", "the folder that the image's files are put into; it is made anew")
	flag.StringVar(&o.dockerfile, "dockerfile", "Dockerfile", "the recipe")
	flag.StringVar(&o.out, "o", "", "the archive; empty makes the folder only")
	flag.StringVar(&o.version, "version", "", "the version that the binary shows, and the image's tag")
	flag.Parse()
	if o.created, err = sourceDate(o.repository); err != nil {
		return err
	}
	if err := makeRoot(o); err != nil {
		return fmt.Errorf("making the files of the image: %w", err)
	}
	if o.out == "" {
		return nil
	}
	recipe, err := readRecipe(o.dockerfile, o.version)
	if err != nil {
		return fmt.Errorf("reading %s: %w", o.dockerfile, err)
	}
	image, err := recipe.image(o.root, o.created)
	if err != nil {
		return fmt.Errorf("making the image: %w", err)
	}
	digest, err := writeArchive(o.out, image, "loom:"+tag(o.version), o.created)
	if err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	fmt.Printf("%s  %s\n", digest, o.out)
	return nil
}

// sourceDate is SOURCE_DATE_EPOCH, or else the date of the commit.
func sourceDate(repository string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := exec.Command("git", "-C", repository, "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Unix(0, 0).UTC(), nil // no repository: a fixed date is as good
		}
		text = strings.TrimSpace(string(out))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// tag is the version as tags may be spelled.
func tag(version string) string {
	if version == "" {
		return "latest"
	}
	return strings.Map(func(r rune) rune {
		if r == '+' || r == '/' {
			return '-'
		}
		return r
	}, version)
}
