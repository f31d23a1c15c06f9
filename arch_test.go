package loom_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	modulePath = "github.com/loom-gateway/loom"
	caddyPath  = "github.com/caddyserver/caddy/v2"

	maxFunctionLines = 60
)

// A floor forbids the packages below one folder to import others. The sources are parsed here and not
// asked from `go list`, so that the test cache sees every edit.
type floor struct {
	from, forbidden, why string
	except               []string
}

var floors = []floor{
	{from: "internal", forbidden: caddyPath, why: "the engine does not know Caddy", except: []string{"internal/e2e", "internal/quickstart"}},
	{from: "internal", forbidden: modulePath + "/modules", why: "the engine does not know its Caddy modules"},
	{from: "internal", forbidden: modulePath + "/caddyfile", why: "the engine does not know how it is configured"},
	{from: "internal", forbidden: modulePath + "/loomadapter", why: "the engine does not know how it is configured"},
	{from: "internal", forbidden: modulePath + "/cmd", why: "the engine does not know the command line"},
	{from: "internal/proxywasm/abi", forbidden: modulePath, why: "the ABI's numbers are a leaf"},
	{from: "internal/proxywasm/abi", forbidden: "net/http", why: "the ABI knows no HTTP library"},
	{from: "internal/proxywasm", forbidden: "net/http", why: "the ABI host knows no HTTP library"},
	{from: "internal/proxywasm", forbidden: modulePath + "/internal/plugin", why: "plugin stands on proxywasm"},
	{from: "internal/debuggate", forbidden: modulePath, why: "who may look is a matter of its own"},
	{from: "internal/proxywasm", forbidden: "go.opentelemetry.io", why: "the ABI host is observed and knows no tracing"},
	{from: "internal/wasmscreen", forbidden: modulePath, why: "the screen stands alone"},
	{from: "internal/wasmscreen", forbidden: "github.com/tetratelabs/wazero", why: "the screen reads what no compiler has seen"},
	{from: "internal/pathtree", forbidden: modulePath + "/internal/proxywasm", why: "the tree knows no plugins"},
	{from: "internal/pathtree", forbidden: modulePath + "/internal/upstream", why: "the tree knows no backends"},
	{from: "internal/cleanpath", forbidden: modulePath, why: "the path cleaner stands alone"},
	{from: "internal/ratelimit", forbidden: "net/http", why: "the limiter knows keys and not what they are made of"},
	{from: "internal/balance", forbidden: modulePath, why: "balancing stands alone"},
	{from: "internal/lastconfig", forbidden: modulePath, why: "a file is copied whatever is in it"},
	{from: "internal/handover", forbidden: modulePath, why: "sockets and connections know nothing above them"},
	{from: "internal/shared", forbidden: modulePath + "/internal/plugin", why: "the stores outlive plugins"},
	{from: "modules", forbidden: modulePath + "/caddyfile", why: "modules do not know the surfaces"},
	{from: "modules", forbidden: modulePath + "/loomadapter", why: "modules do not know the surfaces"},
	{from: "modules", forbidden: modulePath + "/cmd", why: "modules do not know the surfaces"},
	{from: "modules/gateway", forbidden: modulePath + "/modules", why: "the app does not know its handlers"},
	{from: "caddyfile", forbidden: modulePath + "/loomadapter", why: "the surfaces do not know each other"},
	{from: "loomadapter", forbidden: modulePath + "/caddyfile", why: "the surfaces do not know each other"},
	{from: "caddyfile", forbidden: modulePath + "/cmd", why: "the command line is on top"},
	{from: "loomadapter", forbidden: modulePath + "/cmd", why: "the command line is on top"},
	{from: "plugins", forbidden: modulePath + "/modules", why: "the bundled plugins are data"},
}

func TestFloors(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File, _ *token.FileSet) {
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			checkImport(t, path, imported)
		}
	})
}

func checkImport(t *testing.T, path, imported string) {
	test := strings.HasSuffix(path, "_test.go")
	for _, f := range floors {
		inside := within(path, f.from) && !slices.ContainsFunc(f.except, func(e string) bool { return within(path, e) })
		if !inside || test || !within(imported, f.forbidden) || within(imported, modulePath+"/"+f.from) {
			continue
		}
		t.Errorf("%s imports %s: %s", path, imported, f.why)
	}
	if !test && modulesApart(path, imported) {
		t.Errorf("%s imports %s: modules know only modules/gateway, not each other", path, imported)
	}
}

// modulesApart reports whether a module imports another module than the app. moduletest is a test kit.
func modulesApart(path, imported string) bool {
	rest, ok := strings.CutPrefix(imported, modulePath+"/modules/")
	if !ok || !within(path, "modules") {
		return false
	}
	own := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "modules/")))
	return rest != "gateway" && rest != own
}

// TestFileNames keeps files out of the endings that Go takes for a platform and silently leaves out of the build.
func TestFileNames(t *testing.T) {
	eachGoFile(t, func(path string, _ *ast.File, _ *token.FileSet) {
		name := strings.TrimSuffix(strings.TrimSuffix(path, ".go"), "_test")
		for _, platform := range []string{"_wasm", "_js", "_wasip1"} {
			if strings.HasSuffix(name, platform) {
				t.Errorf("%s: a Go file that ends in %s is left out of the build", path, platform)
			}
		}
	})
}

// TestFunctionLength keeps functions readable in one look.
func TestFunctionLength(t *testing.T) {
	eachGoFile(t, func(path string, file *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			if lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, the most is %d", path, fn.Name.Name, lines, maxFunctionLines)
			}
		}
	})
}

// eachGoFile visits the Go files of this module; guests with a go.mod of their own are not part of it.
func eachGoFile(t *testing.T, visit func(path string, file *ast.File, fset *token.FileSet)) {
	t.Helper()
	fset := token.NewFileSet()
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(path, d)
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		seen++
		visit(filepath.ToSlash(path), file, fset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Fatal("no Go file was read")
	}
}

func skipFolder(path string, d fs.DirEntry) error {
	if path == "." {
		return nil
	}
	if strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin" || d.Name() == "node_modules" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}
