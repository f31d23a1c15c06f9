;; A module in which everything stands that has the index of a function, and each form of loop; what it does is of no use but that
;; it must be the same after the rewriting.
(module
  (type $unary (func (param i32) (result i32)))
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (import "numbers" "base" (global $base i32))
  (memory (export "memory") 1 4)
  (data (i32.const 8) "some data")
  (data $passive "more of it")
  (table $t (export "table") 8 16 funcref)
  (table $other 4 funcref)
  (elem (i32.const 0) $twice $increment $square)                       ;; active
  (elem (table $t) (i32.const 3) funcref (ref.func $fib) (ref.null func)) ;; active, of expressions
  (elem (table $other) (offset (i32.const 1)) func $square)            ;; active, of another table
  (elem $spare func $factorial $increment)                             ;; passive
  (elem $late funcref (ref.func $sum) (ref.null func))                 ;; passive, of expressions
  (elem declare func $collatz)                                         ;; declared only
  (global $chosen (mut funcref) (ref.func $square))
  (global $started (export "started") (mut i32) (i32.const 0))
  (global $high (mut i64) (i64.const -1))
  (start $begin)

  (func $begin (global.set $started (call $twice (i32.add (global.get $base) (i32.const 1)))))
  (func $increment (type $unary) (i32.add (local.get 0) (i32.const 1)))
  (func $square (type $unary) (i32.mul (local.get 0) (local.get 0)))
  (func $fib (export "fib") (type $unary)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $factorial (export "factorial") (type $unary) (local i32)
    (local.set 1 (i32.const 1))
    (loop $again
      (local.set 1 (i32.mul (local.get 1) (local.get 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $sum (export "sum") (type $unary) ;; a loop with a parameter, and a loop in it
    (i32.const 0)
    (loop $outer (param i32) (result i32)
      (loop $inner (param i32) (result i32)
        (i32.add (local.get 0))
        (br_if $inner (i32.rem_u (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 7))))
      (br_if $outer (i32.gt_s (local.get 0) (i32.const 0)))))
  (func $collatz (export "collatz") (type $unary) (local i32) ;; br_table back to the loop, and dead code behind it
    (block $out
      (loop $again
        (br_if $out (i32.le_u (local.get 0) (i32.const 1)))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (block $odd (block $even (br_table $even $odd (i32.and (local.get 0) (i32.const 1))))
          (local.set 0 (i32.shr_u (local.get 0) (i32.const 1)))
          (br $again))
        (local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
        (br $again)
        (loop $dead (param i32) (drop) (i32.const 0) (br $dead))))
    (local.get 1))
  (func (export "indirect") (type $unary) ;; through each entry that is there
    (i32.add
      (i32.add (call_indirect $t (type $unary) (local.get 0) (i32.const 0)) (call_indirect $t (type $unary) (local.get 0) (i32.const 1)))
      (i32.add (call_indirect $t (type $unary) (local.get 0) (i32.const 2)) (call_indirect $other (type $unary) (local.get 0) (i32.const 1)))))
  (func (export "references") (type $unary)
    (table.init $t $spare (i32.const 5) (i32.const 0) (i32.const 2))
    (table.init $t $late (i32.const 7) (i32.const 0) (i32.const 1))
    (table.set $t (i32.const 4) (global.get $chosen))
    (global.set $chosen (ref.func $collatz))
    (table.copy $other $t (i32.const 0) (i32.const 4) (i32.const 4))
    (drop (table.grow $t (ref.func $fib) (i32.const 2)))
    (table.fill $t (i32.const 0) (ref.func $increment) (i32.const 1))
    (elem.drop $spare)
    (i32.add (i32.add (call_indirect $other (type $unary) (local.get 0) (i32.const 0)) (call_indirect $other (type $unary) (local.get 0) (i32.const 1)))
      (i32.add (call_indirect $t (type $unary) (local.get 0) (i32.const 9)) (call_indirect $t (type $unary) (local.get 0) (i32.const 0)))))
  (func (export "bulk") (type $unary)
    (memory.fill (i32.const 100) (i32.const 7) (local.get 0))
    (memory.init $passive (i32.const 120) (i32.const 2) (i32.const 5))
    (memory.copy (i32.const 200) (i32.const 100) (i32.const 50))
    (data.drop $passive)
    (i32.add (memory.grow (i32.const 1)) (i32.load (i32.const 220))))
  (func $deep (param i32) (result i64)
    (if (i32.eqz (local.get 0)) (then (unreachable)))
    (global.set $high (i64.sub (global.get $high) (i64.const 1)))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func (export "trap") (type $unary) (i32.wrap_i64 (call $deep (local.get 0)))))
