// The probe: a Proxy-Wasm guest that does what its plugin configuration says. See README.md for the script.
#include "text.h"
#include "raw.h"

// --- memory: what the host returns lives until the next callback begins ---------------------------

static u8 arena[1 << 20];
static u32 arena_n;

#ifdef HOSTILE
static u32 allocator, turn;
static void *hostile_allocate(u32 size);
#endif

EXPORT(proxy_on_memory_allocate) void *proxy_on_memory_allocate(u32 size) {
#ifdef HOSTILE
  if (allocator) return hostile_allocate(size);
#endif
  u32 at = (arena_n + 7) & ~7u;
  if (size > sizeof arena - at) return 0;
  arena_n = at + size;
  return arena + at;
}

EXPORT(malloc) void *malloc(unsigned long size) { return proxy_on_memory_allocate((u32)size); }

#ifdef HIGRESS
EXPORT(proxy_abi_version_0_2_100) void proxy_abi_version_0_2_100(void) {}
#else
EXPORT(proxy_abi_version_0_2_1) void proxy_abi_version_0_2_1(void) {}
#endif

// --- contexts: a script per plugin context, counters per context ------------------------------------

enum { ROOTS = 8, SCRIPT = 16384, SLOTS = 1024, KINDS = 24 };

static struct {
  u32 id, n;
  u8 script[SCRIPT];
  u8 calls[KINDS];
} roots[ROOTS];
static struct {
  u32 id, root;
  u8 calls[KINDS];
} slots[SLOTS];
static u32 root_n;

// What `$name` stands for in a script.
static struct {
  u32 ctx, stream, token, id, cas;
  str val;
} var;

static u32 root_of(u32 ctx) {
  if (slots[ctx % SLOTS].id == ctx) return slots[ctx % SLOTS].root;
  return ctx;
}

static str script_of(u32 ctx) {
  u32 root = root_of(ctx);
  for (u32 i = 0; i < root_n; i++)
    if (roots[i].id == root) return (str){roots[i].script, roots[i].n};
  return (str){0, 0};
}

// --- words -----------------------------------------------------------------------------------------

enum { WORDS = 16 };
static str word[WORDS];
static u32 words;
static u8 text[8192];
static u32 text_n;

static u8 escape(str s, u32 *i) {
  u8 c = s.p[++*i];
  if (c == 'n') return '\n';
  if (c == 'r') return '\r';
  if (c == 't') return '\t';
  if (c == '0') return 0;
  if (c != 'x' || *i + 2 >= s.n) return c;
  u8 v = (u8)(hex_of(s.p[*i + 1]) << 4 | hex_of(s.p[*i + 2]));
  *i += 2;
  return v;
}

static str variable(str w) {
  static u8 digits[8][12];
  static u32 turn;
  u32 v = 0;
  if (is(w, "$val")) return var.val;
  if (is(w, "$ctx")) v = var.ctx;
  else if (is(w, "$root")) v = root_of(var.ctx);
  else if (is(w, "$stream")) v = var.stream;
  else if (is(w, "$token")) v = var.token;
  else if (is(w, "$id")) v = var.id;
  else if (is(w, "$cas")) v = var.cas;
#ifdef HOSTILE
  else if (is(w, "$turn")) v = turn;
#endif
  else return w;
  u8 *d = digits[turn++ & 7];
  u32 n = 12;
  do d[--n] = (u8)('0' + v % 10);
  while (v /= 10);
  return (str){d + n, 12 - n};
}

// Reads one command into `word`, up to `;` or the end of the line. Returns the position behind it.
static u32 read_command(str s, u32 i) {
  words = text_n = 0;
  while (i < s.n && s.p[i] != ';') {
    if (s.p[i] == ' ') {
      i++;
      continue;
    }
    u8 *from = text + text_n;
    int quoted = 0, literal = 0;
    for (; i < s.n && (quoted || (s.p[i] != ' ' && s.p[i] != ';')); i++) {
      u8 c = s.p[i];
      if (c == '"') {
        quoted = !quoted;
        literal = 1;
        continue;
      }
      if (c == '\\' && i + 1 < s.n) c = escape(s, &i);
      if (text_n < sizeof text) text[text_n++] = c;
    }
    str w = {from, (u32)(text + text_n - from)};
    if (words < WORDS) word[words++] = literal ? w : variable(w);
  }
  return i + 1;
}

