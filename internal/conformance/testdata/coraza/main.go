// Command coraza is the web application firewall coraza-proxy-wasm, unmodified, built by Go's own compiler.
package main

import (
	"github.com/corazawaf/coraza-proxy-wasm/wasmplugin"
	"github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"
)

func main() {}

func init() { proxywasm.SetVMContext(wasmplugin.NewVMContext()) }
