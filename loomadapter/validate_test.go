package loomadapter

import (
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"
)

// What the adapter makes must load: the owner's two documents, with every plugin compiled, started and configured.
func TestOwnersDocumentsLoad(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	for _, path := range []string{"testdata/good/owner.yaml", "testdata/good/owner-plugins.yaml"} {
		out := adaptForLoading(t, path)
		config := new(caddy.Config)
		if err := caddy.StrictUnmarshalJSON(out, config); err != nil {
			t.Fatal(err)
		}
		config.Admin = &caddy.AdminConfig{Disabled: true}
		if err := caddy.Validate(config); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
