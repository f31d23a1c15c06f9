// The contexts of a VM. A plugin is configured once for each of its root contexts, and many streams are under way at a
// time: what belongs to one of them hangs on its context.
#pragma once
#include "memory.h"

typedef struct context {
  struct context *next;
  u32 id, root;
  str config;  // of a root: its configuration
  void *state; // the plugin's own
  u32 state_n;
} context;

enum { CHAINS = 1024 };
static context *chains[CHAINS];

static context *find(u32 id) {
  context *c = chains[id % CHAINS];
  while (c && c->id != id) c = c->next;
  return c;
}

static context *root_of(u32 id) {
  context *c = find(id);
  return c && c->root ? find(c->root) : c;
}

// Gives a context zeroed memory of the plugin's own, instead of what it had. Null when there is none left.
static void *new_state(context *c, u32 size) {
  if (!c) return 0;
  let_go(c->state, c->state_n);
  c->state = keep(size), c->state_n = size;
  return c->state;
}

EXPORT(proxy_on_context_create) void proxy_on_context_create(u32 id, u32 root) {
  begin_callback();
  context *c = keep(sizeof *c);
  if (!c) return;
  c->id = id, c->root = root;
  c->next = chains[id % CHAINS];
  chains[id % CHAINS] = c;
}

EXPORT(proxy_on_delete) void proxy_on_delete(u32 id) {
  context **at = &chains[id % CHAINS];
  while (*at && (*at)->id != id) at = &(*at)->next;
  context *c = *at;
  if (!c) return;
  *at = c->next;
  let_go(c->state, c->state_n);
  let_go(c->config.p, c->config.n);
  let_go(c, sizeof *c);
}

// Reads the configuration of a root and keeps it. Returns null when there is no memory left.
static context *configured(u32 id) {
  begin_callback();
  context *c = find(id);
  str config = {0, 0};
  if (!c || proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, 0x7fffffff, &config.p, &config.n)) return 0;
  let_go(c->config.p, c->config.n);
  c->config = (str){keep(config.n), config.n};
  if (!c->config.p) return 0;
  memcpy(c->config.p, config.p, config.n);
  return c;
}

// Says what is wrong with a line of the configuration. Returns 0, which refuses it.
static u32 refuse(const char *plugin, u32 line, str what, const char *why) {
  text t = {{0, 0}, 0};
  put(&t, (str){(u8 *)plugin, c_len(plugin)});
  put(&t, STR(": line "));
  put_number(&t, line);
  put(&t, STR(": \""));
  put(&t, what);
  put(&t, STR("\": "));
  put(&t, (str){(u8 *)why, c_len(why)});
  proxy_log(LOG_ERROR, t.s.p, t.s.n);
  return 0;
}

EXPORT(proxy_abi_version_0_2_1) void proxy_abi_version_0_2_1(void) {}
