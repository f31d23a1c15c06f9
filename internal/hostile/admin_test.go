package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ask asks an admin API.
func ask(method, url string, body []byte) (status int, text string, err error) {
	r, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport, Timeout: patience * 3}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	return res.StatusCode, string(data), err
}

// load gives the gateway another config. The error is the gateway's.
func (k *kit) load(config []byte) error {
	status, text, err := ask(http.MethodPost, "http://"+k.caddyAdmin+"/load", config)
	if err != nil {
		return fmt.Errorf("the admin API does not answer: %w", err)
	}
	if status != http.StatusOK {
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			return fmt.Errorf("status %d %s", status, text)
		}
		return &loadError{answer.Error}
	}
	return nil
}

// loadError is why the gateway did not take a config.
type loadError struct{ text string }

func (e *loadError) Error() string { return e.text }

// state is what metrics and admin API show of a plugin.
type state struct {
	traps, reloads, instances, limitHits float64
	failure                              string
	memory                               uint32
	found                                bool
}

var sample = regexp.MustCompile(`(?m)^(loom_plugin_\w+)\{(?:limit="(\w+)",)?plugin="([^"]+)"\} (\S+)$`)

// page is the metrics page.
func (k *kit) page() string {
	_, text, err := ask(http.MethodGet, "http://"+k.caddyAdmin+"/metrics", nil)
	if err != nil {
		k.t.Errorf("the metrics: %v", err)
	}
	return text
}

// stateOf reads the state of a plugin from the metrics page and the admin API.
func (k *kit) stateOf(plugin string) state {
	var s state
	for _, m := range sample.FindAllStringSubmatch(k.page(), -1) {
		if m[3] != plugin {
			continue
		}
		s.found = true
		n, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			k.t.Error(err)
		}
		switch m[1] {
		case "loom_plugin_traps_total":
			s.traps = n
		case "loom_plugin_reloads_total":
			s.reloads = n
		case "loom_plugin_instances":
			s.instances = n
		case "loom_plugin_limit_hits_total":
			s.limitHits += n
		}
	}
	_, text, err := ask(http.MethodGet, "http://"+k.loomAdmin+"/plugins/"+plugin, nil)
	if err != nil {
		k.t.Errorf("the admin API: %v", err)
	}
	var shown struct {
		Traps     float64
		Instances []struct {
			Failure     string
			MemoryBytes uint32 `json:"memory_bytes"`
		}
	}
	if json.Unmarshal([]byte(text), &shown) == nil && len(shown.Instances) > 0 {
		s.failure, s.memory = shown.Instances[0].Failure, shown.Instances[0].MemoryBytes
	}
	return s
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\S+)$`)

// usage is what the process has.
type usage struct {
	rss        int64 // bytes
	goroutines int
}

// usage collects garbage before it looks.
func (k *kit) usage() usage {
	_, _, _ = ask(http.MethodGet, "http://"+k.caddyAdmin+"/debug/pprof/heap?gc=1", nil)
	var u usage
	if m := goroutines.FindStringSubmatch(k.page()); m != nil {
		n, _ := strconv.ParseFloat(m[1], 64)
		u.goroutines = int(n)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.gateway.cmd.Process.Pid))
	if err != nil {
		k.t.Error(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			u.rss = n << 10
		}
	}
	return u
}

// The bounds within which the process must come back when the plugins are removed: what the collector has not given back yet is no
// leak, and it keeps up to 64 MiB for the next allocations. The 2300 cases of a full run would leak 140 MiB if each left a page of its
// guest's memory. The quick run has more room, for it is made on machines that are busy.
const (
	moreMemory      = 40 << 20
	moreMemoryQuick = 100 << 20
	moreGoroutines  = 15
)

// settle removes all plugins but the neighbour's and waits until the process has given back what they took.
func (k *kit) settle() (usage, error) {
	if err := k.load(k.config()); err != nil {
		return usage{}, err
	}
	memory := int64(moreMemoryQuick)
	if *all {
		memory = moreMemory
	}
	var now usage
	err := eventually("giving back what the plugins took", func() bool {
		now = k.usage()
		back := now.rss <= k.base.rss+memory && now.goroutines <= k.base.goroutines+moreGoroutines
		if !back {
			time.Sleep(time.Second)
		}
		return back
	})
	if err != nil {
		err = fmt.Errorf("%w: %+v, before the plugins %+v", err, now, k.base)
	}
	return now, err
}
