//! What becomes of a provider's answer: a property, a regular expression and what it is replaced by in lines, the value
//! behind them.
//!
//! Holds: a map that was written as JSON is read as the same map; decoded bytes are no longer than encoded ones; converted
//! keys have the letters that Kubernetes takes; merging what was merged changes nothing.

use claviger_core::names::is_valid_key;
use claviger_core::provider::PropertyStep;
use claviger_core::secret::SecretBytes;
use claviger_core::shape::{self, Values};
use claviger_crds::external_secret::{
    ConversionStrategy, DecodingStrategy, NullBytePolicy, RewriteMerge, RewriteRegexp,
};

use crate::input::lines;

const STEPS: [PropertyStep; 4] =
    [PropertyStep::Literal, PropertyStep::Path, PropertyStep::EscapedPath, PropertyStep::Nested];

const DECODINGS: [DecodingStrategy; 4] =
    [DecodingStrategy::None, DecodingStrategy::Base64, DecodingStrategy::Base64Url, DecodingStrategy::Auto];

/// See the module.
pub fn run(data: &[u8]) {
    let ([property, source, target], bytes) = lines(data);
    let value = SecretBytes::copied_from(bytes);
    for step in STEPS {
        let _ = shape::lookup(&value, property, &[step]);
    }
    for strategy in DECODINGS {
        for nulls in [NullBytePolicy::Ignore, NullBytePolicy::Fail] {
            if let Ok(decoded) = shape::decode(value.duplicate(), strategy, nulls) {
                assert!(decoded.len() <= value.len(), "{strategy:?} made it longer");
                assert!(nulls == NullBytePolicy::Ignore || !decoded.expose().contains(&0));
            }
        }
    }
    let Ok(entries) = shape::entries(&value) else { return };
    let written = shape::whole(&entries);
    same(&entries, &shape::entries(&written).expect("a map that was written is one"));
    for strategy in [ConversionStrategy::Default, ConversionStrategy::Unicode] {
        let Ok(converted) = shape::convert(copied(&entries), strategy) else { continue };
        assert_eq!(converted.len(), entries.len());
        // Which is too long, or empty, is said later.
        for key in converted.keys().filter(|key| !key.is_empty() && key.len() <= 253) {
            assert!(is_valid_key(key), "{key:?}");
        }
    }
    let rewrite = RewriteRegexp { source: source.to_owned(), target: target.to_owned() };
    if let Ok(renamed) = shape::apply_regexp(copied(&entries), &rewrite, &mut shape::Effort::default()) {
        assert!(renamed.len() <= entries.len());
    }
    let merge = RewriteMerge::default();
    if let Ok(merged) = shape::apply_merge(copied(&entries), &merge) {
        let one = Values::from([("all".to_owned(), shape::whole(&merged))]);
        same(&merged, &shape::apply_merge(one, &merge).expect("what was merged is an object"));
    }
}

fn copied(values: &Values) -> Values {
    values.iter().map(|(key, value)| (key.clone(), value.duplicate())).collect()
}

fn same(one: &Values, other: &Values) {
    assert!(one.keys().eq(other.keys()), "other keys");
    assert!(one.iter().all(|(key, value)| value.same(&other[key])), "other values");
}
