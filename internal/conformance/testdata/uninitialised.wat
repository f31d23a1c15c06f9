;; Its constructors run in a function that is exported by another name than _initialize.
(module
  (memory (export "memory") 1)
  (global $ready (mut i32) (i32.const 0))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func (export "__wasm_call_ctors") (global.set $ready (i32.const 1)))
  (func (export "proxy_on_context_create") (param i32 i32)
    (if (i32.eqz (global.get $ready)) (then (unreachable)))))
