package hostile

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func hostcalls() []*behaviour {
	return []*behaviour{
		{id: 22, group: "hostcalls", name: "pointers and lengths out of bounds", promise: "a status, and nothing is read or written", attacks: []attack{
			{name: "all ones", do: raw("4294967295"), in: everywhere(), check: noneTaken},
			{name: "the largest positive number", do: raw("2147483647"), in: everywhere(), check: noneTaken},
			{name: "the last bytes of the memory, and a length that overflows", do: raw("16777215"), in: everywhere(), check: noneTaken},
		}},
		{id: 23, group: "hostcalls", name: "maps and buffers that there are not", promise: "a status", attacks: []attack{
			{name: "maps", do: forEach([]string{"8", "9", "100", "4294967295"}, "get N x; size N; pairs N; add N x y; set N x y; del N x; setpairs N a=b"), in: everywhere(), check: allRefused("get", "add", "set", "del", "setpairs")},
			{name: "buffers", do: forEach([]string{"9", "100", "4294967295"}, "buf N 0 10; bufstatus N; setbuf N 0 1 x"), in: everywhere(), check: allRefused("buf", "bufstatus", "setbuf")},
		}},
		{id: 24, group: "hostcalls", name: "serialized maps that lie", promise: "read as an empty map, as in Envoy; the plugin's own request loses its headers", attacks: []attack{
			{name: "counts and sizes that are not there", do: lyingPairs, in: everywhere(), outcome: bounded, check: answersAnything},
			{name: "5000 pairs, and 3 MB of them", do: "manypairs 0 5000 8; manypairs 0 1000 3000; manypairs 2 5000 8; manypairs 2 1000 3000", in: onStreams(), outcome: bounded, check: answersAnything},
		}},
		{id: 25, group: "hostcalls", name: "poisoned headers and framing", promise: "control characters, pseudo and hop-by-hop headers are left out; a length that is wrong cuts the message", attacks: []attack{
			{name: "line ends and NUL", do: poison, in: onStreams(), outcome: bounded, check: notSmuggled},
			{name: "pseudo headers", do: `set 0 :path "/p HTTP/1.1\r\nx-smuggled: 1\r\n\r\nGET /stolen"; set 0 :authority "a\r\nx-smuggled: 1"; set 0 :method "GET /stolen HTTP/1.1\r\nx-smuggled: 1"; del 0 :path; del 0 :method; del 0 :authority; set 2 :status "200\r\nx-smuggled: 1"`, in: onStreams(), outcome: bounded, check: notSmuggled},
			{name: "framing", do: `set 0 content-length 3; set 0 transfer-encoding "chunked, identity"; set 0 connection x-keep; set 0 upgrade h2c; set 2 content-length 3; set 2 transfer-encoding gzip; set 2 connection close`, in: onStreams(), outcome: bounded, check: notSmuggled},
		}},
		{id: 26, group: "hostcalls", name: "calls in the wrong phase", promise: "a status, or what is too late is left out", attacks: []attack{
			{name: "everything everywhere", do: wrongPhase, in: everywhere(), outcome: bounded, check: answersAnything},
			{name: "an answer after the end", do: "reply 200 late; setbuf 0 0 9 x; setbuf 1 0 9 x; set 2 x-half 1; set 3 x-half 1", in: []string{"log", "done"}},
		}},
		{id: 27, group: "hostcalls", name: "the context of another stream", promise: "BAD_ARGUMENT for what is not the plugin's own and alive", attacks: []attack{
			{name: "every id", do: "scan 3000 x-secret; effective 4294967295; effective 0", in: everywhere(), before: (*kit).leaveSecrets, check: nothingScanned},
		}},
		{id: 28, group: "hostcalls", name: "continuing and closing too often", promise: "the stream goes on or is cut, once", attacks: []attack{
			{name: "continue", do: "continue 0; continue 0; continue 1; continue 1; continue 7; close 9", in: everywhere(), outcome: bounded, check: answersAnything},
			{name: "close", do: "close 0; close 0; close 1; close 1; continue 0; continue 1", in: everywhere(), outcome: bounded, check: answersAnything},
			{name: "after an answer", do: "reply 403 no; continue 0; close 0; continue 1; reply 200 yes", in: everywhere(), outcome: bounded, check: answersAnything},
		}},
		{id: 29, group: "hostcalls", name: "answers with odd statuses, in every phase, twice", promise: "500 for a status that HTTP does not have; the first answer counts; none after the head", attacks: []attack{
			odd("0"), odd("99"), odd("1000"), odd("100"), odd("4294967295"),
		}},
		{id: 30, group: "hostcalls", name: "a pause without end", promise: "`limits.pause_timeout`: 504", attacks: []attack{
			{name: "in a callback", do: "return 1", in: []string{"request_headers", "request_body", "request_trailers", "response_headers", "response_body"}, outcome: held},
			{name: "at the end of the response", do: "return 1", in: []string{"response_trailers"}, settings: object{"limits": object{"pause_timeout": pauseTimeout}}, outcome: bounded, check: answersAnything},
		}},
		{id: 31, group: "hostcalls", name: "a pause on a huge body", promise: "`limits.body`: 413, or 500 for a response", attacks: []attack{
			{name: "a request of 1 GiB", script: "request_body: return 1", size: 1 << 30, in: []string{"request_body"}, outcome: bounded, check: answers(http.StatusRequestEntityTooLarge)},
			{name: "a response of 64 MiB", script: "response_body: return 1", path: "/huge", in: []string{"response_body"}, outcome: bounded, check: answers(http.StatusInternalServerError)},
		}},
	}
}

