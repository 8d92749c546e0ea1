//! What the plugins that come with the binary may, where their `Plugin` object says nothing else: their
//! clouds' own hosts, by name. Nothing of the operator's surroundings is among it.

use serde_json::json;

use crate::grants::Grants;

/// Domains of AWS's partitions: commercial and GovCloud, China, the isolated ones, Europe's sovereign cloud.
const AWS_DOMAINS: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "amazonaws.eu",
];

/// STS for the `iam` login of a Vault store; where it names no region, ESO's default.
const VAULT_STS: &str = "https://sts.us-east-1.amazonaws.com";

/// Where Microsoft Entra gives tokens: public, US Government, China (of old, and as its documentation has it today),
/// Germany (closed, and still in ESO's list).
const ENTRA: [&str; 5] = [
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.chinacloudapi.cn",
    "https://login.partner.microsoftonline.cn",
    "https://login.microsoftonline.de",
];

/// The container registry that an ACRAccessToken names.
const ACR: &str = "https://{host:/registry}";

/// What Entra wants a token of another issuer to be for: public, US Government, China, Germany.
const ENTRA_EXCHANGE: [&str; 4] = [
    "api://AzureADTokenExchange",
    "api://AzureADTokenExchangeUSGov",
    "api://AzureADTokenExchangeChina",
    "api://AzureADTokenExchangeGermany",
];

/// Where OpenBao's key-value engine is mounted, for ESO's provider `openBao`, which has a default where `vault` has none.
const OPENBAO_MOUNT: &str = "kv";

const SECRET_MANAGER: &str = "https://secretmanager.googleapis.com";
const SECRET_MANAGER_REGIONAL: &str = "https://secretmanager.{google-location:/location}.rep.googleapis.com";

/// What a service account's key may name as `token_uri`: today's, and two that older keys have.
const GOOGLE_TOKEN: [&str; 3] =
    ["https://oauth2.googleapis.com", "https://accounts.google.com", "https://www.googleapis.com"];

/// Where Google changes a token of a GKE cluster into its own, and one into that of a service account.
const GOOGLE_WORKLOAD: [&str; 2] =
    ["https://securetoken.googleapis.com", "https://iamcredentials.googleapis.com"];

/// Where it changes tokens of others that a project trusts (federation).
const GOOGLE_STS: &str = "https://sts.googleapis.com";

/// The API server that a store names by its host, or, by naming none, the one that it runs at. Its address is refused
/// without a grant whatever it is called.
const KUBERNETES: [&str; 2] = ["https://kubernetes.default", "https://{host:/server/url}"];

/// A service of AWS in the region that stands at `region` in the store, in any partition.
fn aws_origins(service: &str, region: &str) -> impl Iterator<Item = String> {
    AWS_DOMAINS.iter().map(move |domain| format!("https://{service}.{{aws-region:{region}}}.{domain}"))
}

/// The pools of the projects that a store names at these places, and of the project that it runs in: what
/// GKE's workload identity wants a ServiceAccount's token to be for.
fn google_pools(places: &[&str]) -> Vec<String> {
    let sources = places.iter().copied().chain(["gcpMetadata project-id"]);
    sources.map(|source| format!("{{google-project:{source}}}.svc.id.goog")).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The default grants of a plugin that comes with the binary, by its name in manifests.
pub fn builtin_grants(name: &str) -> Grants {
    let base = Grants { built_in: true, ..Grants::default() };
    match name {
        "vault" => Grants {
            // Vault's `iam` login is a signed request to STS, whose credentials may have to come from there;
            // its `gcp` login a JWT that Google signs for a GKE workload.
            store_origins: aws_origins("sts", "/auth/iam/region")
                .chain([VAULT_STS.to_owned()])
                .chain(owned(&GOOGLE_WORKLOAD))
                .collect(),
            // ESO asks for audience `vault` where the manifest names none. Vault's Kubernetes login verifies
            // the token with the API server, so it may need the API server's own audience.
            audiences: owned(&["vault", "sts.amazonaws.com"]),
            store_audiences: google_pools(&[
                "/auth/gcp/workloadIdentity/clusterProjectID",
                "/auth/gcp/projectID",
            ]),
            api_server_audience: true,
            ..base
        },
        // Data, parameters, logins, what tells of changes: in the region that the store names.
        "aws" => Grants {
            store_origins: ["secretsmanager", "ssm", "sts", "api.ecr", "api.ecr-public", "sqs"]
                .into_iter()
                .flat_map(|service| aws_origins(service, "/region"))
                .collect(),
            // EKS's webhook and ESO ask for this one unless an annotation names another.
            audiences: owned(&["sts.amazonaws.com"]),
            ..base
        },
        // The vault is the store's own URL.
        // A registry is named by its host.
        "azurekv" => Grants {
            store_origins: owned(&ENTRA).into_iter().chain([ACR.to_owned()]).collect(),
            audiences: owned(&ENTRA_EXCHANGE),
            ..base
        },
        "gcpsm" => Grants {
            store_origins: [SECRET_MANAGER, SECRET_MANAGER_REGIONAL, GOOGLE_STS]
                .iter()
                .chain(&GOOGLE_TOKEN)
                .chain(&GOOGLE_WORKLOAD)
                .map(|origin| (*origin).to_owned())
                .collect(),
            store_audiences: google_pools(&[
                "/auth/workloadIdentity/clusterProjectID",
                "/projectID",
                "/projectId",
            ])
            .into_iter()
            .chain(["{text:/auth/workloadIdentityFederation/audience}".to_owned()])
            .collect(),
            ..base
        },
        // A host without a scheme is no URL, and is the store's all the same; without one it is ESO's default.
        "kubernetes" => Grants { store_origins: owned(&KUBERNETES), ..base },
        // It reaches nothing, and an RSA key takes as long as a template's.
        "generators" => Grants { built_in: true, ..Grants::template_engine() },
        // The same plugin as Vault's. No login of its goes to a cloud, and none takes a ServiceAccount's token.
        "openBao" => Grants { settings: json!({ "mount": OPENBAO_MOUNT }), ..base },
        "v2" | "jinja" => Grants { built_in: true, ..Grants::template_engine() },
        _ => base,
    }
}
