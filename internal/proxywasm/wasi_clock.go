package proxywasm

import (
	"encoding/binary"
	"time"
)

// WASI: the clocks, 0 for the time of day and 1 for the time since the instance began, and sleeping.

func (in *Instance) wasiClockRes(p params) uint32 {
	if p.u32(0) > 1 {
		return wasiNotSup
	}
	return errnoOf(in.putUint64(p.u32(1), 1))
}

// wasiClockTime never answers zero, which Go's runtime takes badly.
func (in *Instance) wasiClockTime(p params) uint32 {
	switch p.u32(0) {
	case 0:
		return errnoOf(in.putUint64(p.u32(2), uint64(in.host.Now().UnixNano())))
	case 1:
		return errnoOf(in.putUint64(p.u32(2), uint64(in.Age()+1)))
	}
	return wasiNotSup
}

// The layout of a subscription to poll_oneoff and of an event.
const (
	subscriptionSize = 48
	subscriptionTag  = 8
	clockID          = 16
	clockTimeout     = 24
	clockFlags       = 40
	eventSize        = 32

	// maxSubscriptions is how many are looked at: Go's runtime brings one for each open file, of which there are few.
	maxSubscriptions = 64
)

// wasiPoll sleeps a little. It reports the clock that has run out meanwhile, and nothing when the guest wanted to sleep
// for longer: Go's runtime aborts on an error, and looks at the clock again; Rust's wants to see the event.
func (in *Instance) wasiPoll(p params) uint32 {
	subscriptions, events, count := p.u32(0), p.u32(1), min(p.u32(2), maxSubscriptions)
	first, wait, ok := in.firstClock(subscriptions, count)
	if !ok {
		return errnoOf(in.putUint32(p.u32(3), 0))
	}
	time.Sleep(min(wait, maxPollSleep))
	in.worked += hostWork
	if wait > maxPollSleep {
		return errnoOf(in.putUint32(p.u32(3), 0))
	}
	event := make([]byte, eventSize) // userdata; then error 0 and type 0, which is a clock
	copy(event, first[:8])
	if !in.memory.Write(events, event) {
		return wasiFault
	}
	return errnoOf(in.putUint32(p.u32(3), 1))
}

// firstClock finds the subscription to a clock that runs out first.
func (in *Instance) firstClock(at, count uint32) (subscription []byte, wait time.Duration, ok bool) {
	for range count {
		view, readable := in.memory.Read(at, subscriptionSize)
		if !readable {
			return subscription, wait, ok
		}
		at += subscriptionSize
		if view[subscriptionTag] != 0 {
			continue
		}
		if d := in.untilTimeout(view); !ok || d < wait {
			subscription, wait, ok = view, d, true
		}
	}
	return subscription, wait, ok
}

// untilTimeout is the rest of a subscription's time, which may be given as a duration or as a moment of its clock.
func (in *Instance) untilTimeout(subscription []byte) time.Duration {
	timeout := binary.LittleEndian.Uint64(subscription[clockTimeout:])
	if subscription[clockFlags]&1 != 0 {
		now := uint64(in.Age())
		if subscription[clockID] == 0 {
			now = uint64(in.host.Now().UnixNano())
		}
		timeout -= min(now, timeout)
	}
	return time.Duration(min(timeout, uint64(time.Hour)))
}
