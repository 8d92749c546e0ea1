//! WIT packages in their binary form, which travel as components do: what one defines.
//!
//! Such a component has no code. For each interface and each world of the package it defines a type, and that type
//! exports the one thing under its full name.

use wasmparser::{ComponentExternalKind, ComponentType, ComponentTypeDeclaration, Parser, Payload};

/// The interfaces and worlds that a WIT package defines (`claviger:plugin/types@1.0.0`), sorted; none if these bytes are
/// no WIT package.
pub fn wit_exports(bytes: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ComponentTypeSection(types) => {
                for defined in types {
                    let ComponentType::Component(declarations) = defined.ok()? else { return None };
                    names.extend(declarations.iter().filter_map(|declaration| match declaration {
                        ComponentTypeDeclaration::Export { name, .. } => Some(name.name.to_owned()),
                        _ => None,
                    }));
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    if export.ok()?.kind != ComponentExternalKind::Type {
                        return None;
                    }
                }
            }
            Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_) => {}
            // Code, instances, imports: no package.
            _ => return None,
        }
    }
    names.sort();
    names.dedup();
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is one is tested end to end, with the interface itself.
    #[test]
    fn components_modules_and_rubbish_are_no_packages() {
        for bytes in
            [&b"\0asm\x0d\0\x01\0"[..], b"\0asm\x01\0\0\0", b"", b"hello", b"\0asm\x0d\0\x01\0\x07\xff"]
        {
            assert_eq!(wit_exports(bytes), None, "{bytes:?}");
        }
    }
}
