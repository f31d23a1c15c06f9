package proxywasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// screen looks at the first bytes, so that what is not a module at all gets one clear sentence.
func screen(code []byte, limits Limits) error {
	switch {
	case len(code) == 0:
		return errors.New("the file is empty: build the plugin again")
	case len(code) > limits.ModuleBytes:
		return fmt.Errorf("the module has %d bytes, more than the limit of %d: build it without debug information",
			len(code), limits.ModuleBytes)
	case !bytes.HasPrefix(code, []byte("\x00asm")):
		return fmt.Errorf("this is not WebAssembly but %s: name the .wasm file that the plugin's build made", describe(code))
	case len(code) < 8:
		return errors.New("the module is cut off after its first bytes: copy it again")
	}
	switch version := binary.LittleEndian.Uint32(code[4:]); version {
	case 1:
		return nil
	case 0x1000d:
		return errors.New("this is a WebAssembly component, Proxy-Wasm needs a core module: " +
			"build for wasm32-wasip1 (not wasip2) and do not run it through `wasm-tools component`")
	default:
		return fmt.Errorf("the module has WebAssembly version %#x, only version 1 is known", version)
	}
}

// describe names well-known kinds of files that are taken for plugins by mistake.
func describe(code []byte) string {
	switch {
	case bytes.HasPrefix(code, []byte("\x7fELF")):
		return "a native Linux program (built without GOOS=wasip1 or --target wasm32-wasip1?)"
	case bytes.HasPrefix(code, []byte("PK\x03\x04")):
		return "a zip archive"
	case bytes.HasPrefix(code, []byte("\x1f\x8b")):
		return "a gzip file (unpack it first)"
	case bytes.HasPrefix(bytes.TrimSpace(code), []byte("(module")), bytes.HasPrefix(code, []byte(";;")):
		return "WebAssembly text (run it through wat2wasm)"
	case bytes.HasPrefix(bytes.TrimSpace(code), []byte("<")):
		return "an HTML or XML page (was it downloaded from an address that needs a login?)"
	case isText(code):
		return "a text file"
	}
	return "something else"
}

func isText(code []byte) bool {
	head := string(code[:min(len(code), 256)])
	return !strings.ContainsFunc(head, func(r rune) bool { return r == '\uFFFD' || (r < ' ' && r != '\n' && r != '\r' && r != '\t') })
}
