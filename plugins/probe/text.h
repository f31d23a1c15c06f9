// Words in, log lines out: the little text work that the probe needs without a C library.
#pragma once
#include "../abi-c/text.h"

// One log line under construction.
static u8 line[4096];
static u32 line_n;

static void put(u8 c) {
  if (line_n < sizeof line) line[line_n++] = c;
}

static void puts_(const char *s) {
  while (*s) put((u8)*s++);
}

static void put_num(i64 v) {
  u8 d[24];
  u32 n = 0;
  u64 u = v < 0 ? (u64)-v : (u64)v;
  if (v < 0) put('-');
  do d[n++] = (u8)('0' + u % 10);
  while (u /= 10);
  while (n) put(d[--n]);
}

static void put_hex(u8 c) {
  const char *h = "0123456789abcdef";
  put('\\');
  put('x');
  put((u8)h[c >> 4]);
  put((u8)h[c & 15]);
}

// Bytes in quotes; what is not plain ASCII as \xHH, cut at 512 bytes.
static void put_bytes(const u8 *p, u32 n) {
  u32 max = n > 512 ? 512 : n;
  put('"');
  for (u32 i = 0; i < max; i++) {
    if (p[i] < 32 || p[i] > 126 || p[i] == '"' || p[i] == '\\')
      put_hex(p[i]);
    else
      put(p[i]);
  }
  put('"');
  if (max < n) puts_("+");
}

static void line_begin(const char *s) {
  line_n = 0;
  puts_("probe: ");
  puts_(s);
}

static u32 quiet; // keeps lines back that would fill the log

static void line_end(void) {
  if (!quiet) proxy_log(2, line, line_n);
}

static int hex_of(u8 c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 0;
}

static i64 num(str s) {
  i64 v = 0;
  u32 i = 0;
  int neg = 0;
  if (s.n && s.p[0] == '-') neg = 1, i = 1;
  if (s.n > i + 2 && s.p[i] == '0' && s.p[i + 1] == 'x') {
    for (i += 2; i < s.n; i++) v = v * 16 + hex_of(s.p[i]);
    return neg ? -v : v;
  }
  for (; i < s.n; i++) v = v * 10 + (s.p[i] - '0');
  return neg ? -v : v;
}
