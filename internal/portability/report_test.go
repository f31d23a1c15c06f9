package portability

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/template"
)

// found is a reason with the scenarios in which it shows.
type found struct {
	reason
	Where []difference
}

// Anchor is the heading's link on the page.
func (r reason) Anchor() string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		}
		return -1
	}, strings.ToLower(r.Title))
}

// report is docs/portability.md.
func report(t *testing.T, areas []area, list []reason) string {
	t.Helper()
	reasons := make(map[string]*found, len(list))
	page := struct {
		Areas               []area
		Total, Same, Differ int
		Reasons             []*found
	}{Areas: areas}
	for _, r := range list {
		reasons[r.Key] = &found{reason: r}
		page.Reasons = append(page.Reasons, reasons[r.Key])
	}
	for _, a := range areas {
		for _, s := range a.Scenarios {
			page.Total++
			page.Differ += min(len(s.differences), 1)
			for _, d := range s.differences {
				f := reasons[d.Because]
				if f == nil {
					t.Fatalf("scenario %s: the reason %q does not stand in differences.yaml", s.Name, d.Because)
				}
				f.Where = append(f.Where, d)
			}
		}
	}
	for _, f := range page.Reasons {
		if len(f.Where) == 0 {
			t.Errorf("differences.yaml: no scenario shows %q any more", f.Key)
		}
	}
	page.Same = page.Total - page.Differ
	result := func(s scenario) string {
		var links []string
		for _, d := range s.differences {
			f := reasons[d.Because]
			links = append(links, fmt.Sprintf("[%s](#%s)", f.Title, f.Anchor()))
		}
		if len(links) == 0 {
			return "same"
		}
		return "differs: " + strings.Join(links, ", ")
	}
	text, err := os.ReadFile("testdata/portability.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	parsed, err := template.New("page").Funcs(template.FuncMap{"result": result, "own": func() string { return "`" + strings.Join(ownHeaders, "`, `") + "`" }}).Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Execute(&out, page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
