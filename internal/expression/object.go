package expression

import (
	"encoding/binary"
	"errors"
	"reflect"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"

	"github.com/loom-gateway/loom/internal/proxywasm/abi"
)

// Find looks a property up, in its wire form. The value must stay valid while the expression is evaluated.
type Find func(path string) (value []byte, ok bool)

// activation makes the roots of the attributes the variables of an expression.
type activation struct{ find Find }

// ResolveName implements interpreter.Activation.
func (a activation) ResolveName(name string) (any, bool) {
	if value := attribute(a.find, name); !types.IsError(value) {
		return value, true
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (activation) Parent() interpreter.Activation { return nil }

// attribute is the value at a path: an object whose members are looked up when they are asked for, or what the host has.
func attribute(find Find, path string) ref.Val {
	k := kindOf(path)
	if k == object || k == mapping {
		return members{find, path}
	}
	value, ok := find(path)
	if !ok {
		return types.NewErr("no such attribute: %q", path)
	}
	if k == flag && len(value) == 1 {
		return types.Bool(value[0] != 0)
	}
	if len(value) != 8 {
		return types.String(value)
	}
	n := int64(binary.LittleEndian.Uint64(value))
	switch k {
	case number:
		return types.Int(n)
	case timestamp:
		return types.Timestamp{Time: time.Unix(0, n)}
	case duration:
		return types.Duration{Duration: time.Duration(n)}
	}
	return types.String(value)
}

// members is an object or a map of attributes.
type members struct {
	find Find
	path string
}

var errNative = errors.New("attributes have no native form")

func (m members) member(name ref.Val) (string, bool) {
	s, ok := name.(types.String)
	return m.path + "\x00" + string(s), ok
}

// Get implements traits.Indexer.
func (m members) Get(name ref.Val) ref.Val {
	path, ok := m.member(name)
	if !ok {
		return types.NewErr("attributes are named by strings")
	}
	return attribute(m.find, path)
}

// IsSet implements traits.FieldTester, for has().
func (m members) IsSet(name ref.Val) ref.Val {
	path, ok := m.member(name)
	if !ok {
		return types.False
	}
	if k := kindOf(path); k == object || k == mapping {
		return types.True
	}
	_, ok = m.find(path)
	return types.Bool(ok)
}

// Contains implements traits.Container, for `in`.
func (m members) Contains(name ref.Val) ref.Val { return m.IsSet(name) }

// Size implements traits.Sizer, for the maps.
func (m members) Size() ref.Val {
	value, ok := m.find(m.path)
	if kindOf(m.path) != mapping || !ok || len(value) < 4 {
		return types.NewErr("%q has no size", m.path)
	}
	return types.Int(binary.LittleEndian.Uint32(value))
}

// Type implements ref.Val.
func (members) Type() ref.Type {
	return types.NewObjectType("loom.Attributes", traits.IndexerType, traits.FieldTesterType, traits.ContainerType, traits.SizerType)
}

// ConvertToNative implements ref.Val.
func (members) ConvertToNative(reflect.Type) (any, error) { return nil, errNative }

// ConvertToType implements ref.Val.
func (members) ConvertToType(ref.Type) ref.Val { return types.NewErr("attributes cannot be converted") }

// Equal implements ref.Val.
func (members) Equal(ref.Val) ref.Val { return types.False }

// Value implements ref.Val.
func (m members) Value() any { return m }

// serialize is the wire form of a value, as that of properties: Envoy's serializeValue.
func serialize(value ref.Val) ([]byte, error) {
	switch v := value.(type) {
	case types.String:
		return []byte(v), nil
	case types.Bytes:
		return v, nil
	case types.Int:
		return abi.AppendInt64(nil, int64(v)), nil
	case types.Uint:
		return abi.AppendInt64(nil, int64(v)), nil
	case types.Double:
		return abi.AppendDouble(nil, float64(v)), nil
	case types.Bool:
		return abi.AppendBool(nil, bool(v)), nil
	case types.Timestamp:
		return abi.AppendInt64(nil, v.UnixNano()), nil
	case types.Duration:
		return abi.AppendInt64(nil, int64(v.Duration)), nil
	case types.Null:
		return nil, ErrMissing
	case members:
		if wire, ok := v.find(v.path); ok && kindOf(v.path) == mapping {
			return wire, nil
		}
	case traits.Lister:
		return serializeList(v)
	}
	return nil, ErrNoWireForm
}

// ErrNoWireForm is a value that properties cannot have, such as an object or a type.
var ErrNoWireForm = errors.New("the value of the expression has no wire form: make it a text, a number or a truth value")

// serializeList writes the elements as the names of a map without values, as Envoy does.
func serializeList(list traits.Lister) ([]byte, error) {
	var pairs []abi.Pair
	for it := list.Iterator(); it.HasNext() == types.True; {
		element, ok := it.Next().(types.String)
		if !ok {
			return nil, ErrNoWireForm
		}
		pairs = append(pairs, abi.Pair{Name: string(element)})
	}
	return abi.AppendPairs(nil, pairs), nil
}

// Interface guards
var (
	_ ref.Val                = members{}
	_ traits.Indexer         = members{}
	_ traits.FieldTester     = members{}
	_ traits.Container       = members{}
	_ traits.Sizer           = members{}
	_ interpreter.Activation = activation{}
)
