// What no plugin should do: the commands of the hostile probe. See README.md.
#pragma once

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) u32 name

// --- flow: commands that say which others run -----------------------------------------------------------

static struct {
  u32 at, left;
} loops[4];
static u32 depth;

static void flow_begin(void) { depth = 0; }

static int has_header(u32 map, str k) {
  u8 *p = 0;
  u32 n = 0;
  return proxy_get_header_map_value(map, k.p, k.n, &p, &n) == 0;
}

// if MAP NAME: the rest only when the map has the header. repeat N … end: N times, 0 for ever; $turn counts.
static int flow_command(str c, u32 *i) {
  if (is(c, "if")) {
    if (!has_header(argn(1), arg(2))) *i = 0xffffffffu;
  } else if (is(c, "repeat")) {
    loops[depth].at = *i;
    loops[depth++ & 3].left = argn(1);
    turn = 0;
  } else if (is(c, "end")) {
    turn++;
    arena_n = 0;
    if (loops[depth - 1].left == 1) {
      depth--;
    } else {
      if (loops[depth - 1].left) loops[depth - 1].left--;
      *i = loops[depth - 1].at;
    }
  } else if (is(c, "quiet")) {
    quiet = argn(1);
  } else {
    return 0;
  }
  return 1;
}

// --- memory --------------------------------------------------------------------------------------------

// As much memory as is asked for, fresh each time; null when there is no more.
static u8 *big(u32 n) {
  u32 at = (u32)__builtin_wasm_memory_grow(0, (n + 65535) >> 16);
  return at == 0xffffffffu ? 0 : (u8 *)(at << 16);
}

enum { GOOD, ZERO, NEGATIVE, FAR, OVERLAP, ODD, SAME, FRESH, TRAP, LOOP, LOG, HOSTCALL, GROW, DIVE };

static void *hostile_allocate(u32 size) {
  static u32 fresh;
  switch (allocator) {
  case ZERO: return 0;
  case NEGATIVE: return (void *)-16;
  case FAR: return (void *)0x7ffffff0;
  case OVERLAP: return &var; // where the host is about to write the address
  case ODD: return arena + 1;
  case SAME: return arena;
  case FRESH: return arena + (fresh = (fresh + size + 16) % (sizeof arena / 2));
  case TRAP: __builtin_trap();
  case LOOP:
    for (;;) sink++;
  case LOG: proxy_log(2, "probe: allocating", 17); return arena;
  case HOSTCALL: proxy_done(); return arena;
  case GROW: return big(size);
  case DIVE: sink = dive(1);
  }
  return arena;
}

__attribute__((target("bulk-memory"))) static void fill(u8 *p, u32 n) { __builtin_memset(p, (int)++sink, n); }

static int memory_command(str c) {
  static const char *const modes[] = {"good", "zero", "negative", "far", "overlap", "odd", "same", "fresh", "trap", "loop", "log", "hostcall", "grow", "dive"};
  if (is(c, "allocator")) {
    for (u32 i = 0; i < sizeof modes / sizeof *modes; i++)
      if (is(arg(1), modes[i])) allocator = i;
  } else if (is(c, "fill")) { // fill BYTES: writes them again and again
    u32 n = argn(1);
    u8 *p = big(n);
    for (;;) fill(p, n);
  } else if (is(c, "hoard")) { // all the memory there is, page by page, and writes to it
    u32 pages = 0;
    for (u8 *p; (p = big(1)); pages++) *p = 1;
    done_num(0, pages);
  } else if (is(c, "busy")) { // busy MS
    u64 from, now;
    proxy_get_current_time_nanoseconds(&from);
    do proxy_get_current_time_nanoseconds(&now);
    while (now - from < (u64)argn(1) * 1000000);
  } else {
    return 0;
  }
  return 1;
}

// --- much of everything ----------------------------------------------------------------------------------

// A name with a number: "k17".
static str numbered(u8 letter, u32 v) {
  static u8 name[16];
  u32 n = sizeof name;
  do name[--n] = (u8)('0' + v % 10);
  while (v /= 10);
  name[--n] = letter;
  return (str){name + n, (u32)sizeof name - n};
}

// manypairs MAP COUNT BYTES: a map of so many headers with values of that size.
static void many_pairs(u32 map, u32 count, u32 bytes) {
  u32 at = 4 + 8 * count;
  u8 *o = big(at + count * (bytes + 16));
  if (!o) return done(998);
  put_u32(o, count);
  for (u32 i = 0; i < count; i++) {
    str k = numbered('h', i);
    put_u32(o + 4 + 8 * i, k.n);
    put_u32(o + 8 + 8 * i, bytes);
    memcpy(o + at, k.p, k.n);
    at += k.n + 1;
    for (u32 j = 0; j < bytes; j++) o[at++] = 'v';
    at++;
  }
  done(proxy_set_header_map_pairs(map, o, at));
}

