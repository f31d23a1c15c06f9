#!/usr/bin/env bash
# Turns a guest in WebAssembly text into a module:  plugins/build-wat.sh FILE.wat FILE.wasm
#
# `plugins/build-wat.sh --how` says which tool there is; exit status 3 means none.
set -euo pipefail

how() {
	command -v wat2wasm || { echo "no assembler for WebAssembly text: on Debian, apt-get install wabt" >&2; return 3; }
}

assembler=$(how) || exit
[ "${1:-}" != --how ] || { echo "$assembler"; exit; }

"$assembler" --enable-tail-call -o "$2" "$1"