var rawCall = regexp.MustCompile(`\{"(proxy_\w+)", \(any\)\w+, (\d+)\}`)

// raw makes every hostcall of the ABI with the same number in all of its parameters. The list is the probe's own.
func raw(number string) string {
	text := string(readFile("../../plugins/probe/raw.h"))
	var calls []string
	for _, m := range rawCall.FindAllStringSubmatch(text, -1) {
		if m[2] == "0" {
			continue
		}
		var n int
		_, _ = fmt.Sscan(m[2], &n)
		calls = append(calls, "raw "+m[1]+strings.Repeat(" "+number, n))
	}
	return strings.Join(calls, "; ")
}

// harmlessRaw take any number: they have no pointers.
func harmlessRaw() []string {
	return []string{"proxy_set_tick_period_milliseconds"}
}

func noneTaken(k *kit, tr *trial) error {
	var all []string
	err := eventually("the answers to raw calls", func() bool {
		all = k.gateway.said(tr.name)
		return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "proxy_get_metric ->") })
	})
	if err != nil {
		return err
	}
	for _, line := range all {
		name, status, ok := strings.Cut(strings.TrimPrefix(line, "  raw "), " -> ")
		if ok && strings.HasPrefix(line, "  raw ") && strings.HasPrefix(status, "0 ") && !slices.Contains(harmlessRaw(), name) {
			return fmt.Errorf("%s answered OK", name)
		}
	}
	return nil
}

func forEach(numbers []string, do string) string {
	var list []string
	for _, n := range numbers {
		list = append(list, strings.ReplaceAll(do, "N", n))
	}
	return strings.Join(list, "; ")
}

// allRefused wants no command to be answered with OK.
func allRefused(commands ...string) func(*kit, *trial) error {
	return func(k *kit, tr *trial) error {
		for _, c := range commands {
			if err := k.answered(tr, c, "1", "2", "3", "4", "6", "7", "8", "10", "12"); err != nil {
				return err
			}
		}
		return nil
	}
}

const lyingPairs = `raw proxy_set_header_map_pairs 0 "@\xff\xff\xff\xff" 4; ` + // four billion pairs
	`raw proxy_set_header_map_pairs 0 "@\x02\0\0\0\x01\0\0\0\x01\0\0\0" 12; ` + // two, of which one is there
	`raw proxy_set_header_map_pairs 0 "@\x01\0\0\0\xff\xff\xff\xff\x02\0\0\0a\0b\0" 16; ` + // a name of 4 GiB
	`raw proxy_set_header_map_pairs 0 "@\x01\0\0\0\x01\0\0\0\xff\xff\xff\x7fa\0b\0" 16; ` + // a value of 2 GiB
	`raw proxy_set_header_map_pairs 0 "@\x01\0" 2` // half a count