static str arg(u32 i) { return i < words ? word[i] : (str){0, 0}; }
static u32 argn(u32 i) { return (u32)num(arg(i)); }

static void put_u32(u8 *p, u32 v) {
  for (int i = 0; i < 4; i++) p[i] = (u8)(v >> (8 * i));
}

// "a=1,b=2" as a serialized map. A name may begin with ':'; "-" and nothing stand for the empty map.
static str pairs(str s) {
  static u8 out[2][8192];
  static u32 turn;
  u8 *o = out[turn++ & 1];
  u32 n = 0, at;
  if (!s.n || is(s, "-")) return (str){0, 0};
  for (u32 i = 0; i <= s.n; i++) n += i == s.n || s.p[i] == ',';
  put_u32(o, n);
  at = 4 + 8 * n;
  for (u32 i = 0, k = 0; k < n; k++, i++) {
    u32 key = at;
    for (; i < s.n && s.p[i] != '=' && s.p[i] != ','; i++) o[at++] = s.p[i];
    put_u32(o + 4 + 8 * k, at - key);
    o[at++] = 0;
    u32 val = at;
    if (i < s.n && s.p[i] == '=')
      for (i++; i < s.n && s.p[i] != ','; i++) o[at++] = s.p[i];
    put_u32(o + 8 + 8 * k, at - val);
    o[at++] = 0;
  }
  return (str){o, at};
}

// "request.path" is written with '|' or NUL between segments.
static str path(str s) {
  for (u32 i = 0; i < s.n; i++)
    if (s.p[i] == '|') s.p[i] = 0;
  return s;
}

// --- commands --------------------------------------------------------------------------------------

static void result(u32 status) {
  line_begin("  ");
  for (u32 i = 0; i < words && i < 3; i++) {
    for (u32 j = 0; j < word[i].n && j < 64; j++) put(word[i].p[j] < 32 ? '|' : word[i].p[j]);
    put(' ');
  }
  puts_("-> ");
  put_num(status);
}

static void done(u32 status) {
  result(status);
  line_end();
}

static void done_bytes(u32 status, u8 *p, u32 n) {
  var.val = (str){p, n};
  result(status);
  put(' ');
  put_bytes(p, n);
  line_end();
}

static void done_num(u32 status, i64 v) {
  result(status);
  put(' ');
  put_num(v);
  line_end();
}

// "n name=value ..." instead of raw bytes, so that two hosts can be compared line by line.
static void done_pairs(u32 status, u8 *p, u32 n) {
  u32 count = n >= 4 ? p[0] | p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24 : 0, at = 4 + 8 * count;
  result(status);
  put(' ');
  put_num(count);
  for (u32 i = 0; i < count && at < n; i++) {
    u8 *h = p + 4 + 8 * i;
    u32 k = h[0] | h[1] << 8, v = h[4] | h[5] << 8;
    put(' ');
    for (u32 j = 0; j < k; j++) put(p[at + j]);
    put('=');
    put_bytes(p + at + k + 1, v);
    at += k + v + 2;
  }
  line_end();
}

