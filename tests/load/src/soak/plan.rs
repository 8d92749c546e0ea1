//! What is done in a round, and in which order: a function of the seed and the round's number, and of nothing else.
//!
//! Things have places (ExternalSecret 3, key 7): an action names a place, and what becomes of it is the model's. Whatever an
//! action needs of chance is drawn here. When exactly it is done, and so where in its work it meets the operator, is not
//! repeated by a seed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Places of each kind. Few, so that there are several edits of each thing in a round.
pub(crate) const SECRETS: usize = 24;
pub(crate) const KEYS: usize = 10;
pub(crate) const PUSHES: usize = 6;
pub(crate) const LEASED: usize = 4;

/// Parts from here on are pushed to once only; a trap waits there.
pub(crate) const ONCE: usize = 100;

/// Actions of a round, faults among them.
pub(crate) const STEPS: usize = 150;

/// An action on a thing, or a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Makes a key, or gives it other values; with so many more properties.
    PutKey { key: usize, more: usize },
    /// Removes a key with all versions.
    RemoveKey { key: usize },
    /// Makes an ExternalSecret, or edits it.
    PutSecret { slot: usize, wish: Wish },
    /// Deletes one.
    RemoveSecret { slot: usize },
    /// Changes a value of its Secret by hand.
    Tamper { slot: usize },
    /// Deletes its Secret by hand.
    LoseSecret { slot: usize },
    /// Asks for a refresh.
    Refresh { slot: usize },
    /// Makes or changes the Secret that a PushSecret pushes.
    PutSource { slot: usize },
    /// Deletes it.
    RemoveSource { slot: usize },
    /// Makes a PushSecret, or edits it. Its second key goes into that part of the place; 0: where the first goes.
    PutPush { slot: usize, part: usize },
    /// Deletes it: it has a finalizer.
    RemovePush { slot: usize },
    /// Makes an ExternalSecret of a database's credentials, or edits it, so that they are made anew.
    PutLeased { slot: usize, long: bool, names: bool },
    /// Deletes one.
    RemoveLeased { slot: usize },
    /// Something breaks, for so many steps.
    Fault { fault: Fault, steps: usize },
}

impl Action {
    /// Its kind, as it is counted.
    pub(crate) fn kind(&self) -> String {
        let text = match self {
            Self::Fault { fault, .. } => format!("{fault:?}"),
            other => format!("{other:?}"),
        };
        text.split([' ', '{']).next().unwrap_or_default().to_owned()
    }
}

/// What breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// `kill -9` of an operator (of the leader, if there are several), which is started again.
    Kill,
    /// The same at a request to OpenBao: what was asked for is made, and the answer is not heard.
    KillAtRead,
    /// The same at a push.
    KillAtPush,
    /// `SIGSTOP` of the leader, and `SIGCONT`.
    Pause,
    /// OpenBao is stopped, and started again with its data.
    BaoStop,
    /// It is sealed, and unsealed.
    Seal,
    /// Its answers to reads are held back.
    Hold,
    /// All tokens of the operator's logins are revoked, and with them what was leased by them.
    Revoke,
    /// The API server is stopped, and started again.
    ApiServer,
    /// etcd is, under an API server that goes on.
    Etcd,
}

/// A manifest's part that is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Key and property of each entry of `data`.
    pub(crate) data: Vec<(usize, usize)>,
    /// A key of `dataFrom.extract`.
    pub(crate) extract: Option<usize>,
    pub(crate) template: Template,
    /// Counts when it is made: of what there is it stays.
    pub(crate) creation: Creation,
    pub(crate) deletion: Deletion,
    /// Seconds between refreshes.
    pub(crate) interval: u64,
    /// A ClusterSecretStore, and no SecretStore.
    pub(crate) cluster_store: bool,
    /// Another name of the target, where there is one already.
    pub(crate) rename: bool,
}

/// Whether values are rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    None,
    /// What is rendered is all there is.
    Replace,
    /// It is beside what was read.
    Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    Owner,
    Orphan,
    Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Retain,
    Delete,
    Merge,
}

/// How the operator runs in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One, which is killed.
    Single,
    /// Two that stand for election, which are killed and stand still.
    Pair,
    /// The two of the round before, and nobody kills them: what they hold in the end is compared.
    PairKept,
}

impl Mode {
    /// Of a round, from 0.
    pub(crate) fn of(round: usize) -> Self {
        match round % 3 {
            0 => Self::Single,
            1 => Self::Pair,
            _ => Self::PairKept,
        }
    }

