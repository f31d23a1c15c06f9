// Command higress is a guest on Higress' own wrapper and SDK: what its key-auth, request-block, transformer and rate-limit
// plugins use of a gateway.
package main

import (
	"errors"
	"net/http"
	"strings"

	"github.com/alibaba/higress/plugins/wasm-go/pkg/wrapper"
	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm"
	"github.com/higress-group/proxy-wasm-go-sdk/proxywasm/types"
	"github.com/tidwall/gjson"
	"github.com/tidwall/resp"
)

func main() {}

func init() {
	wrapper.SetCtx("gate",
		wrapper.ParseConfigBy(parse),
		wrapper.ProcessRequestHeadersBy(onRequestHeaders),
		wrapper.ProcessRequestBodyBy(onRequestBody),
		wrapper.ProcessResponseHeadersBy(onResponseHeaders),
	)
}

type gate struct {
	name   string
	blocks []string
	keys   map[string]string
	auth   wrapper.HttpClient
	quota  wrapper.RedisClient
	limit  int
}

func parse(json gjson.Result, g *gate, log wrapper.Log) error {
	if g.name = json.Get("name").String(); g.name == "" {
		return errors.New("name is missing")
	}
	for _, url := range json.Get("block_urls").Array() {
		g.blocks = append(g.blocks, url.String())
	}
	if keys := json.Get("keys"); keys.Exists() {
		g.keys = map[string]string{}
		for consumer, key := range keys.Map() {
			g.keys[key.String()] = consumer
		}
	}
	if auth := json.Get("auth"); auth.Exists() {
		g.auth = wrapper.NewClusterClient(wrapper.FQDNCluster{FQDN: auth.String(), Port: 80})
	}
	if redis := json.Get("redis"); redis.Exists() {
		g.quota, g.limit = wrapper.NewRedisClusterClient(wrapper.FQDNCluster{FQDN: redis.String(), Port: 6379}), int(json.Get("limit").Int())
		return g.quota.Init("", json.Get("password").String(), 5000)
	}
	return nil
}

func onRequestHeaders(ctx wrapper.HttpContext, g gate, log wrapper.Log) types.Action {
	for _, url := range g.blocks {
		if strings.Contains(ctx.Path(), url) {
			return refuse(http.StatusForbidden, "blocked")
		}
	}
	if g.keys != nil {
		key, _ := proxywasm.GetHttpRequestHeader("x-api-key")
		consumer, ok := g.keys[key]
		if !ok {
			return refuse(http.StatusUnauthorized, "unknown key")
		}
		_ = proxywasm.ReplaceHttpRequestHeader("x-mse-consumer", consumer)
	}
	ctx.SetContext("name", g.name)
	ctx.SetRequestBodyBufferLimit(1 << 20)
	_ = proxywasm.RemoveHttpRequestHeader("content-length")
	switch {
	case g.auth != nil:
		return ask(ctx, g, log)
	case g.quota != nil:
		return count(ctx, g, log)
	}
	return types.ActionContinue
}

func refuse(status uint32, why string) types.Action {
	_ = proxywasm.SendHttpResponseWithDetail(status, "gate.refused", [][2]string{{"x-why", why}}, []byte(why), -1)
	return types.ActionPause
}

// ask holds the request until a service has said yes, as ext-auth does.
func ask(ctx wrapper.HttpContext, g gate, log wrapper.Log) types.Action {
	err := g.auth.Get("/check?path="+ctx.Path(), [][2]string{{"x-from", "gate"}}, func(status int, headers http.Header, body []byte) {
		if status != http.StatusOK {
			refuse(uint32(status), "auth: "+string(body))
			return
		}
		_ = proxywasm.AddHttpRequestHeader("x-user", headers.Get("x-user"))
		_ = proxywasm.ResumeHttpRequest()
	}, 5000)
	if err != nil {
		log.Errorf("asking: %v", err)
		return refuse(http.StatusServiceUnavailable, err.Error())
	}
	return types.HeaderStopAllIterationAndWatermark
}

// count holds the request until Redis has counted it, as cluster-key-rate-limit does.
func count(ctx wrapper.HttpContext, g gate, log wrapper.Log) types.Action {
	err := g.quota.Incr("gate:"+ctx.Host(), func(reply resp.Value) {
		switch {
		case reply.Error() != nil:
			refuse(http.StatusServiceUnavailable, reply.Error().Error())
		case reply.Integer() > g.limit:
			refuse(http.StatusTooManyRequests, "over the limit")
		default:
			_ = proxywasm.ResumeHttpRequest()
		}
	})
	if err != nil {
		return refuse(http.StatusServiceUnavailable, err.Error())
	}
	return types.HeaderStopAllIterationAndWatermark
}

func onRequestBody(ctx wrapper.HttpContext, g gate, body []byte, log wrapper.Log) types.Action {
	if !gjson.ValidBytes(body) {
		return refuse(http.StatusBadRequest, "no JSON")
	}
	_ = proxywasm.ReplaceHttpRequestBody([]byte(`{"name":"` + g.name + `","body":` + string(body) + `}`))
	return types.ActionContinue
}

func onResponseHeaders(ctx wrapper.HttpContext, g gate, log wrapper.Log) types.Action {
	_ = proxywasm.AddHttpResponseHeader("x-gate", ctx.GetStringContext("name", "none"))
	return types.ActionContinue
}
