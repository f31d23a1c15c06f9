// The imports of Proxy-Wasm 0.2.1, in the order of the specification, and the numbers that go with them.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define IMPORT(name) __attribute__((import_module("env"), import_name(#name))) u32 name
#define EXPORT(name) __attribute__((export_name(#name)))

// Every import answers a status. What a callback returns is an action.
enum { STATUS_OK = 0, STATUS_NOT_FOUND = 1, STATUS_BAD_ARGUMENT = 2 };
enum { ACTION_CONTINUE = 0, ACTION_PAUSE = 1 };
enum { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_CRITICAL };
enum { REQUEST_HEADERS = 0, REQUEST_TRAILERS = 1, RESPONSE_HEADERS = 2, RESPONSE_TRAILERS = 3 };
enum { REQUEST_BODY = 0, RESPONSE_BODY = 1, VM_CONFIGURATION = 6, PLUGIN_CONFIGURATION = 7 };
enum { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

IMPORT(proxy_log)(u32 level, const void *msg, u32 len);
IMPORT(proxy_get_log_level)(u32 *level);
IMPORT(proxy_get_current_time_nanoseconds)(u64 *ns);
IMPORT(proxy_set_tick_period_milliseconds)(u32 ms);
IMPORT(proxy_get_status)(u32 *code, u8 **msg, u32 *len);
IMPORT(proxy_set_effective_context)(u32 ctx);
IMPORT(proxy_done)(void);
IMPORT(proxy_get_property)(const void *path, u32 n, u8 **val, u32 *len);
IMPORT(proxy_set_property)(const void *path, u32 n, const void *val, u32 len);
IMPORT(proxy_call_foreign_function)(const void *name, u32 n, const void *arg, u32 an, u8 **val, u32 *len);
IMPORT(proxy_get_header_map_size)(u32 map, u32 *size);
IMPORT(proxy_get_header_map_pairs)(u32 map, u8 **val, u32 *len);
IMPORT(proxy_set_header_map_pairs)(u32 map, const void *val, u32 len);
IMPORT(proxy_get_header_map_value)(u32 map, const void *key, u32 n, u8 **val, u32 *len);
IMPORT(proxy_add_header_map_value)(u32 map, const void *key, u32 n, const void *val, u32 len);
IMPORT(proxy_replace_header_map_value)(u32 map, const void *key, u32 n, const void *val, u32 len);
IMPORT(proxy_remove_header_map_value)(u32 map, const void *key, u32 n);
IMPORT(proxy_get_buffer_bytes)(u32 buf, u32 start, u32 max, u8 **val, u32 *len);
IMPORT(proxy_get_buffer_status)(u32 buf, u32 *len, u32 *flags);
IMPORT(proxy_set_buffer_bytes)(u32 buf, u32 start, u32 n, const void *val, u32 len);
IMPORT(proxy_continue_stream)(u32 type);
IMPORT(proxy_close_stream)(u32 type);
IMPORT(proxy_send_local_response)(u32 status, const void *details, u32 dn, const void *body, u32 bn, const void *pairs,
                                  u32 pn, u32 grpc_status);
IMPORT(proxy_http_call)(const void *up, u32 un, const void *pairs, u32 pn, const void *body, u32 bn,
                        const void *trailers, u32 tn, u32 timeout_ms, u32 *token);
IMPORT(proxy_grpc_call)(const void *up, u32 un, const void *svc, u32 sn, const void *method, u32 mn, const void *md,
                        u32 mdn, const void *msg, u32 len, u32 timeout_ms, u32 *token);
IMPORT(proxy_grpc_stream)(const void *up, u32 un, const void *svc, u32 sn, const void *method, u32 mn, const void *md,
                          u32 mdn, u32 *token);
IMPORT(proxy_grpc_send)(u32 token, const void *msg, u32 len, u32 end);
IMPORT(proxy_grpc_cancel)(u32 token);
IMPORT(proxy_grpc_close)(u32 token);
IMPORT(proxy_get_shared_data)(const void *key, u32 n, u8 **val, u32 *len, u32 *cas);
IMPORT(proxy_set_shared_data)(const void *key, u32 n, const void *val, u32 len, u32 cas);
IMPORT(proxy_register_shared_queue)(const void *name, u32 n, u32 *token);
IMPORT(proxy_resolve_shared_queue)(const void *vm, u32 vn, const void *name, u32 n, u32 *token);
IMPORT(proxy_enqueue_shared_queue)(u32 token, const void *val, u32 len);
IMPORT(proxy_dequeue_shared_queue)(u32 token, u8 **val, u32 *len);
IMPORT(proxy_define_metric)(u32 type, const void *name, u32 n, u32 *id);
IMPORT(proxy_increment_metric)(u32 id, i64 delta);
IMPORT(proxy_record_metric)(u32 id, u64 value);
IMPORT(proxy_get_metric)(u32 id, u64 *value);
