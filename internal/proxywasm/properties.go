package proxywasm

import (
	"bytes"
	"encoding/binary"

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
	if status == abi.StatusSerializationFailure && in.module.info.ABIVersion == "0.1.0" {
		return abi.StatusNotFound // all that its SDKs survive
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
	if !in.propertyAllowed(path) {
		return nil, abi.StatusNotFound
	}
	if value, ok := in.pluginProperty(path); ok {
		return value, abi.StatusOK
	}
	if value, ok := in.vm.Properties[string(path)]; ok {
		return value, abi.StatusOK
	}
	if at.stream != nil && at.stream.ex != nil {
		value, status := at.stream.ex.Property(path, in.scratch)
		if status == abi.StatusOK {
			in.scratch = value
			value = in.readableMap(path, value)
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

// pluginProperty answers what a plugin may always ask: who it is.
func (in *Instance) pluginProperty(path abi.PropertyPath) ([]byte, bool) {
	pc := in.effective.plugin
	switch string(path) {
	case "plugin_vm_id":
		return append(in.scratch, in.vm.VMID...), true
	case "plugin_vm_memory": // Higress'
		return binary.LittleEndian.AppendUint64(in.scratch, uint64(in.memory.Size())), true
	case "plugin_name":
		if pc != nil {
			return append(in.scratch, pc.config.Name...), true
		}
	case "plugin_root_id":
		if pc != nil {
			return append(in.scratch, pc.config.RootID...), true
		}
	}
	return nil, false
}

// setProperty is OK also where nothing is stored, since Rust's SDK panics otherwise; only a plugin that was built for
// Envoy gets Envoy's refusal of what was declared read-only.
func (in *Instance) setProperty(p params) abi.Status {
	var raw, value []byte
	if status := in.inputs(p, 0, &raw, &value); status != abi.StatusOK {
		return status
	}
	path := abi.PropertyPath(bytes.TrimSuffix(raw, []byte{0}))
	if in.readOnly(path) {
		if in.module.options.Profile == ProfileEnvoy {
			return in.refuse(abi.StatusBadArgument, readOnlyReason)
		}
		return in.refuse(abi.StatusOK, readOnlyReason)
	}
	in.storeProperty(path, value)
	return abi.StatusOK
}

const readOnlyReason = "the property was declared read-only (declare_property) and has a value; it was kept"

// readOnly reports whether the plugin has declared a property to be written once, and it was.
func (in *Instance) readOnly(path abi.PropertyPath) bool {
	at := in.effective
	if at.stream == nil || at.stream.ex == nil || !at.plugin.declared[string(path)] {
		return false
	}
	_, status := at.stream.ex.Property(append(abi.PropertyPath("filter_state\x00wasm."), path...), nil)
	return status == abi.StatusOK
}

// maxPluginProperties bounds what a plugin context keeps.
const maxPluginProperties = 1024

func (in *Instance) storeProperty(path abi.PropertyPath, value []byte) {
	at := in.effective
	switch {
	case at.stream != nil && at.stream.ex != nil:
		if at.stream.ex.SetProperty(path, value) != abi.StatusOK {
			in.hit(LimitProperties)
			in.omit("proxy_set_property was refused: too many properties, or a read-only one")
		}
	case at.plugin != nil && len(at.plugin.properties) >= maxPluginProperties:
		in.hit(LimitProperties)
		in.omit("the plugin keeps as many properties as it may")
	case at.plugin != nil:
		if at.plugin.properties == nil {
			at.plugin.properties = map[string][]byte{}
		}
		at.plugin.properties[string(path)] = append([]byte(nil), value...)
	}
}
