//! Keys, certificates and the files that hold them: what sprig and ESO take from Go's crypto packages. The
//! algorithms are the RustCrypto libraries'; here are the formats, as Go reads and writes them. Not here:
//! trust. Nothing in this module says that a certificate is valid.

pub(crate) mod cert;
pub(crate) mod chain;
pub(crate) mod der;
pub(crate) mod ec;
pub(crate) mod generate;
pub(crate) mod issue;
pub(crate) mod jwk;
pub(crate) mod key;
pub(crate) mod oid;
pub(crate) mod pem;
pub(crate) mod pkcs12;
