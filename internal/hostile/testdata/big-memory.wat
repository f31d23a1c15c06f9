;; More memory from the start than the cases permit.
(module
  (memory (export "memory") 300)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024)))
