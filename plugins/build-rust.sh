#!/usr/bin/env bash
# Builds the Rust plugin in plugins/NAME (NAME may be a path from there), or an example in it, and writes the module to FILE:
#   plugins/build-rust.sh NAME FILE [EXAMPLE]
#
# The ordinary way is tried first (rustup target add wasm32-wasip1), then Debian's compiler with its own copy of the
# standard library's sources. `plugins/build-rust.sh --how` says which way there is; exit status 3 means none.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
debian_rustc=/usr/bin/rustc
linker=wasm-ld-19

how() {
	command -v cargo >/dev/null || { echo "cargo is missing: install Rust from https://rustup.rs" >&2; return 3; }
	if [ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/wasm32-wasip1" ]; then
		echo wasip1
	elif [ -x $debian_rustc ] && [ -d "$(library $debian_rustc)" ] && command -v $linker >/dev/null; then
		echo debian
	else
		echo "no Rust target for WebAssembly: rustup target add wasm32-wasip1 (or, on Debian, apt-get install rustc-web rust-web-src lld-19)" >&2
		return 3
	fi
}

library() { echo "$("$1" --print sysroot)/lib/rustlib/src/rust"; }

# No path of the builder's machine belongs into a module.
remap() {
	echo "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates --remap-path-prefix=$folder=plugins --remap-path-prefix=$(library "$1")=rust"
}

build_wasip1() {
	RUSTFLAGS=$(remap rustc) cargo "${build[@]}" --locked --release --target wasm32-wasip1 "${then[@]}"
	built=wasm32-wasip1
}

build_debian() {
	RUSTC=$debian_rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS=$(remap $debian_rustc) \
		CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker \
		cargo "${build[@]}" --locked --release --target wasm32-unknown-unknown -Zbuild-std=std,panic_abort "${then[@]}"
	built=wasm32-unknown-unknown
}

# wasm-opt (binaryen) takes off another fifth. Without it the module is larger, and does the same.
shrink() {
	if command -v wasm-opt >/dev/null; then
		wasm-opt -Oz --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals \
			--enable-reference-types --enable-multivalue "$1" -o "$2"
	else
		cp "$1" "$2"
	fi
}

way=$(how) || exit
[ "${1:-}" != --how ] || { echo "$way"; exit; }

name=$1 file=$(realpath -m "$2")
build=(build) then=() made=$(basename "${name//-/_}").wasm
if [ $# = 3 ]; then
	# The SDK's examples have no build.rs that says that hostcalls are imports.
	build=(rustc --example "$3") then=(-- -Clink-arg=--allow-undefined) made=examples/$3.wasm
fi
cd "$folder/$name"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$folder/target} # of all plugins, so that the standard library is built once
"build_$way"
mkdir -p "$(dirname "$file")"
shrink "$CARGO_TARGET_DIR/$built/release/$made" "$file"
