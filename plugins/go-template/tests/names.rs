//! The engine's functions are those of ESO's engine v2, no more and no less: text/template's builtins, its copy
//! of sprig, and its own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use go_template::names;

/// Read from ESO's source: `tplFuncs` in runtime/template/v2/template.go and `genericMap` in its
/// sprig/functions.go at cc5bfbc, and the builtins from text/template's documentation.
const ESO: &str = "\
    abbrev abbrevboth add add1 add1f addf adler32sum ago all and any append atoi b32dec b32enc b64dec \
    b64enc base bcrypt biggest buildCustomCert call camelcase cat ceil certSANs chunk clean coalesce \
    compact concat contains date dateInZone dateModify date_in_zone date_modify decryptAES deepCopy \
    deepEqual default derivePassword dict dig dir div divf duration durationRound empty encryptAES eq \
    ext fail filterCertChain filterPEM first float64 floor fromJson fromYaml fullPemToPkcs12 \
    fullPemToPkcs12Pass ge genCA genCAWithKey genPrivateKey genSelfSignedCert genSelfSignedCertWithKey \
    genSignedCert genSignedCertWithKey get gt has hasKey hasPrefix hasSuffix hello hexdec html htmlDate \
    htmlDateInZone htpasswd indent index initial initials int int64 isAbs join js jwkPrivateKeyPem \
    jwkPublicKeyPem kebabcase keys kindIs kindOf last le len list lower lt max maxf merge mergeOverwrite \
    min minf mod mul mulf mustAppend mustChunk mustCompact mustDateModify mustDeepCopy mustFirst \
    mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush \
    mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral \
    mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson mustToPrettyJson mustToRawJson \
    mustUniq mustWithout must_date_modify ne nindent nospace not now omit or osBase osClean osDir osExt \
    osIsAbs pemToPkcs12 pemToPkcs12Pass pemTruststoreToPKCS12 pemTruststoreToPKCS12Pass pick pkcs12cert \
    pkcs12certPass pkcs12key pkcs12keyPass pluck plural prepend print printf println push quote \
    randAlpha randAlphaNum randAscii randBytes randInt randNumeric regexFind regexFindAll regexMatch \
    regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round \
    rsaDecrypt semver semverCompare seq set sha1sum sha256sum sha512sum shuffle slice snakecase \
    sortAlpha split splitList splitn squote sub subf substr swapcase ternary title toDate toDecimal \
    toJson toPrettyJson toRawJson toString toStrings toYaml trim trimAll trimPrefix trimSuffix trimall \
    trunc tuple typeIs typeIsLike typeOf uniq unixEpoch unset until untilStep untitle upper urlJoin \
    urlParse urlquery uuidv4 values without wrap wrapWith";

#[test]
fn the_functions_are_those_of_eso() {
    let wanted: Vec<&str> = ESO.split_whitespace().collect();
    let names = names();
    let missing: Vec<_> = wanted.iter().filter(|name| !names.iter().any(|known| known == *name)).collect();
    let extra: Vec<_> = names.iter().filter(|name| !wanted.contains(&name.as_str())).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:?}, too many: {extra:?}");
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
}

#[test]
fn nothing_reaches_outside() {
    for name in ["env", "expandenv", "getHostByName", "getSecretKey"] {
        assert!(!names().iter().any(|known| known == name), "{name} reaches outside");
    }
}
