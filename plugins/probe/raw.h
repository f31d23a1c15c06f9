// Hostcalls with raw numbers, to see what the host makes of bad pointers and where it writes.
#pragma once

typedef void (*any)(void);

static const struct {
  const char *name;
  any call;
  u32 params;
} imports[] = {
    {"proxy_log", (any)proxy_log, 3},
    {"proxy_get_log_level", (any)proxy_get_log_level, 1},
    {"proxy_get_current_time_nanoseconds", (any)proxy_get_current_time_nanoseconds, 1},
    {"proxy_set_tick_period_milliseconds", (any)proxy_set_tick_period_milliseconds, 1},
    {"proxy_get_status", (any)proxy_get_status, 3},
    {"proxy_set_effective_context", (any)proxy_set_effective_context, 1},
    {"proxy_done", (any)proxy_done, 0},
    {"proxy_get_property", (any)proxy_get_property, 4},
    {"proxy_set_property", (any)proxy_set_property, 4},
    {"proxy_call_foreign_function", (any)proxy_call_foreign_function, 6},
    {"proxy_get_header_map_size", (any)proxy_get_header_map_size, 2},
    {"proxy_get_header_map_pairs", (any)proxy_get_header_map_pairs, 3},
    {"proxy_set_header_map_pairs", (any)proxy_set_header_map_pairs, 3},
    {"proxy_get_header_map_value", (any)proxy_get_header_map_value, 5},
    {"proxy_add_header_map_value", (any)proxy_add_header_map_value, 5},
    {"proxy_replace_header_map_value", (any)proxy_replace_header_map_value, 5},
    {"proxy_remove_header_map_value", (any)proxy_remove_header_map_value, 3},
    {"proxy_get_buffer_bytes", (any)proxy_get_buffer_bytes, 5},
    {"proxy_get_buffer_status", (any)proxy_get_buffer_status, 3},
    {"proxy_set_buffer_bytes", (any)proxy_set_buffer_bytes, 5},
    {"proxy_continue_stream", (any)proxy_continue_stream, 1},
    {"proxy_close_stream", (any)proxy_close_stream, 1},
    {"proxy_send_local_response", (any)proxy_send_local_response, 8},
    {"proxy_http_call", (any)proxy_http_call, 10},
    {"proxy_grpc_call", (any)proxy_grpc_call, 12},
    {"proxy_grpc_stream", (any)proxy_grpc_stream, 9},
    {"proxy_grpc_send", (any)proxy_grpc_send, 4},
    {"proxy_grpc_cancel", (any)proxy_grpc_cancel, 1},
    {"proxy_grpc_close", (any)proxy_grpc_close, 1},
    {"proxy_get_shared_data", (any)proxy_get_shared_data, 5},
    {"proxy_set_shared_data", (any)proxy_set_shared_data, 5},
    {"proxy_register_shared_queue", (any)proxy_register_shared_queue, 3},
    {"proxy_resolve_shared_queue", (any)proxy_resolve_shared_queue, 5},
    {"proxy_enqueue_shared_queue", (any)proxy_enqueue_shared_queue, 3},
    {"proxy_dequeue_shared_queue", (any)proxy_dequeue_shared_queue, 3},
    {"proxy_define_metric", (any)proxy_define_metric, 4},
    {"proxy_get_metric", (any)proxy_get_metric, 2},
};

enum { OUTS = 4 };
static u32 outs[OUTS];

// A word is a number, `@text` for the address of the text, or `out0` to `out3` for the address of a place to write to.
static u32 raw_word(str w) {
  if (w.n && w.p[0] == '@') return (u32)(w.p + 1);
  if (w.n == 4 && w.p[0] == 'o' && w.p[1] == 'u') return (u32)&outs[(w.p[3] - '0') % OUTS];
  return (u32)num(w);
}

// All parameters of these imports are i32, so a function type with as many u32 is the same.
static u32 raw_call(any f, u32 n, const u32 *a) {
  switch (n) {
  case 0: return ((u32(*)(void))f)();
  case 1: return ((u32(*)(u32))f)(a[0]);
  case 2: return ((u32(*)(u32, u32))f)(a[0], a[1]);
  case 3: return ((u32(*)(u32, u32, u32))f)(a[0], a[1], a[2]);
  case 4: return ((u32(*)(u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3]);
  case 5: return ((u32(*)(u32, u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3], a[4]);
  case 6: return ((u32(*)(u32, u32, u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3], a[4], a[5]);
  case 8:
    return ((u32(*)(u32, u32, u32, u32, u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
  case 9:
    return ((u32(*)(u32, u32, u32, u32, u32, u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],
                                                                   a[8]);
  case 10:
    return ((u32(*)(u32, u32, u32, u32, u32, u32, u32, u32, u32, u32))f)(a[0], a[1], a[2], a[3], a[4], a[5], a[6],
                                                                        a[7], a[8], a[9]);
  case 12:
    return ((u32(*)(u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32))f)(
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
  }
  return 999;
}
