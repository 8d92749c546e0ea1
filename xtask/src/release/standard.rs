//! What comes with a compiler and is linked into all that it makes: Rust's standard library, and into components the C
//! library below that.
//!
//! Neither is in a lock file. Whoever builds the guests may be another compiler than whoever builds the program
//! (`toolchain.rs`), so each is asked by itself. The packages that the standard library is made of are not told apart.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::toolchain;

/// A compiler, and what it brings.
#[derive(Clone, Debug)]
pub(crate) struct Standard {
    /// What it says of itself: `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(crate) compiler: String,
    /// From the library itself to what is below it.
    pub(crate) parts: Vec<Part>,
}

/// A library that comes with a compiler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Unless nothing tells it.
    pub(crate) version: Option<String>,
    pub(crate) description: &'static str,
    /// Terms of its licence, as SPDX spells them.
    pub(crate) license: &'static str,
    /// What has to be passed on with it.
    pub(crate) text: &'static str,
}

impl Standard {
    /// That of the compiler in such an environment, for a target.
    ///
    /// # Errors
    /// If the compiler says nothing of itself.
    pub(crate) fn of(environment: &[(String, String)], target: &str) -> Result<Self> {
        let compiler = toolchain::ask(environment, &["--version"])?;
        let mut parts = vec![rust(&compiler)?];
        if target == toolchain::TARGET {
            let sysroot = toolchain::ask(environment, &["--print", "sysroot"])?;
            let library =
                Path::new(&sysroot).join("lib/rustlib").join(target).join("lib/self-contained/libc.a");
            // A distribution may have it elsewhere; then nothing tells which one it is.
            parts.push(wasi(std::fs::read(library).ok().and_then(|bytes| sdk(&bytes))));
        }
        Ok(Self { compiler, parts })
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.name),
            None => f.write_str(self.name),
        }
    }
}

fn rust(compiler: &str) -> Result<Part> {
    let version = compiler.split_whitespace().nth(1);
    Ok(Part {
        name: "rust-std",
        version: Some(version.with_context(|| format!("{compiler:?} names no version"))?.to_owned()),
        description: "The standard library of Rust, with the packages that it is built of",
        license: "(MIT OR Apache-2.0) AND Unicode-3.0",
        text: include_str!("../../licences/rust-std.txt"),
    })
}

fn wasi(version: Option<String>) -> Part {
    Part {
        name: "wasi-libc",
        version,
        description: "The C library below the standard library of Rust in WebAssembly, as the compiler brings it",
        license: "(Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT) AND MIT AND BSD-2-Clause AND CC0-1.0",
        text: include_str!("../../licences/wasi-libc.txt"),
    }
}

/// The release of wasi-sdk that a C library was built for, where the names of its sources say so.
fn sdk(library: &[u8]) -> Option<String> {
    const SOURCES: &[u8] = b"wasisdk://v";
    let at = library.windows(SOURCES.len()).position(|window| window == SOURCES)?;
    let rest = library.get(at + SOURCES.len()..)?.iter().map(|byte| char::from(*byte));
    let version: String = rest.take_while(|c| c.is_ascii_digit() || *c == '.').take(16).collect();
    (!version.is_empty()).then(|| format!("wasi-sdk-{version}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_version_is_the_compilers() {
        // As rustup's and Debian's say it.
        for compiler in [
            "rustc 1.95.0 (59807616e 2026-04-14)",
            "rustc 1.95.0 (59807616e 2026-04-14) (built from a source tarball)",
        ] {
            assert_eq!(rust(compiler).unwrap().to_string(), "rust-std 1.95.0");
        }
        assert!(rust("rustc").is_err());
    }

    #[test]
    fn components_have_a_c_library_and_programs_have_not() {
        let names = |target: &str| {
            let parts = Standard::of(&[], target).unwrap().parts;
            parts.into_iter().map(|part| part.name).collect::<Vec<_>>()
        };
        assert_eq!(names(toolchain::TARGET), ["rust-std", "wasi-libc"]);
        assert_eq!(names("x86_64-unknown-linux-gnu"), ["rust-std"]);
    }

    #[test]
    fn the_release_of_a_c_library_is_read_from_its_symbols() {
        let symbols = b"\0clang\0wasisdk://v30.0/build/sysroot/wasi-libc-wasm32-wasip2-build\0";
        assert_eq!(sdk(symbols).as_deref(), Some("wasi-sdk-30.0"));
        assert_eq!(wasi(sdk(symbols)).to_string(), "wasi-libc wasi-sdk-30.0");
        for none in [&b"\0/build/wasi-libc/src\0"[..], b"wasisdk://v", b"wasisdk://vx", b""] {
            assert_eq!(sdk(none), None);
        }
        assert_eq!(wasi(None).to_string(), "wasi-libc");
    }

    #[test]
    fn whom_the_texts_name_stands_in_them() {
        assert!(wasi(None).text.contains("Copyright © 2005-2020 Rich Felker, et al.\n"));
        assert!(wasi(None).text.contains("Copyright (c) 2015-2016 Nuxi, https://nuxi.nl/\n"));
        assert!(rust("rustc 1").unwrap().text.contains("Copyright © 1991-2024 Unicode, Inc.\n"));
    }
}
