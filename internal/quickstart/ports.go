package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// ports are where everything listens.
type ports struct {
	gateway, upstream, admin, caddyAdmin int
}

// port is one of them, with its use and the variable of the Makefile that changes it.
type port struct {
	number        int
	use, variable string
}

func (p ports) all() []port {
	return []port{
		{p.gateway, "the gateway", "PORT"},
		{p.upstream, "the demo upstream", "UPSTREAM_PORT"},
		{p.admin, "Loom's admin API", "ADMIN_PORT"},
		{p.caddyAdmin, "Caddy's admin API", "CADDY_ADMIN_PORT"},
	}
}

// check reports every port that cannot be had, and how to choose another.
func (p ports) check(ctx context.Context) error {
	var problems []error
	uses := map[int]string{}
	for _, port := range p.all() {
		if other, taken := uses[port.number]; taken {
			problems = append(problems, fmt.Errorf("port %d is asked for by %s and by %s: %s", port.number, other, port.use, p.advice(ctx, port)))
		} else if !free(ctx, port.number) {
			problems = append(problems, fmt.Errorf("port %d for %s is taken by another program: %s", port.number, port.use, p.advice(ctx, port)))
		}
		uses[port.number] = port.use
	}
	return errors.Join(problems...)
}

// advice names the next port that is free.
func (p ports) advice(ctx context.Context, busy port) string {
	asked := map[int]bool{}
	for _, port := range p.all() {
		asked[port.number] = true
	}
	for next := busy.number + 1; next <= 65535; next++ {
		if !asked[next] && free(ctx, next) {
			return fmt.Sprintf("choose another, as in  make run %s=%d", busy.variable, next)
		}
	}
	return fmt.Sprintf("choose another with  make run %s=…", busy.variable)
}

// free reports whether the port can be had on all addresses and on loopback, which some systems keep apart.
func free(ctx context.Context, port int) bool {
	for _, host := range []string{"", "127.0.0.1"} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
