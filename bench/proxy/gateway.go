package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/loom-gateway/loom/bench/process"
)

type object = process.Object

// setup is what a gateway is started with.
type setup struct {
	options
	dir, backend, certificate string
	plain, secure, admin      string // addresses
	routes                    int    // /r0/ and so on, all to the backend
}

// file is a name for a file of this gateway.
func (s setup) file(name string) string {
	return fmt.Sprintf("%d-%s", s.routes, name)
}

// gateway is one program, running with few routes and with many.
type gateway struct {
	name      string
	processes []*running
}

type running struct {
	process.Process
	plain, secure string
}

func (g *gateway) of(k kase) *running {
	if k.many {
		return g.processes[1]
	}
	return g.processes[0]
}

func startOne(ctx context.Context, s setup, name, binary string, routes int, configure func(setup) ([]string, []string, error)) (*running, error) {
	s.routes = routes
	for _, address := range []*string{&s.plain, &s.secure, &s.admin} {
		var err error
		if *address, err = process.FreeAddress(ctx); err != nil {
			return nil, err
		}
	}
	args, env, err := configure(s)
	if err != nil {
		return nil, err
	}
	p := &running{Process: process.Process{Name: name, Env: env}, plain: s.plain, secure: s.secure}
	ask := func(ctx context.Context) error {
		c, err := dial(ctx, p, kase{})
		if err != nil {
			return err
		}
		defer c.close()
		return c.ask(ctx, "/r5/x")
	}
	err = p.Start(ctx, ask, binary, args...)
	return p, err
}

// writeText writes a configuration that is not JSON.
func writeText(s setup, name, text string) (path string, err error) {
	path = filepath.Join(s.dir, s.file(name))
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// writeCertificate writes a certificate with its key into one file, as HAProxy wants it.
func writeCertificate(dir string) (path string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench.test"}, DNSNames: []string{"bench.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	path = filepath.Join(dir, "bench.pem")
	return path, os.WriteFile(path, text, 0o600)
}
