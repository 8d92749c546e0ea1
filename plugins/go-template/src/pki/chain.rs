//! Certificates in the order leaf, intermediates, root, told by their key identifiers alone. That is an order
//! for files; it says nothing about signatures, dates or trust.

use super::cert::Certificate;
use super::pem;

/// All certificates of a PEM text; every block has to be one.
pub(crate) fn read(text: &[u8]) -> Result<Vec<Certificate>, &'static str> {
    let blocks = pem::blocks(text);
    let certificates = blocks.iter().map(|block| Certificate::parse(&block.bytes)).collect::<Option<_>>();
    certificates.ok_or("a PEM block is no certificate")
}

/// The single chain that they make.
pub(crate) fn order(certificates: Vec<Certificate>) -> Result<Vec<Certificate>, &'static str> {
    let count = certificates.len();
    let mut parents = vec![None; count];
    let mut is_parent = vec![false; count];
    for (child, certificate) in certificates.iter().enumerate() {
        // As in Go, where a missing identifier and an empty one are the same.
        let wanted = certificate.authority_key_id.as_deref().unwrap_or_default();
        let signer = (0..count).find(|at| {
            *at != child && certificates[*at].subject_key_id.as_deref().unwrap_or_default() == wanted
        });
        if let Some(signer) = signer {
            is_parent[signer] = true;
            parents[child] = Some(signer);
        }
    }
    let mut leaves = (0..count).filter(|at| !is_parent[*at]);
    let Some(leaf) = leaves.next() else { return Err("no leaf certificate found") };
    if leaves.next().is_some() {
        return Err("found multiple leaf or disjunct certificates");
    }
    let mut sequence = Vec::new();
    let mut at = Some(leaf);
    while let Some(index) = at {
        if sequence.len() == count {
            return Err("constructing chain resulted in cycle");
        }
        sequence.push(index);
        at = parents[index];
    }
    let mut kept: Vec<Option<Certificate>> = certificates.into_iter().map(Some).collect();
    Ok(sequence.into_iter().filter_map(|index| kept[index].take()).collect())
}

/// One PEM text of them.
pub(crate) fn to_pem(certificates: &[Certificate]) -> Vec<u8> {
    certificates.iter().flat_map(Certificate::to_pem).collect()
}
