;; A program and no library: it ends with its main function, and exports nothing else.
(module
  (import "env" "proxy_log" (func $proxy_log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))
  (func (export "malloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.and (i32.add (i32.add (global.get $heap) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  ;; say logs "probe: TEXT N".
  (func $say (param $text i32) (param $len i32) (param $n i32)
    (local $at i32) (local $unit i32)
    (memory.copy (i32.const 4096) (local.get $text) (local.get $len))
    (local.set $at (i32.add (i32.const 4096) (local.get $len)))
    (local.set $unit (i32.const 1000000000))
    (block $first
      (loop $skip
        (br_if $first (i32.eq (local.get $unit) (i32.const 1)))
        (br_if $first (i32.ge_u (local.get $n) (local.get $unit)))
        (local.set $unit (i32.div_u (local.get $unit) (i32.const 10)))
        (br $skip)))
    (loop $digit
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $n) (local.get $unit)) (i32.const 10))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $unit (i32.div_u (local.get $unit) (i32.const 10)))
      (br_if $digit (local.get $unit)))
    (drop (call $proxy_log (i32.const 2) (i32.const 4096) (i32.sub (local.get $at) (i32.const 4096)))))
  (func (export "_start")))
