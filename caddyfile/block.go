package caddyfile

import (
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/loom-gateway/loom/internal/nearest"
)

// A reader reads the rest of a line, and its block, after the word that the dispenser stands on.
type reader func(*caddyfile.Dispenser) error

// A block is what may stand between two braces: a reader for each word.
type block struct {
	// owner is the word in front of the braces, as errors name it.
	owner string
	words map[string]reader
	// many are the words that may stand there more than once.
	many []string
	// seen holds the line of each word that was read.
	seen map[string]int
}

// read reads the block that opens on the current line, if one does.
func (b *block) read(d *caddyfile.Dispenser) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if _, known := b.words[d.Val()]; !known {
			return b.unknown(d)
		}
		if err := b.word(d); err != nil {
			return err
		}
	}
	return nil
}

// readAlone is read for a word that has a block and no value in front of it.
func (b *block) readAlone(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("%s takes no value, only a block", b.owner)
	}
	return b.read(d)
}

// word reads one word that the block knows.
func (b *block) word(d *caddyfile.Dispenser) error {
	word := d.Val()
	if line, again := b.seen[word]; again && !slices.Contains(b.many, word) {
		return d.Errf("%s is given twice in %s, first on line %d", word, b.owner, line)
	}
	if b.seen == nil {
		b.seen = make(map[string]int)
	}
	b.seen[word] = d.Line()
	return b.words[word](d)
}

func (b *block) unknown(d *caddyfile.Dispenser) error {
	known := slices.Sorted(maps.Keys(b.words))
	if near := nearest.Word(d.Val(), known); near != "" {
		return d.Errf("%s does not know %q, did you mean %q?", b.owner, d.Val(), near)
	}
	return d.Errf("%s does not know %q, write one of %q", b.owner, d.Val(), known)
}

// noBlock refuses braces after a line that takes none.
func noBlock(d *caddyfile.Dispenser, owner string) error {
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		return d.Errf("%s takes no block", owner)
	}
	return nil
}