static int header_command(str c) {
  u8 *p = 0;
  u32 n = 0, m = argn(1), st;
  str k = arg(2), v = arg(3);
  if (is(c, "get")) {
    st = proxy_get_header_map_value(m, k.p, k.n, &p, &n);
    done_bytes(st, p, n);
  } else if (is(c, "pairs")) {
    st = proxy_get_header_map_pairs(m, &p, &n);
    done_pairs(st, p, n);
  } else if (is(c, "size")) {
    st = proxy_get_header_map_size(m, &n);
    done_num(st, n);
  } else if (is(c, "add")) {
    done(proxy_add_header_map_value(m, k.p, k.n, v.p, v.n));
  } else if (is(c, "set")) {
    done(proxy_replace_header_map_value(m, k.p, k.n, v.p, v.n));
  } else if (is(c, "del")) {
    done(proxy_remove_header_map_value(m, k.p, k.n));
  } else if (is(c, "setpairs")) {
    str s = pairs(k);
    done(proxy_set_header_map_pairs(m, s.p, s.n));
  } else {
    return 0;
  }
  return 1;
}

static int buffer_command(str c) {
  u8 *p = 0;
  u32 n = 0, flags = 0, b = argn(1), st;
  str v = arg(4);
  if (is(c, "buf")) {
    st = proxy_get_buffer_bytes(b, argn(2), argn(3), &p, &n);
    done_bytes(st, p, n);
  } else if (is(c, "bufstatus")) {
    st = proxy_get_buffer_status(b, &n, &flags);
    done_num(st, n);
  } else if (is(c, "setbuf")) {
    done(proxy_set_buffer_bytes(b, argn(2), argn(3), v.p, v.n));
  } else if (is(c, "upper")) { // the buffer in capitals, to see a rewrite of real data
    st = proxy_get_buffer_bytes(b, 0, 0x7fffffff, &p, &n);
    for (u32 i = 0; i < n; i++)
      if (p[i] >= 'a' && p[i] <= 'z') p[i] -= 32;
    done(st ? st : proxy_set_buffer_bytes(b, 0, 0x7fffffff, p, n));
  } else {
    return 0;
  }
  return 1;
}

static int stream_command(str c) {
  if (is(c, "continue")) {
    done(proxy_continue_stream(argn(1)));
  } else if (is(c, "close")) {
    done(proxy_close_stream(argn(1)));
  } else if (is(c, "reply")) { // reply STATUS BODY [HEADERS [DETAILS [GRPC]]]
    str b = arg(2), h = pairs(arg(3)), d = arg(4);
    done(proxy_send_local_response(argn(1), d.p, d.n, b.p, b.n, h.p, h.n, words > 5 ? argn(5) : 0xffffffffu));
  } else {
    return 0;
  }
  return 1;
}

static int call_command(str c) {
  u32 st;
  str u = arg(1);
  if (is(c, "http")) { // http UPSTREAM HEADERS [BODY [TRAILERS [TIMEOUT]]]
    str h = pairs(arg(2)), b = arg(3), t = pairs(arg(4));
    st = proxy_http_call(u.p, u.n, h.p, h.n, b.p, b.n, t.p, t.n, words > 5 ? argn(5) : 1000, &var.token);
    done(st);
  } else if (is(c, "grpc")) { // grpc UPSTREAM SERVICE METHOD MESSAGE [METADATA [TIMEOUT]]
    str s = arg(2), m = arg(3), b = arg(4), h = pairs(arg(5));
    st = proxy_grpc_call(u.p, u.n, s.p, s.n, m.p, m.n, h.p, h.n, b.p, b.n, words > 6 ? argn(6) : 1000, &var.token);
    done(st);
  } else if (is(c, "grpcstream")) { // grpcstream UPSTREAM SERVICE METHOD [METADATA]
    str s = arg(2), m = arg(3), h = pairs(arg(4));
    done(proxy_grpc_stream(u.p, u.n, s.p, s.n, m.p, m.n, h.p, h.n, &var.token));
  } else if (is(c, "grpcsend")) { // grpcsend TOKEN MESSAGE [END]
    str b = arg(2);
    done(proxy_grpc_send(argn(1), b.p, b.n, argn(3)));
  } else if (is(c, "grpccancel")) {
    done(proxy_grpc_cancel(argn(1)));
  } else if (is(c, "grpcclose")) {
    done(proxy_grpc_close(argn(1)));
  } else {
    return 0;
  }
  return 1;
}

