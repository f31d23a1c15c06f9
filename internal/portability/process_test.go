package portability

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long anything is waited for. It is only ever used up when something is broken.
const patience = 30 * time.Second

// guestLine is what a plugin logged.
type guestLine struct{ plugin, level, text string }

// process is a running gateway and what its plugins log.
type process struct {
	cmd   *exec.Cmd
	parse func(pid int, line string) (guestLine, bool)
	end   chan struct{}

	mu      sync.Mutex
	guests  []guestLine
	output  []string
	changed chan struct{} // closed at the next line
}

func newProcess(path string, args ...string) *process {
	p := &process{cmd: exec.Command(path, args...), end: make(chan struct{}), changed: make(chan struct{})}
	p.cmd.Env = os.Environ()
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", p.cmd.Path, err)
	}
	go p.read(pipe)
	t.Cleanup(p.stop)
}

func (p *process) read(pipe io.Reader) {
	defer close(p.end)
	lines := bufio.NewReader(pipe)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			p.add(line)
		}
		if err != nil {
			break
		}
	}
	_ = p.cmd.Wait()
}

func (p *process) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g, ok := p.parse(p.cmd.Process.Pid, line); ok {
		p.guests = append(p.guests, g)
		close(p.changed)
		p.changed = make(chan struct{})
		return
	}
	p.output = append(p.output, line)
}

// stop asks the process to end, and makes it.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.end:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.end
	}
}

// said is what the plugins with these names have logged so far.
func (p *process) said(plugins []guest) []guestLine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.saidLocked(plugins)
}

func (p *process) saidLocked(plugins []guest) []guestLine {
	var lines []guestLine
	for _, g := range p.guests {
		if slices.ContainsFunc(plugins, func(o guest) bool { return o.name == g.plugin }) {
			lines = append(lines, g)
		}
	}
	return lines
}

// await waits until the plugins' log is as it should be.
func (p *process) await(plugins []guest, ready func([]guestLine) bool) error {
	late := time.After(patience)
	for {
		p.mu.Lock()
		lines, changed := p.saidLocked(plugins), p.changed
		p.mu.Unlock()
		if ready(lines) {
			return nil
		}
		select {
		case <-changed:
		case <-p.end:
			return fmt.Errorf("%s has ended", p.cmd.Path)
		case <-late:
			return fmt.Errorf("what was awaited did not come")
		}
	}
}

// tail is the end of what the process itself logged.
func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.output[max(0, len(p.output)-30):], "\n")
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.end:
		return true
	default:
		return false
	}
}
