package hostile

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func calls() []*behaviour {
	const get = ":method=GET,:path=/call,:authority=backend"
	ssrf := []string{"169.254.169.254", "http://169.254.169.254/latest/meta-data", "localhost", "unix//run/docker.sock", "file:///etc/passwd", "outbound|80||169.254.169.254", "[::1]:22", "backend@CANARY", "CANARY", "http://CANARY/", "https://CANARY", "ADMIN", "http://ADMIN"}
	return []*behaviour{
		{id: 37, group: "calls", name: "floods of calls", promise: "100 at once of a request, 1000 of an instance; no cluster but the upstreams of the config", attacks: []attack{
			{name: "500 at once", do: "repeat 500; http backend " + get + "; end", in: without(everywhere(), "http_call_response"), outcome: bounded, check: callsBounded},
			{name: "an unknown cluster", do: "http nowhere " + get, in: everywhere(), check: allRefused("http")},
			{name: "a call from the answer to a call, for ever", script: lines("request_headers: if 0 x-attack; http backend "+get, "http_call_response: http backend "+get), in: []string{"http_call_response"}, outcome: bounded, check: (*kit).passed},
			{name: "ten calls, then an answer", do: "repeat 10; http backend " + get + "; end; reply 403 no", in: []string{"request_headers", "request_body"}, outcome: bounded, check: answers(http.StatusForbidden)},
			{name: "timeouts of 0 and below", do: `http backend ` + get + ` "" - 0; http backend ` + get + ` "" - -1`, in: everywhere(), outcome: bounded, check: answersAnything},
			{name: "without what a request needs", do: "http backend -; http backend :method=GET; http backend :path=/,:authority=a", in: everywhere(), check: allRefused("http")},
			{name: "to itself, each of which does the same", do: "http itself :method=POST,:path=/SELF/,:authority=itself,x-attack=1,x-case=h37 \"\" - 500; return 1", in: []string{"request_headers"}, settings: object{"limits": object{"pause_timeout": pauseTimeout}}, outcome: bounded, check: answersAnything},
			{name: "bodies of 4 MiB, 100 of them", do: "bighttp 100 4190000 backend " + get, in: []string{"request_headers", "tick"}, outcome: bounded, check: took("bighttp", "10", 32), slow: true},
		}},
		{id: 38, group: "calls", name: "calls to addresses of its own choice", promise: "BAD_ARGUMENT without `allow.addresses`; nothing is connected to", attacks: []attack{
			{name: "metadata, admin, sockets, files", do: forCalls(ssrf), in: everywhere(), check: allRefused("http", "grpc")},
		}},
		{id: 39, group: "calls", name: "foreign functions that there are not", promise: "NOT_FOUND", attacks: []attack{
			{name: "names", do: `foreign nope x; foreign "" x; foreign "compress\0" x; foreign exec "/bin/sh"`, in: everywhere(), check: allRefused("foreign")},
			{name: "arguments", do: `foreign uncompress "\x78\x9c\xff\xff"; foreign sign "\xff\xff"; foreign verify_signature "\x0a\xff\xff\xff\xff\x0f"; foreign expr_create "((((((((("; foreign expr_evaluate "\xff"; foreign set_envoy_filter_state "\xff"; foreign declare_property "\xff"`, in: everywhere(), outcome: bounded, check: answersAnything},
		}},
		{id: 40, group: "calls", name: "WASI: files, sockets, sleeping, exiting", promise: "there are none; a sleep is short; an exit ends the instance", attacks: []attack{
			{name: "files and sockets", do: `wasi args; wasi environ; wasi prestat; wasi open /etc/passwd 3; wasi open ../../etc/passwd 0; wasi accept; wasi send; wasi random 4294967280 4096; wasi random 0 4294967295`, in: everywhere(), check: wasiGivesNothing},
			{name: "sleeping an hour", do: "wasi sleep", in: everywhere(), check: answersAnything},
			{name: "sleeping an hour, again and again", do: "quiet 1; repeat 0; wasi sleep; end", in: everywhere(), outcome: ends, says: "ran longer than its limit"},
			{name: "exit 1", do: "wasi exit 1", in: everywhere(), outcome: ends, says: "proc_exit(1)"},
			{name: "exit 0", do: "wasi exit 0", in: onStreams(), outcome: ends, says: "proc_exit(0)"},
		}},
		{id: 41, group: "calls", name: "a configuration of 10 MB, or of no UTF-8", promise: "it is handed over; the guest's memory bounds what it reads", attacks: []attack{
			{name: "10 MB", do: "allocator grow; buf 7 0 20000000; buf 7 9999990 4294967295; allocator good", in: []string{"request_headers", "tick"}, pad: 10 << 20},
			{name: "no UTF-8", do: "buf 7 0 99", in: []string{"request_headers", "tick"}, settings: object{"vm_config": "\xff\xfe\x00\xed\xa0\x80"}},
		}},
		{id: 42, group: "calls", name: "state that outlives its owner", promise: "memory is the instance's; shared data and queues are the `vm_id`'s", attacks: []attack{
			{name: "memory of another plugin", do: "recall", in: onStreams(), before: (*kit).keepSecrets, check: recallsNothing},
			{name: "shared data of another plugin", do: "getdata secret", in: onStreams(), before: (*kit).keepSecrets, check: allRefused("getdata")},
			{name: "memory of an instance that has failed", do: "recall; remember 0 x-secret; trap", in: onStreams(), outcome: ends, says: "unreachable", check: recallsNothing},
		}},
	}
}

// forCalls calls each of the names over HTTP and over gRPC.
func forCalls(names []string) string {
	var list []string
	for _, name := range names {
		list = append(list, `http "`+name+`" :method=GET,:path=/,:authority=a`, `grpc "`+name+`" s m x`)
	}
	return strings.Join(list, "; ")
}

// callsBounded wants some of the calls to have been refused, where a request makes them.
func callsBounded(k *kit, tr *trial) error {
	if tr.attack.atStart(tr.in) {
		return nil
	}
	refused := 0
	err := eventually("the answers to 500 calls", func() bool {
		list := k.answers(tr, "http")
		refused = 0
		for _, status := range list {
			if status != "0" {
				refused++
			}
		}
		return len(list) >= 500
	})
	if err == nil && refused == 0 {
		err = errors.New("500 calls at once were taken")
	}
	return err
}

// wasiGivesNothing wants counts of 0 and errors.
func wasiGivesNothing(k *kit, tr *trial) error {
	for _, what := range []string{"args", "environ"} {
		if list := k.answers(tr, "wasi "+what); len(list) == 0 || list[0] != "0 0" {
			return fmt.Errorf("%s: %q", what, list)
		}
	}
	for _, what := range []string{"prestat", "open", "accept", "send", "random"} {
		list := k.answers(tr, "wasi "+what)
		if len(list) == 0 {
			return fmt.Errorf("%s: no answer", what)
		}
		for _, status := range list {
			if status == "0" {
				return fmt.Errorf("%s answered 0", what)
			}
		}
	}
	return nil
}

// keeper is a plugin of the same module, which keeps what it is given.
const keeper = "h42-keeper"

// keepSecrets gives the keeper something.
func (k *kit) keepSecrets(*trial) { k.send(keeper, "/", 0, false) }

func recallsNothing(k *kit, tr *trial) error {
	if err := k.answered(tr, "recall", "0"); err != nil {
		return err
	}
	for _, line := range k.answers(tr, "recall") {
		if line != `0 ""` {
			return fmt.Errorf("the guest found %s", line)
		}
	}
	return nil
}
