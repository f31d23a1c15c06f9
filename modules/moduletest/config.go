package moduletest

import (
	"encoding/json"
	"strings"
)

// ServerName is the name of the server in the configs that HTTP makes.
const ServerName = "test"

// HTTP is a config with the `loom` app and one plaintext server (HTTP/1.1 and h2c) on a random loopback port whose
// only route has the handlers. Each argument is JSON; an empty loom leaves the app out.
func HTTP(loom string, handlers ...string) string {
	return Server(loom, `{
		"listen": ["127.0.0.1:0"],
		"protocols": ["h1", "h2c"],
		"automatic_https": {"disable": true},
		"routes": [{"handle": [`+strings.Join(handlers, ",")+`]}]
	}`)
}

// Server is a config with the `loom` app and one server, both given as JSON; an empty loom leaves the app out.
func Server(loom, server string) string {
	apps := `{"http": {"servers": {"` + ServerName + `": ` + server + `}}`
	if loom != "" {
		apps += `, "loom": ` + loom
	}
	return `{"apps": ` + apps + `}}`
}

// Quote is the value as JSON, to put a Go value into a config.
func Quote(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(data)
}
