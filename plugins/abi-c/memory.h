// Memory without a C library: room for one callback, and blocks that are kept for longer.
#pragma once
#include "text.h"

enum { PAGE = 65536, CLASSES = 31 };

static void *more_pages(u32 pages) {
  u32 page = (u32)__builtin_wasm_memory_grow(0, pages);
  return page == ~0u ? 0 : (void *)(unsigned long)(page * PAGE);
}

// --- for one callback: what the host returns lives until the next one begins ---

static u8 first_room[PAGE];
static struct {
  u8 *p;
  u32 size, used;
} room = {first_room, PAGE, 0};

static void begin_callback(void) { room.used = 0; }

// Each room is at least twice as large as the one before, so the rooms left behind are never more than the one in use.
EXPORT(proxy_on_memory_allocate) void *proxy_on_memory_allocate(u32 size) {
  u32 at = (room.used + 7) & ~7u;
  if (at > room.size || size > room.size - at) {
    u32 pages = (size > 2 * room.size ? size : 2 * room.size) / PAGE + 1;
    u8 *p = more_pages(pages);
    if (!p) return 0;
    room.p = p, room.size = pages * PAGE, at = 0;
  }
  room.used = at + size;
  return room.p + at;
}

// Text that grows as it is written. What does not fit into memory is left out.
typedef struct {
  str s;
  u32 room;
} text;

static void put(text *t, str s) {
  if (s.n > t->room - t->s.n) {
    u32 room = 2 * (t->s.n + s.n) + 64;
    u8 *p = proxy_on_memory_allocate(room);
    if (!p) return;
    memcpy(p, t->s.p, t->s.n);
    t->s.p = p, t->room = room;
  }
  memcpy(t->s.p + t->s.n, s.p, s.n);
  t->s.n += s.n;
}

static void put_number(text *t, u32 v) {
  u8 digits[10];
  u32 i = sizeof digits;
  do digits[--i] = (u8)('0' + v % 10);
  while (v /= 10);
  put(t, (str){digits + i, sizeof digits - i});
}

// --- for longer: blocks of powers of two, which are used again once they are freed ---

static void *freed[CLASSES];
static u8 *fresh;
static u32 fresh_n;

static u32 class_of(u32 size) {
  u32 class = 4;
  while (class < CLASSES && (1u << class) < size) class++;
  return class;
}

// Returns zeroed memory, or null.
static void *keep(u32 size) {
  u32 class = class_of(size), bytes = 1u << class;
  if (class == CLASSES) return 0;
  void **block = freed[class];
  if (block) {
    freed[class] = *block;
  } else {
    if (fresh_n < bytes) {
      u32 pages = bytes / PAGE + 1;
      u8 *p = more_pages(pages);
      if (!p) return 0;
      fresh = p, fresh_n = pages * PAGE;
    }
    block = (void **)fresh;
    fresh += bytes, fresh_n -= bytes;
  }
  memset(block, 0, size);
  return block;
}

static void let_go(void *p, u32 size) {
  if (!p) return;
  u32 class = class_of(size);
  *(void **)p = freed[class];
  freed[class] = p;
}
