package caddyfile

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/modules/gateway"
)

// readNode reads who the gateway is, for plugins that ask.
//
//	node {
//		id       <text>
//		cluster  <text>
//		metadata { <key> <value>... }
//	}
func readNode(d *caddyfile.Dispenser, app *gateway.App) error {
	if app.Node != nil {
		return d.Errf("node is defined twice")
	}
	app.Node = &gateway.Node{}
	b := block{owner: "node", words: map[string]reader{
		"id":       text(&app.Node.ID),
		"cluster":  text(&app.Node.Cluster),
		"metadata": func(d *caddyfile.Dispenser) error { return readMetadata(d, app.Node) },
	}}
	return b.readAlone(d)
}

func readMetadata(d *caddyfile.Dispenser, node *gateway.Node) error {
	if d.CountRemainingArgs() > 0 {
		return d.Errf("metadata takes no value, only a block")
	}
	object, err := readObject(d)
	if err != nil {
		return err
	}
	text, err := compactJSON(object)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), &node.Metadata)
}
