// The configuration: a rule a line, in the order in which they are applied.
#pragma once
#include "../abi-c/contexts.h"

typedef enum { SET, ADD, REMOVE, RENAME, PATH_PREFIX } action;

typedef struct {
  u32 map;
  action action;
  str name, value;
} rule;

typedef struct {
  u32 n;
  rule rule[];
} rules;

static int is_token(u8 c) {
  const char *others = "!#$%&'*+-.^_`|~";
  if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z')) return 1;
  while (*others)
    if ((u8)*others++ == c) return 1;
  return 0;
}

// Header names are lower case: the rule's own text is made so.
static int take_name(str *line, str *name) {
  *name = take_word(line);
  u32 pseudo = name->n && name->p[0] == ':';
  for (u32 i = 0; i < name->n; i++) {
    if (i >= pseudo && !is_token(name->p[i])) return 0;
    name->p[i] = lower(name->p[i]);
  }
  return name->n > pseudo;
}

static int is_value(str value) {
  for (u32 i = 0; i < value.n; i++)
    if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 127) return 0;
  return 1;
}

static int is_pseudo(str name) { return name.p[0] == ':'; }

// Reads the arguments of one action into the rule. Returns what is wrong with them, or null.
static const char *read_arguments(str word, str line, rule *r) {
  if (is(word, "path-prefix")) {
    r->action = PATH_PREFIX;
    r->name = take_word(&line);
    r->value = take_word(&line);
    if (r->map != REQUEST_HEADERS) return "a response has no path";
    if (!r->name.n || r->name.p[0] != '/' || !r->value.n || r->value.p[0] != '/' || line.n)
      return "write path-prefix OLD NEW, both with a leading slash";
    return 0;
  }
  r->action = is(word, "set") ? SET : is(word, "add") ? ADD : is(word, "remove") ? REMOVE : RENAME;
  if (r->action == RENAME && !is(word, "rename")) return "the action is not known: write set, add, remove, rename or path-prefix";
  if (!take_name(&line, &r->name)) return "a header name has letters, digits and dashes";
  if (r->action != SET && is_pseudo(r->name)) return "a pseudo header can only be set";
  if (r->action == REMOVE && line.n) return "remove takes one name";
  if (r->action == RENAME && (!take_name(&line, &r->value) || line.n || is_pseudo(r->value))) return "write rename OLD NEW";
  if (r->action == SET || r->action == ADD) r->value = line;
  if (!is_value(r->value)) return "a header value has no control characters";
  return 0;
}

static const char *read_rule(str line, rule *r) {
  str side = take_word(&line);
  if (is(side, "request")) r->map = REQUEST_HEADERS;
  else if (is(side, "response")) r->map = RESPONSE_HEADERS;
  else return "a line begins with request or response";
  str word = take_word(&line);
  return read_arguments(word, line, r);
}

static u32 lines_of(str config) {
  u32 n = 1;
  for (u32 i = 0; i < config.n; i++) n += config.p[i] == '\n';
  return n;
}

// Reads the configuration of a root context. Returns 0, and says why, when it is wrong.
static u32 read_rules(context *root) {
  str config = root->config;
  rules *to = new_state(root, sizeof *to + lines_of(config) * sizeof(rule));
  if (!to) return 0;
  for (u32 number = 1; config.n; number++) {
    str line = trim(take_until(&config, '\n'));
    if (!line.n || line.p[0] == '#') continue;
    const char *wrong = read_rule(line, &to->rule[to->n++]);
    if (wrong) return refuse("header-rewrite", number, line, wrong);
  }
  return 1;
}
