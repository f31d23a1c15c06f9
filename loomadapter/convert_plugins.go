package loomadapter

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/modules/gateway"
)

func (c *converter) plugin(p *Plugin) *gateway.Plugin {
	out := &gateway.Plugin{
		Path: p.Path, SHA256: p.SHA256, Phase: p.Phase, Priority: p.Priority, RootID: p.RootID, VMID: p.VMID, Env: p.Env,
		FailurePolicy: p.FailurePolicy, Instances: p.Instances, AllowOnHeadersStopIteration: p.AllowOnHeadersStopIteration,
		Profile: p.Profile, AllowMissingABIVersion: p.AllowMissingABIVersion, UnknownImports: p.UnknownImports,
		SkipOwnLocalReply: p.SkipOwnLocalReply, TickMode: p.TickMode, Trusted: p.Trusted,
	}
	if a := p.Allow; a != nil {
		out.Allow = &gateway.PluginAllow{Functions: a.Functions, Upstreams: a.Upstreams, Addresses: a.Addresses}
		if h := a.Headers; h != nil {
			out.Allow.Headers = &gateway.PluginHeaders{Read: h.Read, Write: h.Write}
		}
	}
	if p.Path == "" {
		out.Bundled = p.Name
	}
	if text := c.configText(p.Config, p.Pos.key("config")); text != nil {
		out.Config = *text
	}
	if text := c.configText(p.VMConfig, p.Pos.key("vm_config")); text != nil {
		out.VMConfig = *text
	}
	if l := p.Limits; l != nil {
		out.Limits = &gateway.PluginLimits{
			Memory: int64(l.Memory), CallTimeout: caddy.Duration(l.CallTimeout), StartTimeout: caddy.Duration(l.StartTimeout),
			CompileTimeout: caddy.Duration(l.CompileTimeout),
			Body:           int64(l.Body), PauseTimeout: caddy.Duration(l.PauseTimeout),
			DoneTimeout:       caddy.Duration(l.DoneTimeout),
			TickPeriod:        caddy.Duration(l.TickPeriod),
			Configuration:     int(l.Configuration),
			LogRate:           l.LogRate,
			LogLine:           int(l.LogLine),
			Metrics:           l.Metrics,
			SharedData:        int(l.SharedData),
			QueueItems:        l.QueueItems,
			QueueData:         int(l.QueueData),
			Calls:             l.Calls,
			RequestCalls:      l.RequestCalls,
			RequestCallsInAll: l.RequestCallsInAll,
			CallBody:          int(l.CallBody),
			CallBodies:        int(l.CallBodies),
		}
	}
	if b := p.CircuitBreaker; b != nil {
		out.CircuitBreaker = &gateway.PluginBreaker{
			Disabled: b.Disabled, FailureThreshold: b.FailureThreshold, Window: caddy.Duration(b.Window),
			Timeout: caddy.Duration(b.Timeout), MaxTimeout: caddy.Duration(b.MaxTimeout),
		}
	}
	if r := p.Recycle; r != nil {
		out.Recycle = &gateway.PluginRecycle{Memory: int64(r.Memory), Age: caddy.Duration(r.Age), Requests: r.Requests}
	}
	return out
}

// configText is what a guest gets: a text as it is, anything else as compact JSON with sorted keys.
func (c *converter) configText(node *yaml.Node, at Pos) *string {
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode && (node.Tag == "!!str" || node.Style != 0) {
		return &node.Value
	}
	var value any
	err := node.Decode(&value)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(value); err == nil {
			s := string(text)
			return &s
		}
	}
	c.errorf(at, "this cannot be written as JSON: %v", err)
	return nil
}
