//! What is in the image, layer by layer: paths, modes, contents. Everything belongs to root, and nobody may write but
//! to `/tmp`; the program runs as user 65532.
//!
//! The libraries are those that the program is linked to on the machine that built it, with their licences; the
//! authorities are Mozilla's, as a crate has them, and not those of that machine, which may have some of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::workspace_root;

use crate::archive::{Content, Files};

/// User and group of the program: what distroless images call nonroot.
pub(super) const USER: u32 = 65532;

/// Where the program is.
pub(super) const PROGRAM: &str = "claviger/bin/claviger";

/// One layer: what it is for, and its files by path, without a slash before it.
pub(super) struct Layer {
    pub(super) what: &'static str,
    pub(super) files: Files,
}

/// From what seldom changes to what always does, so that a pull fetches little.
pub(super) fn layers(binary: &Path, plugins: &Path, licences: String) -> Result<[Layer; 3]> {
    let system = Layer { what: "libraries, authorities, users", files: system(binary)? };
    let mut files = folders("claviger/plugins/compiled");
    for (folder, below) in [(plugins.to_owned(), ""), (plugins.join("compiled"), "compiled/")] {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if let (true, Some(name)) = (path.is_file(), path.file_name().and_then(|name| name.to_str())) {
                files.insert(format!("claviger/plugins/{below}{name}"), Content::File(path.clone(), 0o644));
            }
        }
    }
    let plugins = Layer { what: "plugins, and what was compiled of them", files };
    let mut files = folders("claviger/bin");
    files.insert(PROGRAM.to_owned(), Content::File(binary.to_owned(), 0o755));
    files.insert("claviger/LICENSE".to_owned(), Content::File(workspace_root().join("LICENSE"), 0o644));
    files.insert("claviger/THIRD-PARTY-LICENSES.txt".to_owned(), Content::Text(licences));
    Ok([system, plugins, Layer { what: "claviger", files }])
}

fn system(binary: &Path) -> Result<Files> {
    let mut files = Files::new();
    for folder in ["etc/ssl/certs", "proc", "sys", "dev"] {
        files.extend(folders(folder));
    }
    files.insert("tmp".to_owned(), Content::Folder(0o1777));
    let mut text = |path: &str, text: String| files.insert(path.to_owned(), Content::Text(text));
    text(
        "etc/passwd",
        format!("root:x:0:0:root:/:/nonexistent\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/nonexistent\n"),
    );
    text("etc/group", format!("root:x:0:\nnonroot:x:{USER}:\n"));
    // /etc/hosts before DNS, as on every machine.
    text("etc/nsswitch.conf", "hosts: files dns\n".to_owned());
    text("etc/ssl/certs/ca-certificates.crt", authorities());
    for library in libraries(binary)? {
        let at = library.strip_prefix("/").unwrap_or(&library).display().to_string();
        if let Some((folder, _)) = at.rsplit_once('/') {
            files.extend(folders(folder));
        }
        let real = fs::canonicalize(&library).with_context(|| library.display().to_string())?;
        files.insert(at, Content::File(real, 0o755));
    }
    for package in ["libc6", "libgcc-s1"] {
        let copyright = PathBuf::from("/usr/share/doc").join(package).join("copyright");
        // Debian keeps the licence there; gcc's is a link into the package of its base.
        if let Ok(real) = fs::canonicalize(&copyright) {
            files.extend(folders(&format!("usr/share/doc/{package}")));
            files.insert(format!("usr/share/doc/{package}/copyright"), Content::File(real, 0o644));
        }
    }
    Ok(files)
}

/// A folder and those that it lies in.
fn folders(path: &str) -> Files {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| (path[..end].to_owned(), Content::Folder(0o755))).collect()
}

/// Mozilla's authorities, as PEM.
fn authorities() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let encoded = STANDARD.encode(certificate);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// The libraries that a program is linked to, and its loader, as `ldd` names them.
fn libraries(binary: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(binary).output().context("ldd cannot be run")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("ldd {}: {}", binary.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    named(&text)
}

/// Lines of `ldd`: `NAME => /PATH (0x…)`, `/PATH (0x…)`, and one without a path that is the kernel's.
fn named(text: &str) -> Result<Vec<PathBuf>> {
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        bail!("a library is missing: {}", line.trim());
    }
    let path = |line: &str| {
        let words = line.split("=>").last()?.trim();
        let path = words.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    Ok(text.lines().filter_map(path).collect())
}

/// Writes all layers into a folder.
pub(super) fn unpack(layers: &[Layer], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (path, content) in layers.iter().flat_map(|layer| &layer.files) {
        let to = folder.join(path);
        let failed = || to.display().to_string();
        let mode = match content {
            Content::Folder(mode) => {
                fs::create_dir_all(&to).with_context(failed)?;
                *mode
            }
            Content::Text(text) => {
                fs::write(&to, text).with_context(failed)?;
                0o644
            }
            Content::File(from, mode) => {
                fs::copy(from, &to).with_context(failed)?;
                *mode
            }
        };
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).with_context(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_ldd_says_is_read() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let paths = named(text).unwrap();
        let wanted = [
            "/lib/x86_64-linux-gnu/libgcc_s.so.1",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(paths, wanted.map(PathBuf::from));
        assert!(named("\tlibx.so => not found\n").is_err_and(|error| error.to_string().contains("libx")));
    }

    #[test]
    fn a_folder_comes_with_those_above_it() {
        let paths: Vec<String> = folders("etc/ssl/certs").into_keys().collect();
        assert_eq!(paths, ["etc", "etc/ssl", "etc/ssl/certs"]);
    }
}
