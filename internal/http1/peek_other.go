//go:build !unix

package http1

import "syscall"

// canPeek is false where the kernel has no way to look at a socket: then a connection serves one request.
const canPeek = false

func readSocket(uintptr, []byte) (n int, again bool, err error) { return 0, false, syscall.EINVAL }

func silent(syscall.RawConn) bool { return false }
