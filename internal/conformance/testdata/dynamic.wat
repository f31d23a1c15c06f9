;; Linked dynamically, as an emscripten side module is: its table comes from outside.
(module
  (import "env" "__indirect_function_table" (table 1 funcref))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024))
