//go:build unix

package http1

import (
	"errors"
	"syscall"
)

const canPeek = true

// readSocket reads what has come; again says that nothing has.
func readSocket(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return 0, errors.Is(err, syscall.EAGAIN), err
	}
	return n, false, nil
}

// silent reports whether the socket is open and has nothing to say.
func silent(socket syscall.RawConn) bool {
	var quiet bool
	err := socket.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && quiet
}
