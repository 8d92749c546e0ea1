//! What becomes of an ExternalSecret, by docs and by the table of tests/e2e/cases.

use super::*;

fn wish(data: &[(usize, usize)], creation: Creation, deletion: Deletion) -> Wish {
    Wish {
        data: data.to_vec(),
        extract: None,
        template: Template::None,
        creation,
        deletion,
        interval: 5,
        cluster_store: false,
        rename: false,
    }
}

fn model(wish: Wish) -> Model {
    let mut model = Model::new(1);
    model.act(&Action::PutKey { key: 0, more: 0 });
    model.act(&Action::PutKey { key: 1, more: 1 });
    model.act(&Action::PutSecret { slot: 0, wish });
    model
}

fn data(model: &Model) -> Data {
    match model.expected(0) {
        Some(Expected::Exactly(data)) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_key_keeps_deletes_or_leaves_out() {
    for (creation, deletion, one, both) in [
        (Creation::Owner, Deletion::Retain, None, None),
        (Creation::Owner, Deletion::Delete, Some(vec!["d1"]), Some(vec![])),
        (Creation::Owner, Deletion::Merge, Some(vec!["d1"]), Some(vec![])),
        (Creation::Merge, Deletion::Merge, Some(vec!["d1", "theirs"]), Some(vec!["theirs"])),
        // It is refused, and so it is not asked for.
        (Creation::Orphan, Deletion::Delete, None, None),
    ] {
        let mut model = model(wish(&[(0, 0), (1, 2)], creation, deletion));
        assert!(data(&model).contains_key("d0"), "{creation:?} {deletion:?}");
        for expected in [one, both.clone()] {
            model.act(&Action::RemoveKey { key: usize::from(model.keys.len() == 1) });
            match (model.expected(0), expected) {
                (Some(Expected::Kept), None) => {}
                (Some(Expected::Deleted), Some(keys)) => {
                    assert!(keys.is_empty() && deletion == Deletion::Delete);
                }
                (Some(Expected::Exactly(data)), Some(keys)) => {
                    assert_eq!(data.keys().collect::<Vec<_>>(), keys);
                }
                other => panic!("{creation:?} {deletion:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn rendered_values_stand_beside_or_in_place_of_what_was_read() {
    for (template, keys) in
        [(Template::Replace, vec!["t0"]), (Template::Merge, vec!["d0", "p0", "p1", "p2", "t0"])]
    {
        let model =
            model(Wish { template, extract: Some(0), ..wish(&[(1, 0)], Creation::Owner, Deletion::Retain) });
        let data = data(&model);
        assert_eq!(data.keys().collect::<Vec<_>>(), keys);
        assert_eq!(data["t0"], format!("<{}>", model.keys[&1]["p0"]));
    }
}

#[test]
fn what_a_kept_secret_may_hold_is_what_could_be_read_since_its_target_is_so_called() {
    let mut model = model(wish(&[(0, 0)], Creation::Owner, Deletion::Retain));
    let first = model.keys[&0]["p0"].clone();
    model.act(&Action::PutKey { key: 0, more: 0 });
    model.act(&Action::RemoveKey { key: 0 });
    let second = model.secrets[&0].had["d0"].clone();
    assert!(second.contains(&first) && second.len() == 2);
    let target = model.secrets[&0].target.clone();
    let renamed = Wish { rename: true, ..wish(&[(1, 0)], Creation::Owner, Deletion::Retain) };
    model.act(&Action::PutSecret { slot: 0, wish: renamed });
    assert_eq!(model.secrets[&0].had["d0"].len(), 1);
    assert_eq!(model.secrets[&0].before, BTreeSet::from([target]));
    model.settled();
    assert!(model.secrets[&0].certain && model.secrets[&0].before.is_empty());
}

#[test]
fn what_is_pushed_is_what_both_the_secret_and_the_push_secret_say() {
    let mut model = Model::new(1);
    model.act(&Action::PutPush { slot: 2, part: 0 });
    assert!(model.pushed().is_empty());
    model.act(&Action::PutSource { slot: 2 });
    assert_eq!(model.pushed()["pushed/2/main"].keys().collect::<Vec<_>>(), ["a", "b"]);
    model.act(&Action::PutPush { slot: 2, part: 2 });
    assert_eq!(model.pushed().keys().collect::<Vec<_>>(), ["pushed/2/main", "pushed/2/part2"]);
    model.act(&Action::RemoveSource { slot: 2 });
    assert!(model.pushed().is_empty());
}

#[test]
fn what_was_merged_into_or_orphaned_is_left_and_an_owners_is_not() {
    for (creation, left) in [(Creation::Owner, 0), (Creation::Orphan, 1), (Creation::Merge, 1)] {
        let mut model = model(wish(&[(0, 0)], creation, Deletion::Retain));
        model.act(&Action::RemoveSecret { slot: 0 });
        assert_eq!(model.left.len(), left, "{creation:?}");
        // Who has not heard of it yet reads on.
        model.act(&Action::PutKey { key: 0, more: 0 });
        let late = model.keys[&0]["p0"].clone();
        assert!(model.left.values().all(|secret| secret.had["d0"].contains(&late)));
        assert_eq!(model.settled().len(), left);
        assert!(model.left.is_empty());
    }
}

#[test]
fn who_has_not_heard_of_an_edit_may_write_what_it_reads_for_the_wish_before() {
    let mut model = model(wish(&[(0, 0)], Creation::Orphan, Deletion::Retain));
    model.act(&Action::PutSecret { slot: 0, wish: wish(&[(1, 0)], Creation::Orphan, Deletion::Retain) });
    let read = |model: &mut Model| {
        model.act(&Action::PutKey { key: 0, more: 0 });
        model.secrets[&0].had["d0"].contains(&model.keys[&0]["p0"])
    };
    assert!(read(&mut model));
    model.settled();
    assert!(!read(&mut model), "all was calm: everybody has heard of it");
}
