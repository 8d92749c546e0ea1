//! Projects of authors: their names, and where they lie once they are built. Who builds them is xtask, and who tests them
//! the end-to-end tests; this is what both have to agree on.

/// Names the folder of the built projects.
pub const AUTHORS_VAR: &str = "CLAVIGER_TEST_AUTHORS";

/// The projects of a language: what each is, and its name. The first one's is that of docs/plugins/author.md.
pub fn author_projects(lang: &str) -> [(&'static str, String); 2] {
    let name = if lang == "rust" { "acme".to_owned() } else { format!("acme-{lang}") };
    [("provider", name.clone()), ("template", format!("{name}-template"))]
}
