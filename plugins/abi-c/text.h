// Pieces of text, without a C library.
#pragma once
#include "proxywasm.h"

typedef struct {
  u8 *p;
  u32 n;
} str;

#define STR(literal) ((str){(u8 *)(literal), sizeof(literal) - 1})

// clang lowers copies and comparisons to these.
void *memcpy(void *d, const void *s, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) ((u8 *)d)[i] = ((const u8 *)s)[i];
  return d;
}

void *memset(void *d, int c, unsigned long n) {
  for (unsigned long i = 0; i < n; i++) ((u8 *)d)[i] = (u8)c;
  return d;
}

static u32 c_len(const char *s) {
  u32 n = 0;
  while (s[n]) n++;
  return n;
}

static int is(str a, const char *b) {
  u32 n = c_len(b);
  if (a.n != n) return 0;
  for (u32 i = 0; i < n; i++)
    if (a.p[i] != (u8)b[i]) return 0;
  return 1;
}

static int starts(str a, str with) {
  if (a.n < with.n) return 0;
  for (u32 i = 0; i < with.n; i++)
    if (a.p[i] != with.p[i]) return 0;
  return 1;
}

static int same(str a, str b) { return a.n == b.n && starts(a, b); }

static str skip(str s, u32 n) { return n < s.n ? (str){s.p + n, s.n - n} : (str){s.p + s.n, 0}; }

static str trim(str s) {
  while (s.n && s.p[0] <= ' ') s = skip(s, 1);
  while (s.n && s.p[s.n - 1] <= ' ') s.n--;
  return s;
}

// Takes what stands before the next `end` off the text, and the `end` with it.
static str take_until(str *text, u8 end) {
  str s = {text->p, 0};
  while (s.n < text->n && s.p[s.n] != end) s.n++;
  *text = skip(*text, s.n + 1);
  return s;
}

// Takes the next word, and the spaces behind it.
static str take_word(str *text) {
  str word = take_until(text, ' ');
  *text = trim(*text);
  return word;
}

static u8 lower(u8 c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
static u8 upper(u8 c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }
