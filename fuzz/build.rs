//! Leaves the debug information out of the programs: cargo-fuzz asks for it, it is nine tenths of each, and a panic says
//! its place without.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-debug");
    }
}