#ifdef HIGRESS
IMPORT(proxy_redis_init)(const void *svc, u32 n, const void *user, u32 un, const void *pass, u32 pn, u32 timeout_ms);
IMPORT(proxy_redis_call)(const void *svc, u32 n, const void *query, u32 qn, u32 *token);
IMPORT(proxy_get_upstream_hosts)(u8 **val, u32 *len);
IMPORT(proxy_set_upstream_override_host)(const void *addr, u32 n);

// The words from the second on as one command of Redis.
static str redis_command(void) {
  static u8 out[8192];
  u32 at = 0;
  for (u32 i = 1; i < words; i++) {
    u8 d[12];
    u32 n = 0, v = i == 1 ? words - 2 : word[i].n;
    out[at++] = i == 1 ? '*' : '$';
    do d[n++] = (u8)('0' + v % 10);
    while (v /= 10);
    while (n) out[at++] = d[--n];
    out[at++] = '\r';
    out[at++] = '\n';
    if (i == 1) continue;
    memcpy(out + at, word[i].p, word[i].n);
    at += word[i].n;
    out[at++] = '\r';
    out[at++] = '\n';
  }
  return (str){out, at};
}

static int higress_command(str c) {
  u8 *p = 0;
  u32 n = 0, st;
  str s = arg(1), a = arg(2), b = arg(3);
  if (is(c, "redisinit")) { // redisinit SERVICE [USER [PASSWORD [TIMEOUT]]]
    done(proxy_redis_init(s.p, s.n, a.p, a.n, b.p, b.n, words > 4 ? argn(4) : 1000));
  } else if (is(c, "redis")) { // redis SERVICE WORD WORD ...
    b = redis_command();
    done(proxy_redis_call(s.p, s.n, b.p, b.n, &var.token));
  } else if (is(c, "redisraw")) { // redisraw SERVICE BYTES
    done(proxy_redis_call(s.p, s.n, a.p, a.n, &var.token));
  } else if (is(c, "hosts")) {
    st = proxy_get_upstream_hosts(&p, &n);
    done_pairs(st, p, n);
  } else if (is(c, "override")) {
    done(proxy_set_upstream_override_host(s.p, s.n));
  } else {
    return 0;
  }
  return 1;
}
#else
static int higress_command(str c) {
  (void)c;
  return 0;
}
#endif

static int store_command(str c) {
  u8 *p = 0;
  u32 n = 0, st;
  str k = arg(1), v = arg(2);
  if (is(c, "getdata")) {
    st = proxy_get_shared_data(k.p, k.n, &p, &n, &var.cas);
    done_bytes(st, p, n);
  } else if (is(c, "setdata")) {
    done(proxy_set_shared_data(k.p, k.n, v.p, v.n, argn(3)));
  } else if (is(c, "deldata")) { // deldata KEY CAS: a null pointer as the value
    done(proxy_set_shared_data(k.p, k.n, 0, 0, argn(2)));
  } else if (is(c, "queue")) {
    done(proxy_register_shared_queue(k.p, k.n, &var.id));
  } else if (is(c, "resolve")) {
    done(proxy_resolve_shared_queue(k.p, k.n, v.p, v.n, &var.id));
  } else if (is(c, "enqueue")) {
    done(proxy_enqueue_shared_queue(argn(1), v.p, v.n));
  } else if (is(c, "dequeue")) {
    st = proxy_dequeue_shared_queue(argn(1), &p, &n);
    done_bytes(st, p, n);
  } else {
    return 0;
  }
  return 1;
}

