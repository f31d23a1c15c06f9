;; What should be a callback is a memory, and what should be the memory is a function.
(module
  (memory (export "proxy_on_request_headers") 1)
  (func (export "memory"))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0)))
