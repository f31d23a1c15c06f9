package proxywasm

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Foreign functions": those of Envoy and Higress that a gateway can answer.

func (in *Instance) callForeignFunction(p params) abi.Status {
	var name, args []byte
	if status := in.inputs(p, 0, &name, &args); status != abi.StatusOK {
		return status
	}
	result, status := in.foreign(string(name), args)
	if status != abi.StatusOK {
		return status
	}
	if p.u32(4) == 0 || p.u32(5) == 0 { // the guest does not want the result
		return abi.StatusOK
	}
	return in.returnBytes(result, p.u32(4), p.u32(5))
}

func (in *Instance) foreign(name string, args []byte) ([]byte, abi.Status) {
	switch name {
	case "compress":
		return compress(args)
	case "uncompress":
		return uncompress(args)
	case "get_log_level":
		level := abi.LogTrace
		for level < abi.LogCritical && !in.host.Log.Enabled(level) {
			level++
		}
		return binary.LittleEndian.AppendUint32(nil, uint32(level)), abi.StatusOK
	case "inject_encoded_data_to_filter_chain", "inject_encoded_data_to_filter_chain_on_header":
		return in.injectForeign(args)
	case "clear_route_cache", "set_global_max_requests_per_io_cycle":
		return nil, abi.StatusOK // nothing to do here
	}
	return nil, abi.StatusNotFound
}

func compress(data []byte) ([]byte, abi.Status) {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, abi.StatusSerializationFailure
	}
	if err := w.Close(); err != nil {
		return nil, abi.StatusSerializationFailure
	}
	return out.Bytes(), abi.StatusOK
}

func uncompress(data []byte) ([]byte, abi.Status) {
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
