//! `crds/generated/` holds what the types say. `UPDATE_GENERATED=1 cargo test -p claviger-crds` writes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn generated_files_are_up_to_date() {
    // At run time: a program that another clone compiled must look into this one.
    let dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let dir = Path::new(&dir).join("generated");
    let want: BTreeMap<_, _> = claviger_crds::generate::all().into_iter().collect();
    if std::env::var_os("UPDATE_GENERATED").is_some_and(|v| v == "1") {
        for (name, yaml) in &want {
            fs::write(dir.join(name), yaml).unwrap();
        }
    }
    let have: BTreeMap<_, _> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    assert_eq!(
        have.keys().collect::<Vec<_>>(),
        want.keys().collect::<Vec<_>>(),
        "files in {}",
        dir.display()
    );
    for (name, yaml) in &want {
        assert!(
            have[name] == *yaml,
            "{name} differs from what the types say: UPDATE_GENERATED=1 cargo test -p claviger-crds"
        );
    }
}

#[test]
fn versions_are_as_promised() {
    for crd in claviger_crds::generate::definitions() {
        let versions: Vec<_> = crd
            .spec
            .versions
            .iter()
            .map(|v| (v.name.as_str(), v.served, v.storage, v.deprecated.unwrap_or_default()))
            .collect();
        let schemas: Vec<_> = crd.spec.versions.iter().map(|v| &v.schema).collect();
        // PushSecrets are alpha with ESO too.
        match crd.spec.group.as_str() {
            "external-secrets.io" if !crd.spec.names.kind.ends_with("PushSecret") => {
                assert_eq!(versions, [("v1", true, true, false), ("v1beta1", true, false, true)]);
                assert_eq!(schemas[0], schemas[1], "one schema, or conversion None would prune");
                assert!(crd.spec.versions[1].deprecation_warning.is_some());
                assert_eq!(
                    crd.spec.versions[0].selectable_fields, crd.spec.versions[1].selectable_fields,
                    "the API server wants the same selectable fields to work in every version"
                );
            }
            _ => assert_eq!(versions, [("v1alpha1", true, true, false)]),
        }
        assert_eq!(crd.spec.conversion.unwrap().strategy, "None");
        assert!(
            crd.spec.versions.iter().all(|v| {
                v.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some())
            })
        );
    }
}
