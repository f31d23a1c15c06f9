// The probe with commands that no plugin should have. See README.md.
#define HOSTILE 1
#include "../probe/probe.c"
