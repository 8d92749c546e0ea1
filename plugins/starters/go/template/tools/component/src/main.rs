//! `component bindings WIT WORLD PACKAGE DIR` writes Go bindings of a world; `component build WIT WORLD MODULE
//! COMPONENT` makes a component of what `go build` made. It only calls the libraries behind `wit-bindgen` and
//! `wasm-tools`; Go's system calls, which are WASI preview 1, go through the adapter that is in it.

use std::path::Path;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use wasi_preview1_component_adapter_provider as adapter;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["bindings", wit, world, package, dir] => bindings(wit, world, package, Path::new(dir)),
        ["build", wit, world, module, component] => build(wit, world, module, component),
        _ => bail!("component bindings WIT WORLD PACKAGE DIR | component build WIT WORLD MODULE COMPONENT"),
    }
}

fn world(wit: &str, name: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some(name))?;
    Ok((resolve, world))
}

fn bindings(wit: &str, name: &str, package: &str, dir: &Path) -> Result<()> {
    let (mut resolve, world) = world(wit, name)?;
    let mut files = Files::default();
    let options = wit_bindgen_go::Opts { pkg_name: Some(package.to_owned()), ..Default::default() };
    options.build().generate(&mut resolve, world, &mut files)?;
    for (name, text) in files.iter() {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn build(wit: &str, name: &str, module: &str, component: &str) -> Result<()> {
    let (resolve, world) = world(wit, name)?;
    let mut bytes = fs::read(module).with_context(|| module.to_owned())?;
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false)?;
    let bytes = ComponentEncoder::default()
        .module(&bytes)?
        .adapter(
            adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
            adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        )?
        .validate(true)
        .encode()?;
    if let Some(folder) = Path::new(component).parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(component, bytes).with_context(|| component.to_owned())
}
