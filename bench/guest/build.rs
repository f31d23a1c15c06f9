//! Hostcalls are imports. The SDK does not say so in its sources, and since Rust 1.96 the linker has to be told.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        println!("cargo:rustc-link-arg-cdylib=--allow-undefined");
    }
}
