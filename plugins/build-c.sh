#!/usr/bin/env bash
# Builds the C plugin in plugins/NAME and writes the module to FILE:  plugins/build-c.sh NAME FILE
#
# No C library is needed: the plugins are freestanding. `plugins/build-c.sh --how` says which compiler there is; exit
# status 3 means none.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)

how() {
	# The version that the committed modules were built with comes first; another one makes other bytes that do the same.
	for version in -19 ""; do
		if command -v "clang$version" >/dev/null && command -v "wasm-ld$version" >/dev/null; then
			echo "clang$version"
			return
		fi
	done
	echo "no C compiler for WebAssembly: on Debian, apt-get install clang-19 lld-19" >&2
	return 3
}

compiler=$(how) || exit
[ "${1:-}" != --how ] || { echo "$compiler"; exit; }

name=$1 file=$(realpath -m "$2")
mkdir -p "$(dirname "$file")"
cd "$folder/$name"
# The probe recurses without end on purpose, and not every plugin needs all that the headers have.
"$compiler" --target=wasm32 -std=c17 -Os -ffreestanding -nostdlib -Wall -Wextra -Werror -Wno-infinite-recursion -Wno-unused-function \
	-Wl,--no-entry -Wl,--strip-all -o "$file" ./*.c
