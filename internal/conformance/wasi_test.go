package conformance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/loom-gateway/loom/internal/guestbuild"
	"github.com/loom-gateway/loom/internal/plugin"
)

// wasiAnswers is what testdata/wasi.wat gets, by the names of its lines.
func wasiAnswers(t *testing.T, change ...func(*plugin.Spec)) (*gateway, func(t *testing.T, lines ...string)) {
	t.Helper()
	g := runs(t, rawSpec(t, "wasi", change...))
	log := g.log()
	return g, func(t *testing.T, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !slices.Contains(log, line) {
				t.Errorf("the guest did not log %q but\n%s", line, strings.Join(log, "\n"))
			}
		}
	}
}

func env(list ...string) func(*plugin.Spec) {
	return func(s *plugin.Spec) {
		s.Env = map[string]string{}
		for _, e := range list {
			name, value, _ := strings.Cut(e, "=")
			s.Env[name] = value
		}
	}
}

func wasi(s *suite) {
	s.check("W-01", 1, "random_get fills buffers of 64 KiB, takes an empty one, and refuses what is out of reach", func(t *testing.T) {
		_, want := wasiAnswers(t)
		want(t, "random_get empty 0", "random_get 64k 0", "random set 1", "random_get outside 21", "random_get 1g 28")
	})
	s.check("W-02", 1, "the environment is what the config gives, and nothing of the gateway's", func(t *testing.T) {
		t.Run("none", func(t *testing.T) {
			_, want := wasiAnswers(t)
			want(t, "environ_sizes_get 0", "environ count 0", "environ size 0", "environ_get 0")
		})
		t.Run("two", func(t *testing.T) {
			g, want := wasiAnswers(t, env("A=probe: x", "B=22"))
			want(t, "environ count 2", "environ size 16")
			if g.logs.FilterMessage(`A=probe: x\x00B=22`).Len() != 1 {
				t.Errorf("the guest did not log its environment: %v", g.logs.All())
			}
		})
	})
	s.check("W-03", 1, "there are no arguments; clocks 0 and 1 run, others are not supported", func(t *testing.T) {
		_, want := wasiAnswers(t)
		want(t, "args_sizes_get 0", "args count 0", "args size 0", "args_get 0", "clock_time_get 0 0", "clock 0 runs 1",
			"clock_time_get 1 0", "clock 1 runs 1", "clock_time_get 2 58", "clock_time_get 3 58", "clock_res_get 0 0", "clock_res_get 2 58")
	})
	s.check("W-04", 1, "fd_write logs standard output and error, and knows no other file and no memory out of reach", func(t *testing.T) {
		g, want := wasiAnswers(t)
		want(t, "fd_write 0 8", "fd_write 1 0", "fd_write 2 0", "fd_write 3 8", "fd_write two 0", "fd_write two count 29",
			"fd_write none 0", "fd_write outside 21", "fd_write bad buffer 21", "fd_write bad answer 21", "fd_pwrite 1 0")
		levels := map[zapcore.Level]int{}
		for _, entry := range g.logs.FilterMessage("probe: written").All() {
			levels[entry.Level]++
		}
		// Standard output: fd_write, under both names, fd_pwrite, and the one whose answer had no place.
		if levels[zapcore.InfoLevel] != 4 || levels[zapcore.ErrorLevel] != 1 {
			t.Errorf("lines by level: %v", levels)
		}
		if n := g.logs.FilterMessage("probe: writtenprobe: written").Len(); n != 1 {
			t.Errorf("two buffers are %d lines", n)
		}
	})
	s.check("W-05", 1, "there are no files and no folders", func(t *testing.T) {
		_, want := wasiAnswers(t)
		want(t, "fd_prestat_get 8", "fd_prestat_dir_name 52", "path_open 44", "path_unlink_file 58", "path_create_directory 58",
			"path_filestat_get 58", "path_rename 58", "fd_filestat_get 8", "fd_read 52", "fd_pread 52", "fd_readdir 20", "fd_readdir used 0")
	})
	s.check("W-06", 1, "poll_oneoff succeeds, sleeps for some milliseconds at most, and reports a clock that ran out", func(t *testing.T) {
		begin := time.Now()
		_, want := wasiAnswers(t)
		want(t, "poll_oneoff 1ms 0", "poll events 1", "poll userdata 42", "poll_oneoff 1h 0", "poll 1h events 0")
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("a guest that wants to sleep for an hour held a request for %v", took)
		}
		goSleeps(t)
	})
	s.check("W-07", 1, "proc_exit ends the instance, and the policy says what follows; there are no sockets", func(t *testing.T) {
		exits := rawSpec(t, "wasi", env("A=1", "B=2", "C=3"))
		g := serve(t, setup{plugins: []plugin.Spec{exits}})
		if a := g.do(t, "GET", "/", nil); a.status != 503 {
			t.Errorf("the client got %d, want 503", a.status)
		}
		failed := g.logs.FilterMessage("plugin instance failed")
		eventually(t, "the failure in the log", func() bool {
			failed = g.logs.FilterMessage("plugin instance failed")
			return failed.Len() == 1
		})
		if text := failed.All()[0].ContextMap()["error"]; !strings.Contains(text.(string), "proc_exit(3)") {
			t.Errorf("the log does not name the exit code: %v", text)
		}
		eventually(t, "a fresh instance", func() bool { return g.plugins[0].Snapshot().Instances[0].Failure == "" })
		exits.FailurePolicy = plugin.PolicyOpen
		if a := serve(t, setup{plugins: []plugin.Spec{exits}}).do(t, "GET", "/", nil); a.status != 200 {
			t.Errorf("with failure_policy open the client got %d", a.status)
		}
		g.want(t, "sock_accept 58", "sock_send 58", "sock_recv 58", "sock_shutdown 58", "proc_raise 58")
	})
	s.check("W-08", 2, "sched_yield, closing, seeking and the state of files answer as in Envoy", func(t *testing.T) {
		_, want := wasiAnswers(t)
		want(t, "sched_yield 0", "fd_close 0", "fd_seek 0", "fd_fdstat_get 1 0", "fdstat type 0", "fdstat rights 64", "fdstat rest 0",
			"fd_fdstat_get 5 8", "fd_fdstat_set_flags 52", "fd_advise 0", "fd_tell 0", "fd_tell answer 0", "fd_renumber 58",
			"fd_sync 1 0", "fd_sync 5 8", "fd_datasync 1 0", "fd_datasync 5 8", "fd_allocate 1 0", "fd_allocate 5 8")
	})
	s.check("W-09", 2, "what fd_write takes at once is bounded, however many and large its buffers are", func(t *testing.T) {
		g, want := wasiAnswers(t, func(s *plugin.Spec) { s.Limits.LogBytes = 1000 })
		want(t, "fd_write many 0", "fd_write most 0")
		for _, entry := range g.logs.All() {
			if len(entry.Message) > 8000 { // each byte may be shown as four
				t.Errorf("a line of %d bytes", len(entry.Message))
			}
		}
	})
}

// goSleeps lets Go's runtime, which does not take an error of poll_oneoff, sleep a little at its start and too long in a callback.
func goSleeps(t *testing.T) {
	t.Helper()
	code := guestbuild.Go(t, "testdata/reader")
	short := plugin.Spec{Name: "reader", Code: code, Instances: 1, Env: map[string]string{"SLEEP_START": "20ms", "SLEEP_REQUEST": "20ms"}}
	g := serve(t, setup{plugins: []plugin.Spec{short}})
	if a := g.do(t, "GET", "/", nil, "X-Api-Key", "k"); a.status != 200 {
		t.Errorf("a guest that sleeps for 20ms gave the client %d", a.status)
	}
	long := short
	long.Env = map[string]string{"SLEEP_REQUEST": "1h"}
	if a := serve(t, setup{plugins: []plugin.Spec{long}}).do(t, "GET", "/", nil, "X-Api-Key", "k"); a.status != 503 {
		t.Errorf("a guest that sleeps for an hour gave the client %d, want 503", a.status)
	}
}
