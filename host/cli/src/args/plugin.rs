//! The command line of `claviger plugin …`, and the flags about plugins that other commands share.
//!
//! Only what is given and within which bounds; what a component is, and whether it may be installed, is
//! not decided here.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use claviger_conformance::Case;
use claviger_plugins::ChildCompiler;
use claviger_plugins::package::{Compression, is_digest};

use super::ProxyArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Start a project that builds a plugin: sources, tests, a bench, manifests, and a README with the commands
    New(NewArgs),
    /// Print what a component is and what it asks for: name, version, digest, worlds, capabilities,
    /// origins, imports, config schema or functions
    Inspect(InspectArgs),
    /// Print the manifests that install a component: its ConfigMaps and its Plugin object
    Pack(PackArgs),
    /// Push a component to an OCI registry, as wkg does, and print the Plugin object that pins it. A WIT package is
    /// pushed as well
    Push(PushArgs),
    /// Run the conformance suite over a provider: what every provider has to do, against a backend that a
    /// bench describes
    Test(TestArgs),
    /// Compile a component from standard input to standard output. This is what the operator runs, as a
    /// process of its own, for each component that it has not compiled before; there is no need to run it
    /// by hand, and what it writes is not accepted from anybody else
    Compile(CompileArgs),
    /// Compile every component in the folder with the built-in plugins ahead, into compiled/ there: what an image or a
    /// package does when it is built, so that no start has to. It fits every machine of this architecture and this very
    /// version of the program, and is used only where nobody but root and the user who runs it can change it
    Precompile(PrecompileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Name of the plugin: what stores write under spec.provider, or templates as engineVersion
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Language of the project
    #[arg(long, value_name = "LANG")]
    pub lang: Lang,
    /// What the plugin is
    #[arg(long, default_value = "provider", value_name = "KIND")]
    pub kind: Kind,
    /// Folder of the project, which must be empty or not there [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

/// A language that there are starters for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    Rust,
    /// JavaScript
    Js,
    Python,
    Go,
}

impl Lang {
    /// Its folder in `plugins/starters`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::Go => "go",
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
            Self::Go => "Go",
        })
    }
}

/// What a plugin can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Reads a secret system
    Provider,
    /// Renders templates
    Template,
}

impl Kind {
    /// Its folder in that of a language.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Template => "template",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "a provider",
            Self::Template => "a template engine",
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct PrecompileArgs {
    /// Folder with the built-in plugins [default: plugins/ beside the folder of this binary]
    #[arg(long, env = "CLAVIGER_PLUGIN_DIR", value_name = "DIR")]
    pub plugin_dir: Option<PathBuf>,
    #[command(flatten)]
    pub compile: CompileBudget,
}

#[derive(Debug, Args)]
pub(crate) struct PluginDirArgs {
    /// Folder with the built-in plugins [default: plugins/ beside the folder of this binary]
    #[arg(long, env = "CLAVIGER_PLUGIN_DIR", value_name = "DIR")]
    pub plugin_dir: Option<PathBuf>,
    /// Folder where compiled plugins are kept between runs [default: none, compile at each start]
    #[arg(long, env = "CLAVIGER_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// What the child that compiles may use. Below 16 MiB not even the compiler itself fits; an hour is four
/// times as long as anybody waits for it.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompileBudget {
    /// MiB of memory that compiling one component may take; about ten times its size plus 30. Under a
    /// memory limit of the container it gets what is left, if that is less
    #[arg(long, env = "CLAVIGER_COMPILE_MEMORY_MIB", value_name = "MIB",
          default_value_t = usual().memory_mib, value_parser = clap::value_parser!(u64).range(16..=65536))]
    pub compile_memory_mib: u64,
    /// Seconds of CPU time that compiling one component may take
    #[arg(long, env = "CLAVIGER_COMPILE_CPU_SECONDS", value_name = "SECONDS",
          default_value_t = usual().cpu.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub compile_cpu_seconds: u64,
}

/// The budget that the plugin host names as the usual one.
fn usual() -> ChildCompiler {
    ChildCompiler::new(PathBuf::new())
}

