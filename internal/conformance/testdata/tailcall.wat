;; Built with a feature of WebAssembly that is not in version 2.0.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func $again return_call $again))