const poison = `set 0 x-a "a\r\nx-smuggled: 1"; add 0 x-b "a\n\nGET /stolen HTTP/1.1\r\nx-smuggled: 1\r\n\r\n"; set 0 "x-c: d\r\nx-smuggled" 1; ` +
	`set 0 "x d" v; set 0 x-e "a\0b"; set 0 "" v; set 2 x-a "a\r\nx-smuggled: 1"; set 2 "x-smuggled\r\n" 1; set 2 x-b "\r\n\r\nbody"; ` +
	`set 1 x-a "a\r\nx-smuggled: 1"; set 3 x-a "a\r\nx-smuggled: 1"; set 3 "x-smuggled: 1\r\nx" y`

const wrongPhase = `get 2 :status; pairs 2; set 2 x-half 1; add 3 x-half 1; get 1 x; set 1 x-half 1; pairs 3; buf 0 0 99; buf 1 0 99; setbuf 0 0 99 half; ` +
	`setbuf 1 0 99 half; bufstatus 0; bufstatus 1; get 6 :status; pairs 7; buf 4 0 9; buf 8 0 9; status; set 0 x-half 1; set 0 :path /half; ` +
	`prop response.code; prop request.path; setprop a|b c; grpcsend 1 x; grpccancel 1; grpcclose 1; done`

// answersAnything wants an answer or a cut response, and that the plugin lives: what it asked for is its own business.
func answersAnything(_ *kit, tr *trial) error {
	a := tr.answer
	if !tr.attack.atStart(tr.in) && !a.cut() && a.status < 200 {
		return fmt.Errorf("no answer: %s", a.text())
	}
	return nil
}

// notSmuggled wants nothing on either side that the plugin has written past the parts of a message.
func notSmuggled(k *kit, tr *trial) error {
	a := tr.answer
	if a.header.Get("X-Smuggled") != "" || a.trailer.Get("X-Smuggled") != "" {
		return fmt.Errorf("the response has a smuggled header: %v %v", a.header, a.trailer)
	}
	if list := k.backend.strangers(); len(list) > 0 {
		return fmt.Errorf("the backend got what nobody sent: %q", list)
	}
	return answersAnything(k, tr)
}

// leaveSecrets has other requests come and go on the plugin.
func (k *kit) leaveSecrets(tr *trial) {
	for range 3 {
		k.send(tr.name, "/freed", 0, false)
	}
}

// nothingScanned wants no header of another request in what the guest found. The paused stream of a callback without one is the
// plugin's own.
func nothingScanned(k *kit, tr *trial) error {
	if err := k.answered(tr, "scan", "0"); err != nil {
		return err
	}
	own := slices.Contains(rootCallbacks(), tr.in)
	for _, line := range k.gateway.said(tr.name) {
		if found, ok := strings.CutPrefix(line, "  scanned "); ok && (!own || found != `"of `+tr.name+`"`) {
			return fmt.Errorf("the guest saw %s", found)
		}
	}
	return nil
}

// odd answers with a status, and then again.
func odd(status string) attack {
	return attack{
		name: "status " + status, do: "reply " + status + " first; reply 200 second", in: everywhere(), outcome: bounded,
		check: func(_ *kit, tr *trial) error {
			a := tr.answer
			switch {
			case tr.attack.atStart(tr.in):
				return nil
			case a.err != nil && !answersAtOnce(tr.in), a.status == http.StatusInternalServerError && a.body == "first":
				return nil
			case !answersAtOnce(tr.in) && a.untouched(tr.name, "") == nil:
				return nil
			}
			return fmt.Errorf("want 500, got %s", a.text())
		},
	}
}

func answers(status int) func(*kit, *trial) error {
	return func(_ *kit, tr *trial) error {
		if tr.answer.err != nil || tr.answer.status != status {
			return fmt.Errorf("want %d, got %s", status, tr.answer.text())
		}
		return nil
	}
}
