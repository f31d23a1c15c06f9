package ratelimit

// OnError is what becomes of a request that the shared store does not decide about.
type OnError int

// What becomes of such a request.
const (
	Local OnError = iota // decided in this process
	Allow                // passes
	Deny                 // refused
)

// Limiter decides, in this process or in a store that gateways share.
type Limiter struct {
	// Name tells limiters apart that share a store.
	Name string
	// Rules are its limits.
	Rules *Rules
	// Memory counts in this process. With Shared it is used by OnError Local only.
	Memory *Memory
	// MaxKeys bounds Memory.
	MaxKeys int
	// Shared counts for many gateways; nil for this process alone.
	Shared *Redis
	// OnError is what becomes of requests while Shared does not answer.
	OnError OnError
}

// Take decides about one request of a key. After an error of the shared store, the decision is the one of OnError; one of
// Allow or Deny says nothing about the limits (known is false).
func (l *Limiter) Take(key []byte) (d Decision, known bool, err error) {
	if l.Shared == nil {
		return l.Memory.Take(key, l.Rules, l.MaxKeys), true, nil
	}
	d, err = l.Shared.Take(l.Name, key, l.Rules)
	switch {
	case err == nil:
		if l.OnError == Local && d.Allowed {
			l.Memory.Take(key, l.Rules, l.MaxKeys) // so that nobody has a whole burst again when it takes over
		}
		return d, true, nil
	case l.OnError == Local:
		return l.Memory.Take(key, l.Rules, l.MaxKeys), true, err
	}
	return Decision{Allowed: l.OnError == Allow}, false, err
}