#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// MiB of memory beyond what the program has when it starts
    #[arg(long, value_name = "MIB", default_value_t = usual().memory_mib,
          value_parser = clap::value_parser!(u64).range(1..=65536))]
    pub memory_mib: u64,
    /// Seconds of CPU time
    #[arg(long, value_name = "SECONDS", default_value_t = usual().cpu.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub cpu_seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The component, as it is or compressed with gzip or zstd
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Folder where compiled plugins are kept between runs [default: none, compile each time]
    #[arg(long, env = "CLAVIGER_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub compile: CompileBudget,
}

#[derive(Debug, Args)]
pub(crate) struct PackArgs {
    /// The component, as it is or compressed with gzip or zstd
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Name of the Plugin: what stores write under spec.provider, or templates as engineVersion
    /// [default: what the component calls itself]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Namespace of the ConfigMaps, normally the operator's
    #[arg(short = 'n', long, default_value = "claviger-system", value_name = "NAMESPACE",
          value_parser = namespace)]
    pub namespace: String,
    /// How the component is compressed
    #[arg(long, default_value = "zstd", value_name = "KIND")]
    pub compression: CompressionArg,
    /// What is printed
    #[arg(long, short = 'o', default_value = "yaml", value_name = "KIND")]
    pub output: PackOutput,
    /// Digest of the version that is installed, to be admitted besides the new one while the operator
    /// changes over
    #[arg(long, value_name = "sha256:DIGEST", value_parser = digest)]
    pub upgrade_from: Option<String>,
    #[command(flatten)]
    pub compile: CompileBudget,
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The component, as it is or compressed with gzip or zstd; or a WIT package in its binary form
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// Where to, with a tag: registry.example.com/plugins/etcd:0.1.0
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// Name of the Plugin: what stores write under spec.provider, or templates as engineVersion
    /// [default: what the component calls itself]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Secret of the operator's namespace that the Plugin is to pull with, of the type kubernetes.io/dockerconfigjson
    #[arg(long, value_name = "NAME")]
    pub pull_secret: Option<String>,
    /// Who pushes [default: as Docker's config file says ($DOCKER_CONFIG, ~/.docker), without its helpers]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Speak HTTP without TLS to the registry
    #[arg(long)]
    pub plain_http: bool,
    /// PEM file with authorities that are trusted besides the system's
    #[arg(long, env = "CLAVIGER_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
    #[command(flatten)]
    pub proxy: ProxyArgs,
    #[command(flatten)]
    pub compile: CompileBudget,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The component, as it is or compressed with gzip or zstd
    #[arg(value_name = "FILE.wasm")]
    pub file: PathBuf,
    /// The bench: what lies prepared in the backend, and what each case gives and expects
    #[arg(long, value_name = "BENCH.yaml")]
    pub bench: PathBuf,
    /// Name that the plugin is loaded under [default: the bench's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Run this case alone. May be given several times
    #[arg(long, value_name = "CASE", value_parser = case)]
    pub only: Vec<Case>,
    /// Write down what passes between plugin and backend, a file for each case in this folder, without a value that the
    /// bench knows and without credentials
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Run without the backend: what was recorded in this folder answers
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
    /// Folder where compiled plugins are kept between runs [default: none, compile each time]
    #[arg(long, env = "CLAVIGER_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub compile: CompileBudget,
}

fn case(text: &str) -> Result<Case, String> {
    Case::named(text).ok_or_else(|| {
        let names: Vec<_> = Case::all().map(Case::name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompressionArg {
    /// Packs tightest
    Zstd,
    Gzip,
    None,
}

impl From<CompressionArg> for Compression {
    fn from(given: CompressionArg) -> Self {
        match given {
            CompressionArg::Zstd => Self::Zstd,
            CompressionArg::Gzip => Self::Gzip,
            CompressionArg::None => Self::None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackOutput {
    /// ConfigMaps and Plugin, for kubectl apply --server-side
    Yaml,
    /// base64 of the compressed component alone, for helm --set-file
    Helm,
}

fn namespace(text: &str) -> Result<String, String> {
    if crate::plugin::is_dns_label(text) {
        return Ok(text.to_owned());
    }
    Err("expected lower-case letters, digits and dashes, at most 63".to_owned())
}

fn digest(text: &str) -> Result<String, String> {
    if is_digest(text) {
        return Ok(text.to_owned());
    }
    Err("expected sha256: and 64 lower-case hexadecimal digits, as `claviger plugin inspect` prints"
        .to_owned())
}
