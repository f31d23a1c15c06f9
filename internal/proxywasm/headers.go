package proxywasm

import "github.com/loom-gateway/loom/internal/proxywasm/abi"

// Section "Header maps".

// headerMap finds a map in the current phase. A nil map with StatusOK does not exist now.
func (in *Instance) headerMap(t abi.MapType) (m HeaderMap, writable bool, status abi.Status) {
	switch {
	case t > abi.MapHTTPCallResponseTrailers:
		return nil, false, in.refuse(abi.StatusBadArgument, "there is no such map")
	case t >= abi.MapGRPCCallInitialMetadata:
		return in.calls.headers(t), false, abi.StatusOK
	case in.effective.stream == nil || in.effective.stream.ex == nil:
		return nil, false, abi.StatusOK
	}
	m, writable = in.effective.stream.ex.Headers(t)
	return in.guard(m), writable, abi.StatusOK
}

// change finds a map to write to. Writes to a map that cannot be changed any more are dropped with OK and a log
// line: Rust's SDK panics on anything else, and would take the instance with it.
func (in *Instance) change(p params) (HeaderMap, abi.Status) {
	m, writable, status := in.headerMap(abi.MapType(p.u32(0)))
	switch {
	case status != abi.StatusOK:
		return nil, status
	case (m == nil || !writable) && in.module.options.Profile.refusesAbsentMaps():
		return nil, in.refuse(abi.StatusBadArgument, "the map cannot be changed in this phase")
	case m == nil || !writable:
		in.omit("the map cannot be changed in this phase; the change was dropped")
		return nil, abi.StatusOK
	}
	return m, abi.StatusOK
}

func (in *Instance) listPairs(m HeaderMap) []abi.Pair {
	in.pairs = in.pairs[:0]
	if m != nil {
		in.pairs = m.AppendPairs(in.pairs)
	}
	return in.pairs
}

func (in *Instance) getHeaderMapSize(p params) abi.Status {
	m, _, status := in.headerMap(abi.MapType(p.u32(0)))
	if status != abi.StatusOK {
		return status
	}
	return in.putUint32(p.u32(1), uint32(abi.PairsSize(in.listPairs(m))))
}

// getHeaderMapPairs answers an empty map where there is none.
func (in *Instance) getHeaderMapPairs(p params) abi.Status {
	m, _, status := in.headerMap(abi.MapType(p.u32(0)))
	if status != abi.StatusOK {
		return status
	}
	if m == nil && in.module.options.Profile.refusesAbsentPairs() {
		return in.refuse(abi.StatusBadArgument, "the map does not exist in this phase")
	}
	in.scratch = abi.AppendPairs(in.scratch[:0], in.listPairs(m))
	return in.returnBytes(in.scratch, p.u32(1), p.u32(2))
}

// setHeaderMapPairs replaces a map. What cannot be decoded is an empty map, as in Envoy.
func (in *Instance) setHeaderMapPairs(p params) abi.Status {
	var data []byte
	if status := in.inputs(p, 1, &data); status != abi.StatusOK {
		return status
	}
	m, status := in.change(p)
	if m == nil {
		return status
	}
	pairs, err := abi.DecodePairs(data)
	if err != nil {
		in.omit("proxy_set_header_map_pairs was given a " + err.Error() + "; it was read as an empty one")
	}
	if in.module.options.Profile.mergesPairs() {
		for _, pair := range pairs {
			in.leftOut(m.Set([]byte(pair.Name), []byte(pair.Value)))
		}
		return abi.StatusOK
	}
	in.leftOut(m.Replace(pairs))
	return abi.StatusOK
}

// getHeaderMapValue answers the first value. In ABI 0.1.0 a missing header is OK with a null pointer.
func (in *Instance) getHeaderMapValue(p params) abi.Status {
	var name []byte
	if status := in.inputs(p, 1, &name); status != abi.StatusOK {
		return status
	}
	m, _, status := in.headerMap(abi.MapType(p.u32(0)))
	if status != abi.StatusOK {
		return status
	}
	if m != nil {
		if value, ok := m.Get(name); ok {
			return in.returnString(value, p.u32(3), p.u32(4))
		}
	}
	switch {
	case in.module.info.ABIVersion == "0.1.0":
		return in.returnString("", p.u32(3), p.u32(4))
	case m == nil && in.module.options.Profile.refusesAbsentMaps():
		return in.refuse(abi.StatusBadArgument, "the map does not exist in this phase")
	}
	return abi.StatusNotFound
}

func (in *Instance) addHeaderMapValue(p params) abi.Status { return in.putHeader(p, HeaderMap.Add) }

func (in *Instance) replaceHeaderMapValue(p params) abi.Status { return in.putHeader(p, HeaderMap.Set) }

func (in *Instance) putHeader(p params, put func(m HeaderMap, name, value []byte) string) abi.Status {
	var name, value []byte
	if status := in.inputs(p, 1, &name, &value); status != abi.StatusOK {
		return status
	}
	m, status := in.change(p)
	if m != nil {
		in.leftOutAbout(put(m, name, value), name)
	}
	return status
}

func (in *Instance) removeHeaderMapValue(p params) abi.Status {
	var name []byte
	if status := in.inputs(p, 1, &name); status != abi.StatusOK {
		return status
	}
	m, status := in.change(p)
	if m != nil {
		in.leftOutAbout(m.Remove(name), name)
	}
	return status
}

// leftOut reports what a map could not take. The guest is answered OK: Rust's SDK panics on anything else.
func (in *Instance) leftOut(refused string) {
	if refused != "" {
		in.omit(refused)
	}
}

// leftOutAbout is leftOut for one header.
func (in *Instance) leftOutAbout(refused string, name []byte) {
	if refused != "" {
		_ = in.refuseAbout(abi.StatusOK, refused, name)
	}
}

// refusesAbsentMaps answers BAD_ARGUMENT for a value of a map that does not exist now, or cannot be changed any more.
func (p Profile) refusesAbsentMaps() bool { return p == ProfileEnvoy || p == ProfileGoogle }

// HidesForwardedHeaders lets the headers of a message be seen only until they go on, and then again in proxy_on_log.
func (p Profile) HidesForwardedHeaders() bool { return p == ProfileEnvoy || p == ProfileGoogle }

// refusesAbsentPairs answers BAD_ARGUMENT for the pairs of a map that does not exist now.
func (p Profile) refusesAbsentPairs() bool { return p == ProfileGoogle }

// mergesPairs makes proxy_set_header_map_pairs set what it is given, and leave the rest of the map.
func (p Profile) mergesPairs() bool { return p == ProfileKong }

// StoresResponseHeaders lets request callbacks write response headers, which are applied when there is a response.
func (p Profile) StoresResponseHeaders() bool { return p == ProfileKong }
