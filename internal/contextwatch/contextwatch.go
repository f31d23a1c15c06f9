// Package contextwatch makes calls into a wazero module cheap whose code can be stopped from outside.
//
// wazero compiles checks of "is the module closed?" into the loops of a guest only together with a goroutine per call, which
// waits for the end of the call's context. A watchdog that closes the module needs the checks and not the goroutine, which
// costs more than a callback that reads a header. There is no setting for one without the other, so the instance is told,
// behind wazero's API, that its code has no checks; the code keeps them.
package contextwatch

import (
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
)

// Drop makes all later calls of an instance ignore the end of their context; a module that was closed still stops at its next
// loop. A start section has run by then, so it is still bounded by its context. The answer is false when this version of
// wazero is not built as expected, or interprets: then nothing is changed, and calls only cost more.
func Drop(guest api.Module) bool {
	engine := member(reflect.ValueOf(guest), "Engine")
	parent := member(engine, "parent")
	code := member(parent, "ensureTermination")
	if code.Kind() != reflect.Bool || parent.Kind() != reflect.Pointer || !parent.CanAddr() {
		return false
	}
	// What describes the code is shared by all instances, so this one gets a copy of its own.
	own := reflect.New(parent.Type().Elem())
	own.Elem().Set(exposed(parent).Elem())
	exposed(member(own, "ensureTermination")).SetBool(false)
	exposed(parent).Set(own)
	return true
}

// member is a field of the struct that v leads to; the zero Value when there is none.
func member(v reflect.Value, name string) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// exposed is a field that may be read and written although its package does not export it.
func exposed(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}
