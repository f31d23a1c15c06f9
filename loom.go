// Package loom is a placeholder while the house is being built.
package loom

import (
	_ "github.com/caddyserver/caddy/v2/caddytest"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tetratelabs/wazero"
)