static int metric_command(str c) {
  u64 v = 0;
  u32 st;
  str k = arg(2);
  if (is(c, "metric")) { // metric TYPE NAME
    done(proxy_define_metric(argn(1), k.p, k.n, &var.id));
  } else if (is(c, "inc")) {
    done(proxy_increment_metric(argn(1), num(k)));
  } else if (is(c, "record")) {
    done(proxy_record_metric(argn(1), (u64)num(k)));
  } else if (is(c, "value")) {
    st = proxy_get_metric(argn(1), &v);
    done_num(st, (i64)v);
  } else {
    return 0;
  }
  return 1;
}

static int general_command(str c) {
  u8 *p = 0;
  u32 n = 0, st;
  u64 ns = 0;
  str a = arg(1), b = arg(2);
  if (is(c, "log")) {
    done(proxy_log(argn(1), b.p, b.n));
  } else if (is(c, "level")) {
    st = proxy_get_log_level(&n);
    done_num(st, n);
  } else if (is(c, "time")) {
    st = proxy_get_current_time_nanoseconds(&ns);
    done_num(st, ns != 0);
  } else if (is(c, "tick")) {
    done(proxy_set_tick_period_milliseconds(argn(1)));
  } else if (is(c, "status")) {
    u32 code = 0;
    st = proxy_get_status(&code, &p, &n);
    result(st);
    put(' ');
    put_num(code);
    put(' ');
    put_bytes(p, n);
    line_end();
  } else if (is(c, "effective")) {
    done(proxy_set_effective_context(argn(1)));
  } else if (is(c, "done")) {
    done(proxy_done());
  } else if (is(c, "prop")) {
    a = path(a);
    st = proxy_get_property(a.p, a.n, &p, &n);
    done_bytes(st, p, n);
  } else if (is(c, "setprop")) {
    a = path(a);
    done(proxy_set_property(a.p, a.n, b.p, b.n));
  } else if (is(c, "foreign")) {
    st = proxy_call_foreign_function(a.p, a.n, b.p, b.n, &p, &n);
    done_bytes(st, p, n);
  } else {
    return 0;
  }
  return 1;
}

// raw IMPORT ARG…: shows the status and, in order, what the places to write to hold then; they hold 0xffffffff before.
static int raw_command(str c) {
  u32 args[12];
  if (!is(c, "raw")) return 0;
  for (u32 i = 0; i < OUTS; i++) outs[i] = 0xffffffffu;
  for (u32 i = 0; i < 12; i++) args[i] = raw_word(arg(i + 2));
  for (u32 i = 0; i < sizeof imports / sizeof imports[0]; i++) {
    if (!is(arg(1), imports[i].name)) continue;
    u32 status = raw_call(imports[i].call, imports[i].params, args);
    words = 2;
    result(status);
    for (u32 j = 0; j < OUTS; j++) {
      put(' ');
      put_num(outs[j]);
    }
    line_end();
    return 1;
  }
  return 0;
}

static volatile u32 sink;

static u32 dive(u32 n) { return n + dive(n + 1) + sink; }

static int hostile_command(str c) {
  if (is(c, "trap")) __builtin_trap();
  if (is(c, "loop"))
    for (;;) sink++;
  if (is(c, "recurse")) sink = dive(1);
  if (is(c, "grow")) done((u32)__builtin_wasm_memory_grow(0, argn(1)));
  else if (is(c, "badlog")) done(proxy_log(2, (void *)argn(1), argn(2))); // badlog PTR LEN
  else if (is(c, "badget")) { // badget MAP PTR LEN: the answer's address is as bad
    str k = {(u8 *)"x-a", 3};
    done(proxy_get_header_map_value(argn(1), k.p, k.n, (u8 **)argn(2), (u32 *)argn(3)));
  } else {
    return 0;
  }
  return 1;
}

#ifdef HOSTILE
#include "../probe-hostile/hostile.h"
#else
static void flow_begin(void) {}
static int flow_command(str c, u32 *i) {
  (void)c, (void)i;
  return 0;
}
static int attack_command(str c) {
  (void)c;
  return 0;
}
#endif

