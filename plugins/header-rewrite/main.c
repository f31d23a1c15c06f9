// header-rewrite: sets, adds, removes and renames headers, and moves paths. See README.md for the configuration.
#include "rules.h"

static u32 number_at(const u8 *p) { return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }

// A header may stand in a message several times; the list of pairs has them all, in their order.
static void rename_header(rule *r) {
  u8 *p = 0;
  u32 size = 0;
  if (proxy_get_header_map_pairs(r->map, &p, &size) || size < 4) return;
  u32 n = number_at(p), at = 4 + 8 * n, found = 0;
  for (u32 i = 0; i < n && at < size; i++) {
    str name = {p + at, number_at(p + 4 + 8 * i)}, value = {name.p + name.n + 1, number_at(p + 8 + 8 * i)};
    at += name.n + value.n + 2;
    if (!same(name, r->name)) continue;
    if (!found++) proxy_remove_header_map_value(r->map, r->name.p, r->name.n);
    proxy_add_header_map_value(r->map, r->value.p, r->value.n, value.p, value.n);
  }
}

// A prefix ends where a segment ends: /api is none of /apis.
static int has_prefix(str path, str prefix) {
  if (!starts(path, prefix)) return 0;
  if (path.n == prefix.n || prefix.p[prefix.n - 1] == '/') return 1;
  return path.p[prefix.n] == '/' || path.p[prefix.n] == '?';
}

static void move_path(rule *r) {
  str path = {0, 0}, old = r->name, new = r->value;
  if (proxy_get_header_map_value(REQUEST_HEADERS, ":path", 5, &path.p, &path.n) || !has_prefix(path, old)) return;
  str rest = skip(path, old.n);
  if (rest.n && rest.p[0] == '/' && new.p[new.n - 1] == '/') new.n--; // one slash where they meet, not two
  text moved = {{0, 0}, 0};
  put(&moved, new);
  if (rest.n && rest.p[0] != '/' && rest.p[0] != '?' && new.p[new.n - 1] != '/') put(&moved, STR("/"));
  put(&moved, rest);
  proxy_replace_header_map_value(REQUEST_HEADERS, ":path", 5, moved.s.p, moved.s.n);
}

static void apply(rule *r) {
  switch (r->action) {
  case SET: proxy_replace_header_map_value(r->map, r->name.p, r->name.n, r->value.p, r->value.n); break;
  case ADD: proxy_add_header_map_value(r->map, r->name.p, r->name.n, r->value.p, r->value.n); break;
  case REMOVE: proxy_remove_header_map_value(r->map, r->name.p, r->name.n); break;
  case RENAME: rename_header(r); break;
  case PATH_PREFIX: move_path(r); break;
  }
}

static u32 apply_all(u32 id, u32 map) {
  begin_callback();
  context *root = root_of(id);
  rules *all = root ? root->state : 0;
  for (u32 i = 0; all && i < all->n; i++)
    if (all->rule[i].map == map) apply(&all->rule[i]);
  return ACTION_CONTINUE;
}

EXPORT(proxy_on_configure) u32 proxy_on_configure(u32 id, u32 size) {
  (void)size;
  context *root = configured(id);
  return root ? read_rules(root) : 0;
}

EXPORT(proxy_on_request_headers) u32 proxy_on_request_headers(u32 id, u32 n, u32 end) {
  (void)n, (void)end;
  return apply_all(id, REQUEST_HEADERS);
}

EXPORT(proxy_on_response_headers) u32 proxy_on_response_headers(u32 id, u32 n, u32 end) {
  (void)n, (void)end;
  return apply_all(id, RESPONSE_HEADERS);
}
