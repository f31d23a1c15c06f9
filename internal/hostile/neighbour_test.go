package hostile

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// traffic is what the neighbour gets all the time.
type traffic struct {
	k    *kit
	quit chan struct{}
	done sync.WaitGroup
	stop func()

	mu      sync.Mutex
	samples []latency
	failed  []string
}

type latency struct {
	at   time.Time
	took time.Duration
}

const (
	neighbourClients = 2
	neighbourPause   = 4 * time.Millisecond
)

func startTraffic(k *kit) *traffic {
	l := &traffic{k: k, quit: make(chan struct{})}
	for range neighbourClients {
		l.done.Go(l.run)
	}
	l.stop = sync.OnceFunc(func() {
		close(l.quit)
		l.done.Wait()
	})
	return l
}

func (l *traffic) run() {
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	for n := 0; ; n++ {
		select {
		case <-l.quit:
			return
		case <-time.After(neighbourPause):
		}
		began := time.Now()
		err := l.ask(client, n)
		l.mu.Lock()
		l.samples = append(l.samples, latency{began, time.Since(began)})
		if err != nil {
			l.failed = append(l.failed, fmt.Sprintf("%s after %v: %v", began.Format(time.TimeOnly), time.Since(began), err))
		}
		l.mu.Unlock()
	}
}

// ask sends one request of the neighbour and looks at the answer as a whole.
func (l *traffic) ask(client *http.Client, n int) error {
	r, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s/%s/%d", l.k.address, neighbour, n), http.NoBody)
	if err != nil {
		return err
	}
	r.Header = http.Header{"X-Case": {neighbour}, "X-Keep": {sentKeep}, "X-Secret": {"of " + neighbour}}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var s seen
	want := seen{Method: http.MethodGet, Path: r.URL.Path, Keep: sentKeep, Back: neighbour}
	if res.StatusCode != http.StatusOK || json.Unmarshal(body, &s) != nil || s != want || res.Header.Get("X-Back") != neighbour {
		return fmt.Errorf("%d %v %.300q", res.StatusCode, res.Header, body)
	}
	return nil
}

// window is a time in which something happens.
type window struct{ from, to time.Time }

// over is what the neighbour's clients saw in some windows.
func (l *traffic) over(windows ...window) (samples int, p99 time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took []time.Duration
	for _, s := range l.samples {
		if slices.ContainsFunc(windows, func(w window) bool { return !s.at.Before(w.from) && s.at.Before(w.to) }) {
			took = append(took, s.took)
		}
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return len(took), took[len(took)*99/100]
}

// failures are the answers that the neighbour did not get, and how many it got.
func (l *traffic) failures() (failed []string, answered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.failed), len(l.samples) - len(l.failed)
}
