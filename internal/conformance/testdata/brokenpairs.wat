;; Hands in serialized maps that are none, as headers of the request and of an answer, and logs a digit per status.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $set (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $at (mut i32) (i32.const 64))
  (data (i32.const 128) "\02\00\00")                                    ;; a count cut short
  (data (i32.const 136) "\ff\ff\ff\ff")                                 ;; four billion pairs
  (data (i32.const 144) "\01\00\00\00\ff\ff\ff\ff\01\00\00\00a\00b\00") ;; a name behind the end
  (data (i32.const 168) "\01\00\00\00\01\00\00\00\ff\00\00\00a\00b\00") ;; a value behind the end
  (data (i32.const 192) "\01\00\00\00\01\00\00\00\01\00\00\00axbx")     ;; no NUL
  (data (i32.const 216) "\02\00\00\00\01\00\00\00\01\00\00\00a\00b\00") ;; one pair less than counted
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 1024)
  (func $note (param $status i32)
    (i32.store8 (global.get $at) (i32.add (i32.const 48) (local.get $status)))
    (global.set $at (i32.add (global.get $at) (i32.const 1))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $at (i32.const 64))
    (call $note (call $set (i32.const 0) (i32.const 128) (i32.const 3)))
    (call $note (call $set (i32.const 0) (i32.const 136) (i32.const 4)))
    (call $note (call $set (i32.const 0) (i32.const 144) (i32.const 16)))
    (call $note (call $set (i32.const 0) (i32.const 168) (i32.const 16)))
    (call $note (call $set (i32.const 0) (i32.const 192) (i32.const 16)))
    (call $note (call $set (i32.const 0) (i32.const 216) (i32.const 16)))
    (drop (call $log (i32.const 2) (i32.const 64) (i32.const 6)))
    i32.const 0)
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $reply (i32.const 201) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 136) (i32.const 4) (i32.const -1)))
    i32.const 0))
