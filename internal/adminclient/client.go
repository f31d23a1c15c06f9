// Package adminclient asks a gateway's admin API, for the command line.
package adminclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// timeout of one question.
	timeout = 10 * time.Second
	// maxAnswer is the most that is read of an answer, in bytes: 100,000 routes.
	maxAnswer = 64 << 20
)

// Client asks one gateway.
type Client struct {
	base  string
	shown string // the address, for errors
	token string
	http  http.Client
}

// New makes a client for an address: host:port, an http or https URL, or unix//path. The token may be empty.
func New(address, token string) (*Client, error) {
	c := &Client{shown: address, token: token, http: http.Client{Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the API has none, and the token is for nobody else
	}}}
	if path, ok := strings.CutPrefix(address, "unix/"); ok {
		c.base = "http://localhost"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
		return c, nil
	}
	c.http.Transport = &http.Transport{} // not the default: proxies of the environment are for elsewhere
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("address %q: write host:port, such as 127.0.0.1:9091", c.shown)
	}
	c.base = u.Scheme + "://" + u.Host
	return c, nil
}

// Problem is an error that the API has answered.
type Problem struct { //nolint:errname // the name that RFC 9457 has for it
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%s (%d)", p.Detail, p.Status) }

// Raw asks for a path and returns the JSON of the answer. An error that the API has answered is a *Problem.
func (c *Client) Raw(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.shown, err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.shown, err)
	}
	if res.StatusCode == http.StatusOK {
		return data, nil
	}
	p := &Problem{}
	if json.Unmarshal(data, p) != nil || p.Status == 0 {
		return nil, fmt.Errorf("%s answers %s: is this the admin API of Loom, and not another port of it?", c.shown, res.Status)
	}
	return nil, p
}

// Get asks for a path and decodes the answer.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	data, err := c.Raw(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer of %s is not the admin API's: is this another port? %w", c.shown, err)
	}
	return nil
}

// explain says what to do about an error of the connection.
func (c *Client) explain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: is the gateway running, with `admin` enabled in its configuration? --address names another place", err)
	}
	return fmt.Errorf("asking %s: %w", c.shown, err)
}
