package loom_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fenced   = regexp.MustCompile("(?ms)^```.*?^```")
	mdLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	notInURL = regexp.MustCompile(`[^\pL\pN_\- ]`)
)

// TestLinksInPages follows every link from a page of this repository to a file or a heading of it.
func TestLinksInPages(t *testing.T) {
	pages, links := 0, 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "node_modules" || d.Name() == "target"):
			return filepath.SkipDir
		case path.Ext(name) != ".md" || within(filepath.ToSlash(name), "internal/configdoc/testdata"):
			return nil
		}
		pages++
		for _, link := range mdLink.FindAllStringSubmatch(prose(t, name), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			links++
			follow(t, name, link[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 40 || links < 250 {
		t.Errorf("only %d links in %d pages: are they still found?", links, pages)
	}
}

func follow(t *testing.T, page, link string) {
	t.Helper()
	file, fragment, _ := strings.Cut(link, "#")
	target := page
	if file != "" {
		target = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
	}
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: %s leads to no file", page, link)
	} else if fragment != "" && path.Ext(target) == ".md" && !anchors(prose(t, target))[fragment] {
		t.Errorf("%s: %s leads to no heading", page, link)
	}
}

// anchors are the names that GitHub gives to the headings of a page; it numbers equal ones.
func anchors(page string) map[string]bool {
	names, taken := map[string]bool{}, map[string]int{}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		name := strings.ReplaceAll(notInURL.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")
		if n := taken[name]; n > 0 {
			names[fmt.Sprintf("%s-%d", name, n)] = true
		}
		names[name] = true
		taken[name]++
	}
	return names
}

func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(text), "")
}
