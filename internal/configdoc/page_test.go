package configdoc

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/loom-gateway/loom/internal/configdoc/testdata/configs"
)

var update = flag.Bool("update", false, "write the golden file anew")

func source() *Source {
	return &Source{Module: "github.com/loom-gateway/loom/internal/configdoc", Dir: "."}
}

func TestPage(t *testing.T) {
	t.Parallel()
	got, err := Page(source(), []Module{{"http.handlers.loom_a", reflect.TypeFor[configs.A]()}, {"http.handlers.loom_b", reflect.TypeFor[configs.B]()}})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/page.md", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/page.md")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWhatIsNotSaidIsAnError(t *testing.T) {
	t.Parallel()
	for want, typ := range map[string]reflect.Type{
		`configs.Bare has no comment`:                         reflect.TypeFor[configs.Bare](),
		`configs.Silent.Size ("size" in JSON) has no comment`: reflect.TypeFor[configs.Silent](),
		`configs.Silent.Size`:                                 reflect.TypeFor[configs.AboveSilent](),
		`time.Time is not of`:                                 reflect.TypeFor[time.Time](),
	} {
		_, err := Page(source(), []Module{{"x", typ}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", typ, err, want)
		}
	}
}

func TestWithoutName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, doc, want string }{
		{"Timeout", "Timeout bounds the time", "bounds the time"},
		{"Jitter", "Jitter is by how much", "by how much"},
		{"Hosts", "Hosts that match", "Hosts that match"},
		{"EjectionTime", "EjectionTime of the first", "Ejection time of the first"},
		{"TLS", "TLS to the backends", "TLS to the backends"},
		{"TickMode", "TickMode says whose timers run", "whose timers run"},
		{"PanicThreshold", "PanicThreshold: when fewer", "when fewer"},
		{"Host", "Hosting is another word", "Hosting is another word"},
		{"Other", "What it is", "What it is"},
	} {
		if got := withoutName(c.name, c.doc); got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.name, c.doc, got, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for want, typ := range map[string]reflect.Type{
		"text": reflect.TypeFor[*string](), "number": reflect.TypeFor[uint16](), "true or false": reflect.TypeFor[*bool](),
		"list of texts": reflect.TypeFor[[]string](), "texts by name": reflect.TypeFor[map[string]string](),
		"list of texts by name": reflect.TypeFor[map[string][]string](), "duration": reflect.TypeFor[time.Duration](),
		"objects by name": reflect.TypeFor[map[string]*http.Cookie](), "anything": reflect.TypeFor[any](),
	} {
		if got := typeValue(typ).text; got != want {
			t.Errorf("%s is %q, want %q", typ, got, want)
		}
	}
	if got := modulesOf(reflect.TypeFor[json.RawMessage](), "x"); got != "module of `x`" {
		t.Errorf("a module is %q", got)
	}
}
