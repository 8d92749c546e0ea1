//! Packages of plugins, whose bytes nobody vouches for: index, count and digest of a part in lines, a package behind them.
//!
//! Holds: what comes out is no larger than a component may be; its digest is the one that lets it in, and no other does;
//! what was packed and cut comes out as it went in; a part that is taken says a place among those that there can be.

use claviger_plugins::package::{
    Compression, Header, MAX_COMPONENT, MAX_PARTS, digest, join, pack, split, unpack, verify,
};

use crate::input::lines;

/// Larger ones are not packed again: that is the dear half.
const PACKED: usize = 16 * 1024;

/// See the module.
pub fn run(data: &[u8]) {
    let ([index, count, named], package) = lines(data);
    if let Ok(Some(header)) = Header::parse(Some(index), Some(count), Some(named)) {
        assert!(header.index < header.count && header.count <= MAX_PARTS, "{header:?}");
        let parts: Vec<_> =
            (0..2).map(|at| (Header { index: at, ..header.clone() }, package.to_vec())).collect();
        let joined = join(parts);
        assert_eq!(joined.is_ok(), header.count == 2, "parts are missing, or there twice");
    }
    let Ok(component) = unpack(package.to_vec()) else { return };
    assert!(component.len() <= MAX_COMPONENT);
    let found = digest(&component);
    assert!(verify(&component, std::slice::from_ref(&found)).is_ok_and(|named| named == found));
    assert!(verify(&component, &[]).is_err(), "no digest lets nothing in");
    assert_eq!(verify(&component, &[named.to_owned()]).is_ok(), named == found, "{named:?}");
    if component.len() > PACKED {
        return;
    }
    let packed = pack(&component, Compression::Gzip).expect("it is small enough");
    let cut = split(&packed, &found).expect("it is small enough");
    let cut = cut.into_iter().map(|(header, bytes)| (header, bytes.to_vec())).collect();
    let again = unpack(join(cut).expect("it is whole")).expect("it was packed");
    assert!(again == component, "another component comes out");
}
