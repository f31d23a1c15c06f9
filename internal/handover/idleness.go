package handover

import (
	"net"
	"time"
)

// idleness is of a connection that came idle from another server. net/http takes it for new and would close it as early as one that
// has never sent a request; until its next request it may be idle as long as any other.
type idleness struct {
	limit time.Duration // 0 for other connections, and after the first byte
	head  time.Duration // how long the server wants to wait for the head of a request
}

func (i *idleness) deadline(t time.Time) time.Time {
	if i.limit == 0 || t.IsZero() {
		return t
	}
	i.head = time.Until(t)
	return time.Now().Add(max(i.limit, i.head))
}

// end is called with the first byte, or the end of waiting for it.
func (i *idleness) end(c net.Conn) {
	if i.limit != 0 && i.head != 0 {
		_ = c.SetReadDeadline(time.Now().Add(i.head)) // a failure shows in the next read
	}
	*i = idleness{}
}