    /// Faults of a round, each with the most steps that it lasts.
    fn faults(self) -> Vec<(Fault, usize)> {
        use Fault::{ApiServer, BaoStop, Etcd, Hold, Kill, KillAtPush, KillAtRead, Pause, Revoke, Seal};
        let mut faults = vec![(BaoStop, 12), (Seal, 12), (Hold, 12), (Revoke, 1), (ApiServer, 8), (Etcd, 8)];
        if self != Self::PairKept {
            faults.extend([
                (Kill, 8),
                (Kill, 8),
                (Kill, 2),
                (KillAtRead, 40),
                (KillAtPush, 20),
                (KillAtPush, 20),
            ]);
        }
        if self == Self::Pair {
            faults.extend([(Pause, 40), (Pause, 4)]);
        }
        faults
    }
}

/// The actions of a round, from 0.
pub(crate) fn round(seed: u64, round: usize) -> Vec<Action> {
    let mut dice = dice(seed, round);
    let mut steps: Vec<Option<Action>> = Mode::of(round)
        .faults()
        .into_iter()
        .map(|(fault, most)| Some(Action::Fault { fault, steps: dice.random_range(1..=most) }))
        .collect();
    steps.resize(STEPS, None);
    steps.shuffle(&mut dice);
    let mut steps: Vec<Action> =
        steps.into_iter().map(|step| step.unwrap_or_else(|| ordinary(&mut dice))).collect();
    let traps: Vec<usize> = (0..STEPS)
        .filter(|at| matches!(steps[*at], Action::Fault { fault: Fault::KillAtPush, .. }))
        .collect();
    for at in traps {
        push_story(&mut dice, &mut steps, at);
    }
    steps
}

/// Around a trap at a push: a new PushSecret goes into it, and before the next process begins it is another one, or it or its
/// Secret is gone. What the one that was killed has written is to be found all the same. Faults stay where they are.
fn push_story(dice: &mut StdRng, steps: &mut [Action], at: usize) {
    let slot = dice.random_range(0..PUSHES);
    // Nobody else comes there, who would find what was left.
    let part = dice.random_range(ONCE..1_000_000);
    let end = match dice.random_range(0..3) {
        0 => Action::RemovePush { slot },
        1 => Action::RemoveSource { slot },
        _ => Action::PutPush { slot, part: part + 1 },
    };
    let story = [
        (at.wrapping_sub(4), Action::RemovePush { slot }),
        (at.wrapping_sub(3), Action::PutSource { slot }),
        (at + 1, Action::PutPush { slot, part }),
        (at + 6, end),
    ];
    for (step, action) in story {
        if let Some(there) = steps.get_mut(step).filter(|there| !matches!(there, Action::Fault { .. })) {
            *there = action;
        }
    }
    if let Some(Action::Fault { steps, .. }) = steps.get_mut(at) {
        *steps = 10;
    }
}

/// What there is before the first round: everything.
pub(crate) fn beginning(seed: u64) -> Vec<Action> {
    let mut dice = dice(seed, usize::MAX);
    let keys = (0..KEYS).map(|key| Action::PutKey { key, more: key % 3 }).collect::<Vec<_>>();
    let secrets =
        (0..SECRETS).map(|slot| Action::PutSecret { slot, wish: wish(&mut dice) }).collect::<Vec<_>>();
    let pushes =
        (0..PUSHES).flat_map(|slot| [Action::PutSource { slot }, Action::PutPush { slot, part: slot % 2 }]);
    let leased = (0..LEASED).map(|slot| Action::PutLeased { slot, long: slot % 2 == 0, names: false });
    keys.into_iter().chain(secrets).chain(pushes).chain(leased).collect()
}

/// One generator for each round: rounds that are left out change nothing of the others.
fn dice(seed: u64, round: usize) -> StdRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&u64::try_from(round).unwrap_or(u64::MAX).to_le_bytes());
    StdRng::from_seed(bytes)
}