// Runs the commands of one line; returns the value behind `return`, or otherwise.
static u32 run(str s, u32 otherwise) {
  flow_begin();
  for (u32 i = 0; i < s.n;) {
    i = read_command(s, i);
    if (!words) continue;
    str c = arg(0);
    if (is(c, "return")) return argn(1);
    if (flow_command(c, &i)) continue;
    if (header_command(c) || buffer_command(c) || stream_command(c) || call_command(c) || store_command(c) ||
        metric_command(c) || general_command(c) || raw_command(c) || higress_command(c) || hostile_command(c) || attack_command(c))
      continue;
    done(999); // an unknown command shows in the log
  }
  return otherwise;
}

// --- callbacks -------------------------------------------------------------------------------------

// A label is NAME, NAME#N (the Nth call of that context) or NAME@eos.
static int matches(str label, const char *name, u32 nth, u32 eos) {
  u32 n = c_len(name);
  str head = {label.p, n};
  if (label.n < n || !is(head, name)) return 0;
  if (label.n == n) return 1;
  str tail = {label.p + n + 1, label.n - n - 1};
  if (label.p[n] == '#') return num(tail) == nth;
  return label.p[n] == '@' && is(tail, "eos") && eos;
}

// The first line of the script whose label matches.
static str line_for(str s, const char *name, u32 nth, u32 eos) {
  for (u32 i = 0; i < s.n;) {
    u32 colon = i, end = i;
    while (end < s.n && s.p[end] != '\n') end++;
    while (colon < end && s.p[colon] != ':') colon++;
    str label = {s.p + i, colon - i};
    if (colon < end && matches(label, name, nth, eos)) return (str){s.p + colon + 1, end - colon - 1};
    i = end + 1;
  }
  return (str){0, 0};
}

// Which call of this kind it is in the context.
static u32 nth_call(u32 ctx, u32 kind) {
  if (slots[ctx % SLOTS].id == ctx) return ++slots[ctx % SLOTS].calls[kind];
  for (u32 i = 0; i < root_n; i++)
    if (roots[i].id == ctx) return ++roots[i].calls[kind];
  return 1;
}

static u32 callback(const char *name, u32 kind, u32 ctx, u32 a, u32 b, u32 eos, u32 otherwise) {
  arena_n = 0;
  var.ctx = ctx;
  u32 nth = nth_call(ctx, kind);
  line_begin("> ");
  puts_(name);
  puts_(" ctx=");
  put_num(ctx);
  put(' ');
  put_num(a);
  put(' ');
  put_num(b);
  line_end();
  return run(line_for(script_of(ctx), name, nth, eos), otherwise);
}

EXPORT(proxy_on_context_create) void proxy_on_context_create(u32 ctx, u32 parent) {
  if (!parent && root_n < ROOTS) roots[root_n++].id = ctx;
  if (parent) var.stream = ctx;
  slots[ctx % SLOTS].id = ctx;
  slots[ctx % SLOTS].root = parent ? parent : ctx;
  memset(slots[ctx % SLOTS].calls, 0, KINDS);
  callback("context_create", 0, ctx, parent, 0, 0, 0);
}

// The script has to be there before the first root callback that may run it.
static void load_script(u32 ctx) {
  u8 *p = 0;
  u32 n = 0;
  arena_n = 0;
  proxy_get_buffer_bytes(7, 0, SCRIPT, &p, &n);
  if (!n) proxy_get_buffer_bytes(6, 0, SCRIPT, &p, &n); // not every host shows the plugin's own in on_vm_start
  for (u32 i = 0; i < root_n; i++) {
    if (roots[i].id != ctx) continue;
    memcpy(roots[i].script, p, n);
    roots[i].n = n;
  }
}

EXPORT(proxy_on_vm_start) u32 proxy_on_vm_start(u32 ctx, u32 n) {
  load_script(ctx);
  return callback("vm_start", 1, ctx, n, 0, 0, 1);
}

