package gateway

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// inbound is Envoy's word for a listener that takes requests from outside.
const inbound = 1

// properties are those that are the same for every plugin and request, by path and in their wire form: who the gateway is,
// in the spelling that Envoy had before 1.33 and in the later one.
func (n *Node) properties() (map[string][]byte, error) {
	all := map[string][]byte{"listener_direction": abi.AppendInt64(nil, inbound)}
	if n != nil {
		if err := n.describe(all); err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
	}
	both := make(map[string][]byte, 2*len(all))
	for path, value := range all {
		both[path], both["xds\x00"+path] = value, value
	}
	return both, nil
}

func (n *Node) describe(into map[string][]byte) error {
	metadata, err := structpb.NewStruct(n.Metadata)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	var message []byte // envoy.config.core.v3.Node: id = 1, cluster = 2, metadata = 3
	for i, text := range []string{n.ID, n.Cluster} {
		if text == "" {
			continue
		}
		into["node\x00"+[]string{"id", "cluster"}[i]] = []byte(text)
		message = protowire.AppendString(protowire.AppendTag(message, protowire.Number(i+1), protowire.BytesType), text)
	}
	if err := describe(into, "node\x00metadata", structpb.NewStructValue(metadata)); err != nil {
		return err
	}
	message = protowire.AppendBytes(protowire.AppendTag(message, 3, protowire.BytesType), into["node\x00metadata"])
	into["node"] = message
	return nil
}

// describe adds a value of the metadata, and what is in it. Objects and lists are protobuf messages, as in Envoy.
func describe(into map[string][]byte, path string, v *structpb.Value) (err error) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		into[path] = []byte(kind.StringValue)
	case *structpb.Value_NumberValue:
		into[path] = abi.AppendDouble(nil, kind.NumberValue)
	case *structpb.Value_BoolValue:
		into[path] = abi.AppendBool(nil, kind.BoolValue)
	case *structpb.Value_ListValue:
		into[path], err = wire.Marshal(kind.ListValue)
	case *structpb.Value_StructValue:
		for name, member := range kind.StructValue.GetFields() {
			if err := describe(into, path+"\x00"+name, member); err != nil {
				return err
			}
		}
		into[path], err = wire.Marshal(kind.StructValue)
	}
	return err
}

// wire writes the same bytes for the same message: they are part of the key by which a plugin outlives a reload.
var wire = proto.MarshalOptions{Deterministic: true} //nolint:gochecknoglobals // a constant that Go cannot have
