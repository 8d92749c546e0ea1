//! Versions of the `chameleon` fixture: its component, with what stands in its data overwritten.

/// What the fixture is found by, and how long what follows it is.
const MARK: &[u8] = b"CLAVIGER-KNOB:";
const LENGTH: usize = 64 - MARK.len();

/// The component `chameleon`, turned to a version and a behaviour ("2.0.0 describe-traps"; the behaviours
/// are named in the fixture). Each is another file with another digest, as a new release is.
///
/// # Panics
/// If it is not the fixture's component, or the knob is too long for it.
pub fn chameleon(component: &[u8], knob: &str) -> Vec<u8> {
    let places: Vec<usize> = component
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, bytes)| *bytes == MARK)
        .map(|(place, _)| place)
        .collect();
    let [place] = places[..] else { panic!("the mark stands {} times in the component", places.len()) };
    assert!(knob.len() <= LENGTH && !knob.ends_with('.'), "{knob:?} is not a knob");
    let mut turned = component.to_vec();
    let slot = &mut turned[place + MARK.len()..][..LENGTH];
    slot.fill(b'.');
    slot[..knob.len()].copy_from_slice(knob.as_bytes());
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_knob_is_turned() {
        let before = [b"..CLAVIGER-KNOB:1.0.0 good", [b'.'; 40].as_slice(), b"end"].concat();
        let after = chameleon(&before, "2.0.0 get-traps");
        assert_eq!(after.len(), before.len());
        assert!(after.starts_with(b"..CLAVIGER-KNOB:2.0.0 get-traps....") && after.ends_with(b"end"));
        assert_eq!(chameleon(&after, "1.0.0 good"), before);
    }
}
