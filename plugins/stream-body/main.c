// stream-body: changes bodies while they pass, chunk by chunk. See README.md for the configuration.
#include "masks.h"

static rules *rules_of(u32 id) {
  context *root = root_of(id);
  return root ? root->state : 0;
}

// The length stays the same, but no gateway can know that: some refuse a changed body whose length was promised.
static u32 headers(u32 id, u32 map, u32 end) {
  begin_callback();
  rules *all = rules_of(id);
  if (!end && all && all->n[map == RESPONSE_HEADERS]) proxy_remove_header_map_value(map, "content-length", 14);
  return ACTION_CONTINUE;
}

static u32 body(u32 id, u32 buffer, u32 size) {
  begin_callback();
  rules *all = rules_of(id);
  context *stream = find(id);
  u32 side = buffer == RESPONSE_BODY;
  if (!size || !all || !all->n[side] || !stream) return ACTION_CONTINUE;
  progress *now = stream->state ? stream->state : new_state(stream, sizeof *now);
  str chunk = {0, 0};
  if (!now || proxy_get_buffer_bytes(buffer, 0, size, &chunk.p, &chunk.n)) return ACTION_CONTINUE;
  apply(all, now, side, chunk);
  proxy_set_buffer_bytes(buffer, 0, chunk.n, chunk.p, chunk.n);
  return ACTION_CONTINUE;
}

EXPORT(proxy_on_configure) u32 proxy_on_configure(u32 id, u32 size) {
  (void)size;
  context *root = configured(id);
  return root ? read_rules(root) : 0;
}

EXPORT(proxy_on_request_headers) u32 proxy_on_request_headers(u32 id, u32 n, u32 end) {
  (void)n;
  return headers(id, REQUEST_HEADERS, end);
}

EXPORT(proxy_on_request_body) u32 proxy_on_request_body(u32 id, u32 size, u32 end) {
  (void)end;
  return body(id, REQUEST_BODY, size);
}

EXPORT(proxy_on_response_headers) u32 proxy_on_response_headers(u32 id, u32 n, u32 end) {
  (void)n;
  return headers(id, RESPONSE_HEADERS, end);
}

EXPORT(proxy_on_response_body) u32 proxy_on_response_body(u32 id, u32 size, u32 end) {
  (void)end;
  return body(id, RESPONSE_BODY, size);
}