/// More is made than removed, so that the places are mostly taken.
fn ordinary(dice: &mut StdRng) -> Action {
    let slot = dice.random_range(0..SECRETS);
    let key = dice.random_range(0..KEYS);
    let push = dice.random_range(0..PUSHES);
    let leased = dice.random_range(0..LEASED);
    match dice.random_range(0..100) {
        0..24 => Action::PutKey { key, more: dice.random_range(0..3) },
        24..30 => Action::RemoveKey { key },
        30..50 => Action::PutSecret { slot, wish: wish(dice) },
        50..57 => Action::RemoveSecret { slot },
        57..61 => Action::Tamper { slot },
        61..65 => Action::LoseSecret { slot },
        65..70 => Action::Refresh { slot },
        70..77 => Action::PutSource { slot: push },
        77..79 => Action::RemoveSource { slot: push },
        79..87 => Action::PutPush { slot: push, part: dice.random_range(0..3) },
        87..90 => Action::RemovePush { slot: push },
        90..97 => Action::PutLeased { slot: leased, long: dice.random(), names: dice.random() },
        _ => Action::RemoveLeased { slot: leased },
    }
}

fn wish(dice: &mut StdRng) -> Wish {
    let entries = dice.random_range(1..=3);
    let data = (0..entries).map(|_| (dice.random_range(0..KEYS), dice.random_range(0..3))).collect();
    let creation = match dice.random_range(0..10) {
        0..6 => Creation::Owner,
        6..8 => Creation::Orphan,
        _ => Creation::Merge,
    };
    // A template that lacks a value fails, and so it goes with what keeps the Secret as it is.
    let template = match dice.random_range(0..10) {
        0..6 => Template::None,
        6..8 => Template::Replace,
        _ => Template::Merge,
    };
    // An Owner may be edited into being one that deletes, and no other: which it is counts when it is made. So what is drawn
    // for others stands for whatever they may have.
    let deletion = match dice.random_range(0..10) {
        _ if template != Template::None => Deletion::Retain,
        0..5 => Deletion::Retain,
        5..8 => Deletion::Delete,
        _ => Deletion::Merge,
    };
    Wish {
        data,
        extract: dice.random_bool(0.35).then(|| dice.random_range(0..KEYS)),
        template,
        creation,
        deletion,
        interval: dice.random_range(5..=20),
        cluster_store: dice.random_bool(0.3),
        rename: dice.random_bool(0.15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_and_a_round_say_everything() {
        assert_eq!(beginning(7), beginning(7));
        for number in 0..4 {
            assert_eq!(round(7, number), round(7, number));
            assert_ne!(round(7, number), round(8, number));
            assert_ne!(round(7, number), round(7, number + 3), "the same mode, and another round");
        }
    }

    #[test]
    fn three_rounds_have_every_kind_of_action_and_of_fault() {
        for seed in 0..20 {
            let found: BTreeSet<String> =
                (0..3).flat_map(|number| round(seed, number)).map(|action| action.kind()).collect();
            let expected = [
                "ApiServer",
                "BaoStop",
                "Etcd",
                "Hold",
                "Kill",
                "KillAtPush",
                "KillAtRead",
                "LoseSecret",
                "Pause",
                "PutKey",
                "PutLeased",
                "PutPush",
                "PutSecret",
                "PutSource",
                "Refresh",
                "RemoveKey",
                "RemoveLeased",
                "RemovePush",
                "RemoveSecret",
                "RemoveSource",
                "Revoke",
                "Seal",
                "Tamper",
            ];
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "seed {seed}");
        }
    }

    #[test]
    fn nobody_is_killed_in_the_round_in_which_memory_is_compared() {
        let kills = round(3, 2).into_iter().filter(|action| {
            matches!(
                action,
                Action::Fault {
                    fault: Fault::Kill | Fault::KillAtRead | Fault::KillAtPush | Fault::Pause,
                    ..
                }
            )
        });
        assert_eq!(kills.count(), 0);
        assert_eq!(round(3, 2).len(), STEPS);
    }

    #[test]
    fn a_push_that_is_cut_off_is_followed_by_a_change() {
        for number in [0, 1, 3, 4] {
            let steps = round(11, number);
            let traps = steps.iter().enumerate().filter(|(_, action)| action.kind() == "KillAtPush");
            let told = traps.filter(|(at, _)| {
                matches!(steps.get(at + 1), Some(Action::PutPush { .. }))
                    && steps.get(at + 6).is_some_and(|end| {
                        ["RemovePush", "RemoveSource", "PutPush"].contains(&end.kind().as_str())
                    })
            });
            assert!(told.count() > 0, "round {number}");
        }
    }

    #[test]
    fn a_template_never_lacks_a_value() {
        for number in 0..9 {
            for action in round(5, number) {
                if let Action::PutSecret { wish, .. } = action {
                    assert!(wish.template == Template::None || wish.deletion == Deletion::Retain);
                }
            }
        }
    }
}
