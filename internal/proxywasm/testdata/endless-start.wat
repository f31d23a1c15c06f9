;; Has a start section that never ends.
(module
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (memory (export "memory") 1)
  (func $forever (loop $again (br $again)))
  (start $forever))
