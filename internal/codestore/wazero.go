package codestore

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero"
)

// Cache makes a cache of wazero's that keeps code in the store. wazero has an interface for that, which it does not let others
// give; so the field that holds it is set from here, if it is as expected. With an error the cache is usable, and keeps code
// in memory only.
func Cache(s *Store) (wazero.CompilationCache, error) {
	cache := wazero.NewCompilationCache()
	field := reflect.Indirect(reflect.ValueOf(cache)).FieldByName("fileCache")
	store := reflect.ValueOf(s)
	if field.Kind() != reflect.Interface || !store.Type().Implements(field.Type()) {
		return cache, errors.New("this version of wazero lets nobody keep compiled code")
	}
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Set(store)
	return cache, nil
}
