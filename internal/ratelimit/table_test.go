package ratelimit

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// A table finds what was put there, whatever grew and went meanwhile; hashes that want the same slots among them.
func TestTableIsAMap(t *testing.T) {
	chance := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		table, truth := table{stride: 2}, map[uint64]int64{}
		most := 1 + chance.IntN(300)
		for range 3000 {
			hash := chance.Uint64() >> shardBits
			if chance.IntN(2) == 0 {
				hash = uint64(chance.IntN(400))<<40 | 1
			}
			times := table.times(hash, 0, most)
			if want, ok := truth[hash]; ok && times[0] != want {
				t.Fatalf("%x has %d, want %d", hash, times[0], want)
			} else if !ok && times[0] != 0 {
				t.Fatalf("%x is new and has %d", hash, times[0])
			}
			times[0] = 1 + chance.Int64N(1000)
			truth[hash] = times[0]
			forget(&table, truth)
			if table.keys != len(truth) || table.keys > most {
				t.Fatalf("%d keys, want %d, %d at most", table.keys, len(truth), most)
			}
		}
	}
}

// forget takes the keys out of the truth that the table let go, and checks that it finds all others.
func forget(t *table, truth map[uint64]int64) {
	maps.DeleteFunc(truth, func(hash uint64, _ int64) bool {
		_, found := t.find(max(hash, 1))
		return !found
	})
}