EXPORT(proxy_on_configure) u32 proxy_on_configure(u32 ctx, u32 n) {
  load_script(ctx);
  return callback("configure", 2, ctx, n, 0, 0, 1);
}

EXPORT(proxy_on_tick) void proxy_on_tick(u32 ctx) { callback("tick", 3, ctx, 0, 0, 0, 0); }

EXPORT(proxy_on_queue_ready) void proxy_on_queue_ready(u32 ctx, u32 q) {
  var.id = q;
  callback("queue_ready", 4, ctx, 0, 0, 0, 0);
}

EXPORT(proxy_on_foreign_function) void proxy_on_foreign_function(u32 ctx, u32 f, u32 n) {
  callback("foreign_function", 5, ctx, f, n, 0, 0);
}

EXPORT(proxy_on_request_headers) u32 proxy_on_request_headers(u32 ctx, u32 n, u32 eos) {
  return callback("request_headers", 6, ctx, n, eos, eos, 0);
}

EXPORT(proxy_on_request_body) u32 proxy_on_request_body(u32 ctx, u32 n, u32 eos) {
  return callback("request_body", 7, ctx, n, eos, eos, 0);
}

EXPORT(proxy_on_request_trailers) u32 proxy_on_request_trailers(u32 ctx, u32 n) {
  return callback("request_trailers", 8, ctx, n, 0, 1, 0);
}

EXPORT(proxy_on_response_headers) u32 proxy_on_response_headers(u32 ctx, u32 n, u32 eos) {
  return callback("response_headers", 9, ctx, n, eos, eos, 0);
}

EXPORT(proxy_on_response_body) u32 proxy_on_response_body(u32 ctx, u32 n, u32 eos) {
  return callback("response_body", 10, ctx, n, eos, eos, 0);
}

EXPORT(proxy_on_response_trailers) u32 proxy_on_response_trailers(u32 ctx, u32 n) {
  return callback("response_trailers", 11, ctx, n, 0, 1, 0);
}

EXPORT(proxy_on_http_call_response) void proxy_on_http_call_response(u32 ctx, u32 call, u32 n, u32 size, u32 trailers) {
  var.token = call;
  callback("http_call_response", 12, ctx, n, size, trailers, 0);
}

EXPORT(proxy_on_grpc_receive_initial_metadata) void on_grpc_initial(u32 ctx, u32 call, u32 n) {
  var.token = call;
  callback("grpc_initial", 13, ctx, n, 0, 0, 0);
}

EXPORT(proxy_on_grpc_receive) void on_grpc_receive(u32 ctx, u32 call, u32 n) {
  var.token = call;
  callback("grpc_receive", 14, ctx, n, 0, 0, 0);
}

EXPORT(proxy_on_grpc_receive_trailing_metadata) void on_grpc_trailing(u32 ctx, u32 call, u32 n) {
  var.token = call;
  callback("grpc_trailing", 15, ctx, n, 0, 0, 0);
}

EXPORT(proxy_on_grpc_close) void on_grpc_close(u32 ctx, u32 call, u32 status) {
  var.token = call;
  callback("grpc_close", 16, ctx, status, 0, 0, 0);
}

#ifdef HIGRESS
EXPORT(proxy_on_redis_call_response) void on_redis_call_response(u32 ctx, u32 call, u32 status, u32 n) {
  var.token = call;
  callback("redis_call_response", 20, ctx, status, n, 0, 0);
}
#endif

EXPORT(proxy_on_done) u32 proxy_on_done(u32 ctx) { return callback("done", 17, ctx, 0, 0, 0, 1); }

EXPORT(proxy_on_log) void proxy_on_log(u32 ctx) { callback("log", 18, ctx, 0, 0, 0, 0); }

EXPORT(proxy_on_delete) void proxy_on_delete(u32 ctx) {
  callback("delete", 19, ctx, 0, 0, 0, 0);
  if (slots[ctx % SLOTS].id == ctx) slots[ctx % SLOTS].id = 0;
}
