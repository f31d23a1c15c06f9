// Package foreign has the foreign functions of Envoy that need nothing but their arguments.
package foreign

import (
	"bytes"
	"compress/zlib"
	"io"
	"sync"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// maxUncompressed bounds uncompress against decompression bombs, in bytes.
const maxUncompressed = 16 << 20

// writers are kept, since each has more than 1 MB of tables: a plugin that compresses in a loop would make the collector of garbage the
// gateway's main work.
var writers = sync.Pool{New: func() any { return zlib.NewWriter(nil) }} //nolint:gochecknoglobals // holds nothing of any call

// Compress answers `compress`: the arguments as a zlib stream (RFC 1950).
func Compress(data []byte) ([]byte, abi.Status) {
	var out bytes.Buffer
	w := writers.Get().(*zlib.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(data); err != nil {
		return nil, abi.StatusSerializationFailure
	}
	if err := w.Close(); err != nil {
		return nil, abi.StatusSerializationFailure
	}
	return out.Bytes(), abi.StatusOK
}

// Uncompress answers `uncompress`. What is corrupt, cut off or larger than 16 MiB is a serialization failure.
func Uncompress(data []byte) ([]byte, abi.Status) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, abi.StatusSerializationFailure
	}
	out, err := io.ReadAll(io.LimitReader(r, maxUncompressed+1))
	if err != nil || len(out) > maxUncompressed {
		return nil, abi.StatusSerializationFailure
	}
	return out, abi.StatusOK
}
