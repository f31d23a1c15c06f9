package proxywasm

import (
	"bytes"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Section "Properties".

func (in *Instance) getProperty(p params) abi.Status {
	var raw []byte
	if status := in.inputs(p, 0, &raw); status != abi.StatusOK {
		return status
	}
	value, status := in.property(abi.PropertyPath(bytes.TrimSuffix(raw, []byte{0})))
	if status == abi.StatusNotFound && bytes.IndexByte(raw, 0) < 0 && bytes.IndexByte(raw, '.') > 0 {
		// AssemblyScript's SDK has users write "request.path"; Envoy finds nothing under such a name.
		value, status = in.property(bytes.ReplaceAll(raw, []byte{'.'}, []byte{0}))
	}
	if status != abi.StatusOK {
		return status
	}
	return in.returnBytes(value, p.u32(2), p.u32(3))
}

func (in *Instance) property(path abi.PropertyPath) ([]byte, abi.Status) {
	if len(path) == 0 {
		return nil, abi.StatusNotFound
	}
	in.scratch = in.scratch[:0]
	at := in.effective
	if at.plugin != nil {
		switch string(path) {
		case "plugin_name":
			return append(in.scratch, at.plugin.config.Name...), abi.StatusOK
		case "plugin_root_id":
			return append(in.scratch, at.plugin.config.RootID...), abi.StatusOK
		}
	}
	if string(path) == "plugin_vm_id" {
		return append(in.scratch, in.vm.VMID...), abi.StatusOK
	}
	if at.stream != nil && at.stream.ex != nil {
		value, status := at.stream.ex.Property(path, in.scratch)
		if status == abi.StatusOK {
			in.scratch = value
		}
		return value, status
	}
	if at.plugin != nil {
		if value, ok := at.plugin.properties[string(path)]; ok {
			return value, abi.StatusOK
		}
	}
	return nil, abi.StatusNotFound
}

// setProperty is always OK: Rust's SDK panics otherwise.
func (in *Instance) setProperty(p params) abi.Status {
	var raw, value []byte
	if status := in.inputs(p, 0, &raw, &value); status != abi.StatusOK {
		return status
	}
	in.storeProperty(bytes.TrimSuffix(raw, []byte{0}), value)
	return abi.StatusOK
}

// maxPluginProperties bounds what a plugin context keeps.
const maxPluginProperties = 1024

func (in *Instance) storeProperty(path abi.PropertyPath, value []byte) {
	at := in.effective
	switch {
	case at.stream != nil && at.stream.ex != nil:
		if at.stream.ex.SetProperty(path, value) != abi.StatusOK {
			in.warnOnce("proxy_set_property was refused: too many properties, or a read-only one")
		}
	case at.plugin != nil && len(at.plugin.properties) < maxPluginProperties:
		if at.plugin.properties == nil {
			at.plugin.properties = map[string][]byte{}
		}
		at.plugin.properties[string(path)] = append([]byte(nil), value...)
	}
}
