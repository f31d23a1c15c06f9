;; Makes any hostcalls with any arguments: a list in its memory says which.
;;
;; At 0 the host's test writes what the allocator does (0: as it should, 1: traps, else answers the number at 4), at 8 what
;; callbacks answer, at 256 the number of entries, and from 272 on the entries, 112 bytes each: the import's place in this file at 0,
;; arguments of 8 bytes each from 8 on; the status is written to 104. A callback runs the list and empties it.
(module
  (import "env" "proxy_log" (func $proxy_log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_log_level" (func $proxy_get_log_level (param i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $proxy_get_current_time_nanoseconds (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $proxy_set_tick_period_milliseconds (param i32) (result i32)))
  (import "env" "proxy_get_status" (func $proxy_get_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $proxy_set_effective_context (param i32) (result i32)))
  (import "env" "proxy_done" (func $proxy_done (result i32)))
  (import "env" "proxy_get_configuration" (func $proxy_get_configuration (param i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $proxy_get_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_status" (func $proxy_get_buffer_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $proxy_set_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_size" (func $proxy_get_header_map_size (param i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $proxy_get_header_map_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $proxy_set_header_map_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $proxy_get_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $proxy_add_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $proxy_replace_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $proxy_remove_header_map_value (param i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $proxy_continue_stream (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $proxy_close_stream (param i32) (result i32)))
  (import "env" "proxy_continue_request" (func $proxy_continue_request (result i32)))
  (import "env" "proxy_continue_response" (func $proxy_continue_response (result i32)))
  (import "env" "proxy_clear_route_cache" (func $proxy_clear_route_cache (result i32)))
  (import "env" "proxy_send_local_response" (func $proxy_send_local_response (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $proxy_http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_call" (func $proxy_grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_stream" (func $proxy_grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_send" (func $proxy_grpc_send (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_cancel" (func $proxy_grpc_cancel (param i32) (result i32)))
  (import "env" "proxy_grpc_close" (func $proxy_grpc_close (param i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $proxy_get_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $proxy_set_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $proxy_register_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_resolve_shared_queue" (func $proxy_resolve_shared_queue (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $proxy_enqueue_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $proxy_dequeue_shared_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $proxy_define_metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $proxy_increment_metric (param i32 i64) (result i32)))
  (import "env" "proxy_record_metric" (func $proxy_record_metric (param i32 i64) (result i32)))
  (import "env" "proxy_get_metric" (func $proxy_get_metric (param i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $proxy_get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $proxy_set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $proxy_call_foreign_function (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_redis_init" (func $proxy_redis_init (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_redis_call" (func $proxy_redis_call (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_inject_encoded_data_to_filter_chain" (func $proxy_inject_encoded_data_to_filter_chain (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_upstream_hosts" (func $proxy_get_upstream_hosts (param i32 i32) (result i32)))
  (import "env" "proxy_set_upstream_override_host" (func $proxy_set_upstream_override_host (param i32 i32) (result i32)))
  (memory (export "memory") 4 4)
  (global $heap (mut i32) (i32.const 0x8000))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param $size i32) (result i32)
    (local $at i32)
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 1)) (then unreachable))
    (if (i32.load (i32.const 0)) (then (return (i32.load (i32.const 4)))))
    (local.set $at (global.get $heap))
    (if (i32.gt_u (local.get $size) (i32.sub (i32.const 0x40000) (local.get $at))) (then (return (i32.const 0))))
    (global.set $heap (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func $run (result i32)
    (local $entry i32) (local $end i32)
    (local.set $entry (i32.const 272))
    (local.set $end (i32.add (i32.const 272) (i32.mul (i32.load (i32.const 256)) (i32.const 112))))
    (i32.store (i32.const 256) (i32.const 0))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $entry) (local.get $end)))
      (block $called
      (block $proxy_set_upstream_override_host
      (block $proxy_get_upstream_hosts
      (block $proxy_inject_encoded_data_to_filter_chain
      (block $proxy_redis_call
      (block $proxy_redis_init
      (block $proxy_call_foreign_function
      (block $proxy_set_property
      (block $proxy_get_property
      (block $proxy_get_metric
      (block $proxy_record_metric
      (block $proxy_increment_metric
      (block $proxy_define_metric
      (block $proxy_dequeue_shared_queue
      (block $proxy_enqueue_shared_queue
      (block $proxy_resolve_shared_queue
      (block $proxy_register_shared_queue
      (block $proxy_set_shared_data
      (block $proxy_get_shared_data
      (block $proxy_grpc_close
      (block $proxy_grpc_cancel
      (block $proxy_grpc_send
      (block $proxy_grpc_stream
      (block $proxy_grpc_call
      (block $proxy_http_call
      (block $proxy_send_local_response
      (block $proxy_clear_route_cache
      (block $proxy_continue_response
      (block $proxy_continue_request
      (block $proxy_close_stream
      (block $proxy_continue_stream
      (block $proxy_remove_header_map_value
      (block $proxy_replace_header_map_value
      (block $proxy_add_header_map_value
      (block $proxy_get_header_map_value
      (block $proxy_set_header_map_pairs
      (block $proxy_get_header_map_pairs
      (block $proxy_get_header_map_size
      (block $proxy_set_buffer_bytes
      (block $proxy_get_buffer_status
      (block $proxy_get_buffer_bytes
      (block $proxy_get_configuration
      (block $proxy_done
      (block $proxy_set_effective_context
      (block $proxy_get_status
      (block $proxy_set_tick_period_milliseconds
      (block $proxy_get_current_time_nanoseconds
      (block $proxy_get_log_level
      (block $proxy_log
        (br_table $proxy_log $proxy_get_log_level $proxy_get_current_time_nanoseconds $proxy_set_tick_period_milliseconds $proxy_get_status $proxy_set_effective_context $proxy_done $proxy_get_configuration $proxy_get_buffer_bytes $proxy_get_buffer_status $proxy_set_buffer_bytes $proxy_get_header_map_size $proxy_get_header_map_pairs $proxy_set_header_map_pairs $proxy_get_header_map_value $proxy_add_header_map_value $proxy_replace_header_map_value $proxy_remove_header_map_value $proxy_continue_stream $proxy_close_stream $proxy_continue_request $proxy_continue_response $proxy_clear_route_cache $proxy_send_local_response $proxy_http_call $proxy_grpc_call $proxy_grpc_stream $proxy_grpc_send $proxy_grpc_cancel $proxy_grpc_close $proxy_get_shared_data $proxy_set_shared_data $proxy_register_shared_queue $proxy_resolve_shared_queue $proxy_enqueue_shared_queue $proxy_dequeue_shared_queue $proxy_define_metric $proxy_increment_metric $proxy_record_metric $proxy_get_metric $proxy_get_property $proxy_set_property $proxy_call_foreign_function $proxy_redis_init $proxy_redis_call $proxy_inject_encoded_data_to_filter_chain $proxy_get_upstream_hosts $proxy_set_upstream_override_host $called (i32.load (local.get $entry))))
        (i32.store offset=104 (local.get $entry) (call $proxy_log (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_log_level (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_current_time_nanoseconds (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_tick_period_milliseconds (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_status (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_effective_context (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_done))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_configuration (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_buffer_bytes (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_buffer_status (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_buffer_bytes (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_header_map_size (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_header_map_pairs (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_header_map_pairs (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_header_map_value (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_add_header_map_value (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_replace_header_map_value (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_remove_header_map_value (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_continue_stream (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_close_stream (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_continue_request))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_continue_response))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_clear_route_cache))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_send_local_response (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry)) (i32.load offset=56 (local.get $entry)) (i32.load offset=64 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_http_call (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry)) (i32.load offset=56 (local.get $entry)) (i32.load offset=64 (local.get $entry)) (i32.load offset=72 (local.get $entry)) (i32.load offset=80 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_grpc_call (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry)) (i32.load offset=56 (local.get $entry)) (i32.load offset=64 (local.get $entry)) (i32.load offset=72 (local.get $entry)) (i32.load offset=80 (local.get $entry)) (i32.load offset=88 (local.get $entry)) (i32.load offset=96 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_grpc_stream (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry)) (i32.load offset=56 (local.get $entry)) (i32.load offset=64 (local.get $entry)) (i32.load offset=72 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_grpc_send (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_grpc_cancel (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_grpc_close (i32.load offset=8 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_shared_data (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_shared_data (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_register_shared_queue (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_resolve_shared_queue (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_enqueue_shared_queue (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_dequeue_shared_queue (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_define_metric (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_increment_metric (i32.load offset=8 (local.get $entry)) (i64.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_record_metric (i32.load offset=8 (local.get $entry)) (i64.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_metric (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_property (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_property (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_call_foreign_function (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_redis_init (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry)) (i32.load offset=48 (local.get $entry)) (i32.load offset=56 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_redis_call (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry)) (i32.load offset=32 (local.get $entry)) (i32.load offset=40 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_inject_encoded_data_to_filter_chain (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry)) (i32.load offset=24 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_get_upstream_hosts (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry))))
        (br $called))
        (i32.store offset=104 (local.get $entry) (call $proxy_set_upstream_override_host (i32.load offset=8 (local.get $entry)) (i32.load offset=16 (local.get $entry))))
      )
      (local.set $entry (i32.add (local.get $entry) (i32.const 112)))
      (br $next)))
    (i32.load (i32.const 8)))
  (func (export "proxy_on_context_create") (param i32 i32) (drop (call $run)))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (call $run)) (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $run))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (call $run))
  (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) (call $run))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $run))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (call $run))
  (func (export "proxy_on_response_trailers") (param i32 i32) (result i32) (call $run))
  (func (export "proxy_on_log") (param i32) (drop (call $run)))
  (func (export "proxy_on_done") (param i32) (result i32) (call $run))
  (func (export "proxy_on_delete") (param i32) (drop (call $run)))
  (func (export "proxy_on_tick") (param i32) (drop (call $run))))