// Until the host takes no more of it, or COUNT times; shows the last status and how often it was OK.
static int growth_command(str c) {
  u32 count = argn(1), n = argn(2), st = 0, i = 0, id;
  if (is(c, "grab")) { // grab COUNT BYTES [CAS]: shared data with keys of its own
    u8 *p = big(n);
    for (; i < count && !st; i++) {
      str k = numbered('k', i);
      st = proxy_set_shared_data(k.p, k.n, p, p ? n : 0, argn(3));
    }
  } else if (is(c, "hail")) { // hail COUNT BYTES: items for queue $id
    u8 *p = big(n);
    for (; i < count && !st; i++) st = proxy_enqueue_shared_queue(var.id, p, p ? n : 0);
  } else if (is(c, "define")) { // define COUNT: metrics, each of which counts one
    for (; i < count && !st; i++) {
      str k = numbered('m', i);
      st = proxy_define_metric(0, k.p, k.n, &id);
      if (!st) proxy_increment_metric(id, 1);
    }
  } else if (is(c, "biglog")) { // biglog COUNT BYTES
    u8 *p = big(n);
    memset(p, 'L', n);
    for (; i < count && !st; i++) st = proxy_log(2, p, n);
  } else if (is(c, "bighttp")) { // bighttp COUNT BYTES UPSTREAM HEADERS: calls with a body
    str u = arg(3), h = pairs(arg(4));
    u8 *p = big(n);
    for (; i < count && !st; i++) st = proxy_http_call(u.p, u.n, h.p, h.n, p, p ? n : 0, 0, 0, 1000, &var.token);
  } else {
    return 0;
  }
  done_num(st, st ? i - 1 : i);
  return 1;
}

// --- other people's data -----------------------------------------------------------------------------------

static u8 memo[64];

static int spy_command(str c) {
  u8 *p = 0;
  u32 n = 0, ok = 0;
  str k = arg(2);
  if (is(c, "scan")) { // scan COUNT NAME: the header of every context but the own one
    for (u32 id = 0; id < argn(1); id++) {
      if (id == var.ctx || proxy_set_effective_context(id)) continue;
      ok++;
      if (proxy_get_header_map_value(0, k.p, k.n, &p, &n) || !n) continue;
      line_begin("  scanned ");
      put_bytes(p, n);
      line_end();
    }
    proxy_set_effective_context(var.ctx);
    done_num(0, ok);
  } else if (is(c, "remember")) { // remember MAP NAME: in the memory of the instance
    if (!proxy_get_header_map_value(argn(1), k.p, k.n, &p, &n)) memcpy(memo, p, n < sizeof memo ? n : sizeof memo);
  } else if (is(c, "recall")) {
    done_bytes(0, memo, c_len((char *)memo));
  } else {
    return 0;
  }
  return 1;
}

// --- WASI --------------------------------------------------------------------------------------------------

WASI(args_sizes_get)(u32 *count, u32 *size);
WASI(environ_sizes_get)(u32 *count, u32 *size);
WASI(fd_prestat_get)(u32 fd, u32 *out);
WASI(path_open)(u32 fd, u32 flags, const void *path, u32 n, u32 how, u64 rights, u64 inherit, u32 fdflags, u32 *opened);
WASI(sock_accept)(u32 fd, u32 flags, u32 *opened);
WASI(sock_send)(u32 fd, const void *data, u32 n, u32 flags, u32 *sent);
WASI(poll_oneoff)(const void *in, void *out, u32 n, u32 *events);
WASI(random_get)(void *to, u32 n);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit"), noreturn)) void proc_exit(u32 code);

// A subscription of poll_oneoff to a clock that rings in an hour.
static u32 sleep_an_hour(void) {
  static u64 subscription[6], event[4];
  subscription[3] = 3600000000000ull;
  return poll_oneoff(subscription, event, 1, outs);
}

static int wasi_command(str c) {
  if (!is(c, "wasi")) return 0;
  if (is(arg(1), "exit")) proc_exit(argn(2));
  outs[0] = outs[1] = 0;
  if (is(arg(1), "args")) done_num(args_sizes_get(outs, outs + 1), outs[0]);
  else if (is(arg(1), "environ")) done_num(environ_sizes_get(outs, outs + 1), outs[0]);
  else if (is(arg(1), "prestat")) done(fd_prestat_get(3, outs));
  else if (is(arg(1), "open")) done(path_open(argn(3), 0, arg(2).p, arg(2).n, 0, ~0ull, ~0ull, 0, outs));
  else if (is(arg(1), "accept")) done(sock_accept(3, 0, outs));
  else if (is(arg(1), "send")) done(sock_send(3, memo, 1, 0, outs));
  else if (is(arg(1), "sleep")) done(sleep_an_hour());
  else if (is(arg(1), "random")) done(random_get((void *)argn(2), argn(3)));
  return 1;
}

static int attack_command(str c) {
  if (is(c, "manypairs")) {
    many_pairs(argn(1), argn(2), argn(3));
    return 1;
  }
  return memory_command(c) || growth_command(c) || spy_command(c) || wasi_command(c);
}
