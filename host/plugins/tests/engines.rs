//! The template engines behind the interface: what comes back of a rendering, and how one ends that takes
//! too much.
//!
//! With the real components. They are built by `cargo xtask test`; without them these tests say so loudly,
//! and fail where that is asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::provider::Fault;
use claviger_core::secret::SecretBytes;
use claviger_plugins::{Grants, Plugin, RenderError, RenderOptions, RenderedTexts};

use support::{component, host};

async fn engine(name: &str) -> Option<Arc<Plugin>> {
    Some(host().load(name, component(name)?, Grants::template_engine()).await.unwrap())
}

async fn render(engine: &Plugin, templates: &[(&str, &str)]) -> Result<RenderedTexts, RenderError> {
    let templates: Vec<_> =
        templates.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let data = BTreeMap::from([("user".to_owned(), Arc::new(SecretBytes::copied_from(b"admin")))]);
    let options = RenderOptions {
        strict: true,
        left: "{{".to_owned(),
        right: "}}".to_owned(),
        now_ms: 1_709_211_845_678,
        seed: [7; 32],
    };
    engine.render(&templates, &data, &options).await
}

#[tokio::test]
async fn one_text_that_varies_makes_the_rendering_vary() {
    let engines = [
        ("template-go", "{{ .user }}", "{{ now | unixEpoch }}"),
        ("template-jinja", "{{ user }}", "{{ now() }}"),
    ];
    for (name, plain, clock) in engines {
        let Some(engine) = engine(name).await else { return };
        let plain = ("data.user", plain);
        let steady = render(&engine, &[plain, plain]).await.ok().unwrap();
        assert!(!steady.varies, "{name}");
        let mixed = render(&engine, &[plain, ("data.at", clock), plain]).await.ok().unwrap();
        assert!(mixed.varies, "{name}");
        let texts: Vec<_> = mixed.texts.iter().map(|text| text.expose().to_vec()).collect();
        assert_eq!(texts, [b"admin".to_vec(), b"1709211845".to_vec(), b"admin".to_vec()], "{name}");
    }
}

/// What computes without end meets a limit, and the error says which template, or which limit of which plugin.
#[tokio::test]
async fn bombs_meet_a_limit() {
    let Some(engine) = engine("template-go").await else { return };
    for bomb in [
        "{{ repeat 1000000000 \"x\" }}",
        "{{ until 1000000000 }}",
        "{{ untilStep 0 1000000000 1 }}",
        "{{ seq 1000000000 }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ range until 2000 }}{{ range until 2000 }}{{ end }}{{ end }}",
    ] {
        match render(&engine, &[("data.fine", "x"), ("data.bomb", bomb)]).await {
            Err(RenderError::Template { template, .. }) => assert_eq!(template, "data.bomb", "{bomb}"),
            Err(RenderError::Fault(fault)) => panic!("{bomb}: {fault}"),
            Ok(_) => panic!("{bomb}: it was rendered"),
        }
    }
    let keys = "{{ range until 1000 }}{{ genPrivateKey \"rsa\" }}{{ end }}";
    match render(&engine, &[("data.keys", keys)]).await {
        Err(RenderError::Fault(Fault::CpuLimit { .. })) => {}
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("a thousand keys were made"),
    }
}
