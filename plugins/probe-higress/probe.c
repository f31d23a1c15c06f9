// The probe with what only Higress offers: it cannot be loaded by other hosts. See README.md.
#define HIGRESS 1
#include "../probe/probe.c"
