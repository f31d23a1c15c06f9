package gateway

import (
	"sync"
	"time"
)

const (
	// lateRequests is how long a plugin stays after its config was replaced: HTTP/2 and HTTP/3 clients send requests to it until
	// they have read that the connection goes away.
	lateRequests = 3 * time.Second
	// mostLate bounds how many configs' plugins stay at once, when configs follow fast.
	mostLate = 8
)

var late lateReleases //nolint:gochecknoglobals // what it releases outlives a config

// lateReleases are of the configs that were replaced last.
type lateReleases struct {
	mu   sync.Mutex
	last []func()
}

// release is called after lateRequests, or when mostLate others have followed.
func (l *lateReleases) release(release func()) {
	once := sync.OnceFunc(release)
	time.AfterFunc(lateRequests, once)
	l.mu.Lock()
	l.last = append(l.last, once)
	var oldest func()
	if len(l.last) > mostLate {
		oldest, l.last = l.last[0], l.last[1:]
	}
	l.mu.Unlock()
	if oldest != nil {
		oldest()
	}
}
