// grpc-trailers: counts what gRPC calls end with, and says it by name in a trailer. See README.md.
#include "../abi-c/contexts.h"

enum { CODES = 17, OTHER = CODES };

static const char *const names[CODES + 1] = {
    "OK",          "CANCELLED",           "UNKNOWN",   "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL",          "UNAVAILABLE", "DATA_LOSS",      "UNAUTHENTICATED",   "OTHER"};

// Of the VM: metrics have no context.
static u32 metrics[CODES + 1];

// The configuration is the name of the trailer.
static str trailer_of(context *root) {
  str name = trim(root->config);
  return name.n ? name : STR("x-grpc-status-name");
}

static str name_of(u32 code) { return (str){(u8 *)names[code], c_len(names[code])}; }

static void define_metrics(void) {
  for (u32 code = 0; code <= CODES; code++) {
    text name = {{0, 0}, 0};
    put(&name, STR("grpc_responses_"));
    put(&name, name_of(code));
    for (u32 i = 0; i < name.s.n; i++) name.s.p[i] = lower(name.s.p[i]);
    proxy_define_metric(METRIC_COUNTER, name.s.p, name.s.n, &metrics[code]);
  }
}

static u32 code_of(str digits) {
  u32 code = 0;
  for (u32 i = 0; i < digits.n; i++) {
    if (digits.p[i] < '0' || digits.p[i] > '9' || code >= CODES) return OTHER;
    code = code * 10 + (digits.p[i] - '0');
  }
  return digits.n && code < CODES ? code : OTHER;
}

static void log_failure(u32 map, str name) {
  str message = {0, 0};
  proxy_get_header_map_value(map, "grpc-message", 12, &message.p, &message.n);
  text line = {{0, 0}, 0};
  put(&line, STR("grpc-trailers: a call ended with "));
  put(&line, name);
  put(&line, STR(": "));
  put(&line, message);
  proxy_log(LOG_INFO, line.s.p, line.s.n);
}

// Reads the status of a call where there is one: in the trailers, or in the head of a response that is nothing else.
static u32 read_status(u32 id, u32 map) {
  begin_callback();
  str digits = {0, 0};
  context *root = root_of(id);
  if (!root || proxy_get_header_map_value(map, "grpc-status", 11, &digits.p, &digits.n)) return ACTION_CONTINUE;
  u32 code = code_of(digits);
  str name = name_of(code), trailer = trailer_of(root);
  proxy_increment_metric(metrics[code], 1);
  proxy_add_header_map_value(map, trailer.p, trailer.n, name.p, name.n);
  if (code) log_failure(map, name);
  return ACTION_CONTINUE;
}

EXPORT(proxy_on_configure) u32 proxy_on_configure(u32 id, u32 size) {
  (void)size;
  context *root = configured(id);
  if (!root) return 0;
  str name = trim(root->config);
  for (u32 i = 0; i < name.n; i++) {
    name.p[i] = lower(name.p[i]);
    if (name.p[i] != '-' && (name.p[i] < 'a' || name.p[i] > 'z') && (name.p[i] < '0' || name.p[i] > '9'))
      return refuse("grpc-trailers", 1, name, "the name of a trailer has letters, digits and dashes");
  }
  define_metrics();
  return 1;
}

EXPORT(proxy_on_response_headers) u32 proxy_on_response_headers(u32 id, u32 n, u32 end) {
  (void)n, (void)end;
  return read_status(id, RESPONSE_HEADERS);
}

EXPORT(proxy_on_response_trailers) u32 proxy_on_response_trailers(u32 id, u32 n) {
  (void)n;
  return read_status(id, RESPONSE_TRAILERS);
}
