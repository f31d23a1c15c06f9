// The configuration, and what becomes of a byte. Each rule turns a byte into a byte and remembers no more than where it
// is: so nothing of a body is ever kept back, wherever its chunks end, and its length stays the same.
#pragma once
#include "../abi-c/contexts.h"

typedef enum { UPPER, LOWER, MASK } action;

enum { MOST_RULES = 8, LONGEST = 64 };

typedef struct {
  action action;
  str word;          // MASK: what stands before the secret
  u8 again[LONGEST]; // and how much of the word is still matched when its next byte does not come
} rule;

typedef struct {
  u32 n[2]; // rules of the request's body, and of the response's
  rule rule[2][MOST_RULES];
} rules;

// Where a body is, for each of its rules.
typedef struct {
  struct {
    u8 matched, masking;
  } at[2][MOST_RULES];
} progress;

// Knuth, Morris and Pratt: after a mismatch the search goes on with the longest end that is also a beginning.
static void prepare(rule *r) {
  u8 k = 0;
  for (u32 i = 1; i < r->word.n; i++) {
    while (k && r->word.p[i] != r->word.p[k]) k = r->again[k - 1];
    if (r->word.p[i] == r->word.p[k]) k++;
    r->again[i] = k;
  }
}

static u8 step(rule *r, u8 matched, u8 c) {
  while (matched && c != r->word.p[matched]) matched = r->again[matched - 1];
  return matched + (c == r->word.p[matched]);
}

// What ends a secret: the end of a word, a string, a form field or a tag.
static int ends_secret(u8 c) { return c <= ' ' || c == '"' || c == '\'' || c == '&' || c == ',' || c == ';' || c == '<'; }

static void mask(rule *r, u8 *matched, u8 *masking, str chunk) {
  for (u32 i = 0; i < chunk.n; i++) {
    u8 c = chunk.p[i];
    if (*masking) {
      *masking = !ends_secret(c);
      if (*masking) chunk.p[i] = '*';
      continue;
    }
    *matched = step(r, *matched, c);
    if (*matched == r->word.n) *matched = 0, *masking = 1;
  }
}

static void apply(rules *all, progress *now, u32 side, str chunk) {
  for (u32 k = 0; k < all->n[side]; k++) {
    rule *r = &all->rule[side][k];
    if (r->action == MASK) mask(r, &now->at[side][k].matched, &now->at[side][k].masking, chunk);
    for (u32 i = 0; i < chunk.n && r->action != MASK; i++)
      chunk.p[i] = r->action == UPPER ? upper(chunk.p[i]) : lower(chunk.p[i]);
  }
}

static const char *read_rule(str line, rules *to) {
  str word = take_word(&line);
  u32 side = is(word, "response");
  if (!side && !is(word, "request")) return "a line begins with request or response";
  if (to->n[side] == MOST_RULES) return "there are eight rules already";
  rule *r = &to->rule[side][to->n[side]++];
  word = take_word(&line);
  if (is(word, "mask")) {
    r->action = MASK, r->word = line;
    if (!line.n || line.n > LONGEST) return "mask is followed by what stands before the secret, at most 64 bytes";
    prepare(r);
    return 0;
  }
  r->action = is(word, "upper") ? UPPER : LOWER;
  if (r->action == LOWER && !is(word, "lower")) return "the action is not known: write upper, lower or mask";
  return line.n ? "upper and lower stand alone" : 0;
}

// Reads the configuration of a root context. Returns 0, and says why, when it is wrong.
static u32 read_rules(context *root) {
  str config = root->config;
  rules *to = new_state(root, sizeof *to);
  if (!to) return 0;
  for (u32 number = 1; config.n; number++) {
    str line = trim(take_until(&config, '\n'));
    if (!line.n || line.p[0] == '#') continue;
    const char *wrong = read_rule(line, to);
    if (wrong) return refuse("stream-body", number, line, wrong);
  }
  return 1;
}
