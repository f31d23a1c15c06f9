package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// configuredAdmin is where the admin API of a config listens. Without one the environment says it, then the loom.yaml that lies
// around.
func configuredAdmin(config, adapter string) (string, error) {
	if config == "" {
		if config = findConfig(fileExists); config == "" || os.Getenv("LOOM_ADMIN") != "" {
			return adminAddress(os.Getenv), nil
		}
	}
	body, err := os.ReadFile(config)
	if err != nil {
		return "", fmt.Errorf("reading the config: %w", err)
	}
	text, err := adapted(body, config, adapter)
	if err != nil {
		return "", fmt.Errorf("looking for the admin API in %s (--address names it without): %w", config, err)
	}
	listen, err := adminListener(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", config, err)
	}
	return dialable(listen)
}

// adapted is the config as Caddy's JSON.
func adapted(body []byte, config, adapter string) ([]byte, error) {
	switch {
	case adapter != "":
	case isLoomFile(config):
		adapter = adapterName
	case strings.HasSuffix(config, ".json"):
		return body, nil
	default:
		adapter = "caddyfile"
	}
	a := caddyconfig.GetAdapter(adapter)
	if a == nil {
		return nil, fmt.Errorf("unknown adapter %q", adapter)
	}
	text, _, err := a.Adapt(body, map[string]any{"filename": config})
	return text, err
}

// adminListener finds the server that has the handler loom_admin.
func adminListener(config []byte) (string, error) {
	var c struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Listen []string
					Routes json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return "", err
	}
	for _, s := range c.Apps.HTTP.Servers {
		if len(s.Listen) > 0 && hasHandler(s.Routes, "loom_admin") {
			return s.Listen[0], nil
		}
	}
	return "", errors.New("it has no admin API: add a section `admin: {}`, or name an address with --address")
}

// hasHandler looks for a handler at any depth.
func hasHandler(value json.RawMessage, name string) bool {
	var decoded any
	return json.Unmarshal(value, &decoded) == nil && contains(decoded, name)
}

func contains(value any, handler string) bool {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			if contains(item, handler) {
				return true
			}
		}
	case map[string]any:
		if v["handler"] == handler {
			return true
		}
		for _, item := range v {
			if contains(item, handler) {
				return true
			}
		}
	}
	return false
}

// dialable is an address to which one can connect: a server that listens on every address is on this machine too.
func dialable(listen string) (string, error) {
	listen = caddy.NewReplacer().ReplaceAll(listen, "")
	a, err := caddy.ParseNetworkAddress(listen)
	if err != nil {
		return "", fmt.Errorf("address %q: %w", listen, err)
	}
	if a.IsUnixNetwork() {
		return "unix/" + a.Host, nil
	}
	if a.Host == "" || a.Host == "0.0.0.0" || a.Host == "::" {
		a.Host = "127.0.0.1"
	}
	return net.JoinHostPort(a.Host, strconv.FormatUint(uint64(a.StartPort), 10)), nil
}
