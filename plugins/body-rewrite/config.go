package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// config is the plugin configuration, a JSON document.
type config struct {
	Request  *rewrite `json:"request"`
	Response *rewrite `json:"response"`
}

// rewrite is what happens to the bodies of one direction.
type rewrite struct {
	// Rules in the order in which they are applied, each to what the one before has left. At least one.
	Rules []rule `json:"rules"`
	// MaxBytes is the largest body that is rewritten; larger ones pass as they are. Default: 524288, half of what gateways
	// buffer by default.
	MaxBytes int `json:"max_bytes"`
	// ContentTypes are patterns such as "text/*" of what is rewritten. Default: texts, JSON, XML, JavaScript and forms.
	ContentTypes []string `json:"content_types"`
}

// rule replaces every occurrence of a text or of a regular expression.
type rule struct {
	Text   string `json:"text"`
	Regexp string `json:"regexp"`
	// With is the replacement; $1 or ${name} in it are groups of the regular expression.
	With string `json:"with"`

	pattern *regexp.Regexp
}

const defaultMaxBytes = 512 << 10

const example = `{"response": {"rules": [{"text": "http://internal", "with": "https://example.com"}]}}`

func defaultContentTypes() []string {
	return []string{
		"text/*", "application/json", "application/*+json", "application/xml", "application/*+xml",
		"application/javascript", "application/x-www-form-urlencoded",
	}
}

func parse(document []byte) (config, error) {
	var c config
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return config{}, fmt.Errorf("reading the configuration: %w; an example: %s", err, example)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return config{}, errors.New("reading the configuration: there is something behind the document")
	}
	if c.Request == nil && c.Response == nil {
		return config{}, errors.New("the configuration rewrites nothing; an example: " + example)
	}
	return c, errors.Join(c.Request.prepare("request"), c.Response.prepare("response"))
}

// prepare fills in defaults and compiles the expressions; where names the direction in errors.
func (w *rewrite) prepare(where string) error {
	if w == nil {
		return nil
	}
	if len(w.Rules) == 0 {
		return fmt.Errorf("%s has no rules; an example: %s", where, example)
	}
	if w.MaxBytes < 0 {
		return fmt.Errorf("%s: max_bytes is %d: write a number of bytes, or leave it out", where, w.MaxBytes)
	}
	if w.MaxBytes == 0 {
		w.MaxBytes = defaultMaxBytes
	}
	if w.ContentTypes == nil {
		w.ContentTypes = defaultContentTypes()
	}
	for _, pattern := range w.ContentTypes {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%s: content type %q: %w", where, pattern, err)
		}
	}
	for i := range w.Rules {
		if err := w.Rules[i].prepare(); err != nil {
			return fmt.Errorf("%s: rule %d: %w", where, i+1, err)
		}
	}
	return nil
}

func (r *rule) prepare() (err error) {
	if (r.Text == "") == (r.Regexp == "") {
		return errors.New("write either text or regexp")
	}
	if r.Regexp != "" {
		r.pattern, err = regexp.Compile(r.Regexp)
	}
	return err
}

// covers tells whether bodies of a Content-Type are rewritten.
func (w *rewrite) covers(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	for _, pattern := range w.ContentTypes {
		if ok, _ := path.Match(pattern, media); ok {
			return true
		}
	}
	return false
}

// apply returns the new body, and whether it is another one.
func (w *rewrite) apply(body []byte) ([]byte, bool) {
	before := body
	for _, r := range w.Rules {
		if r.pattern != nil {
			body = r.pattern.ReplaceAll(body, []byte(r.With))
		} else {
			body = bytes.ReplaceAll(body, []byte(r.Text), []byte(r.With))
		}
	}
	return body, !bytes.Equal(before, body)
}
