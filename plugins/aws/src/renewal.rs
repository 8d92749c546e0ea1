//! When a login that was kept is given up for a newer one: if AWS refuses it, and if AWS denies explicitly,
//! as it does to sessions that were ended ("revoke active sessions"). The latter looks like any explicit
//! denial of a policy, which a newer login does not change, so it is tried once in a while and not for each
//! denied key.

use aws_credentials::Failure;
use aws_credentials::failure::Class;
use claviger_plugin_sdk::Error;

/// What a login's use has shown of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// AWS does not take it (any more).
    pub refused: bool,
    /// Something was denied explicitly.
    pub explicitly_denied: bool,
}

impl Seen {
    /// The same, and a failure.
    #[must_use]
    pub fn and(self, failure: &Failure) -> Self {
        Self {
            refused: self.refused || failure.class() == Class::Refused,
            explicitly_denied: self.explicitly_denied || failure.is_explicit_deny(),
        }
    }
}

/// Where logins come from.
pub trait Logins {
    /// One.
    type Login: PartialEq;
    /// The one that is kept, or a new one.
    ///
    /// # Errors
    /// If there is none to be had.
    fn enter(&self) -> Result<Self::Login, Error>;
    /// Whether there can be a newer one.
    fn kept(&self, login: &Self::Login) -> bool;
    /// Gives it up.
    fn evict(&self, login: &Self::Login);
    /// Whether a login that is denied may be made anew now; if so, nobody else may for a while.
    fn may_renew(&self) -> bool;
}

/// Does something with a login, and once more with a newer one if that may help.
///
/// # Errors
/// If there is no login.
pub fn with<L: Logins, T>(logins: &L, work: impl Fn(&L::Login) -> (T, Seen)) -> Result<T, Error> {
    let first = logins.enter()?;
    let (answer, seen) = work(&first);
    if !logins.kept(&first) || seen == Seen::default() {
        return Ok(answer);
    }
    if seen.refused || logins.may_renew() {
        logins.evict(&first);
    }
    let second = match logins.enter() {
        // What was allowed has its value.
        Err(_) if !seen.refused => return Ok(answer),
        second => second?,
    };
    // Nobody has made a newer one lately, so the denial is meant.
    if second == first && !seen.refused {
        return Ok(answer);
    }
    let (answer, seen) = work(&second);
    if seen.refused {
        logins.evict(&second);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::{Cell, RefCell};

    use super::*;

    /// Logins are numbers; the newest is kept.
    struct World {
        kept: bool,
        newest: Cell<u32>,
        renewable: Cell<bool>,
        /// STS does not answer after the first.
        gone: bool,
        evicted: RefCell<Vec<u32>>,
    }

    impl Logins for World {
        type Login = u32;
        fn enter(&self) -> Result<u32, Error> {
            let lost = self.gone && !self.evicted.borrow().is_empty();
            if lost { Err(Error::Unavailable("STS".to_owned())) } else { Ok(self.newest.get()) }
        }
        fn kept(&self, _: &u32) -> bool {
            self.kept
        }
        fn evict(&self, login: &u32) {
            self.evicted.borrow_mut().push(*login);
            if *login == self.newest.get() {
                self.newest.set(login + 1);
            }
        }
        fn may_renew(&self) -> bool {
            self.renewable.replace(false)
        }
    }

    fn world(renewable: bool) -> World {
        World {
            kept: true,
            newest: Cell::new(1),
            renewable: Cell::new(renewable),
            gone: false,
            evicted: RefCell::default(),
        }
    }

    #[test]
    fn a_newer_login_once_and_for_a_reason() {
        let fine = Seen::default();
        let refused = Seen { refused: true, ..fine };
        let denied = Seen { explicitly_denied: true, ..fine };
        for (what, kept, renewable, seen, used, evicted) in [
            ("fine", true, true, [fine; 2], &[1][..], &[][..]),
            ("its end", true, false, [refused, fine], &[1, 2], &[1]),
            ("refused for ever", true, false, [refused; 2], &[1, 2], &[1, 2]),
            ("a key of one's own", false, true, [refused; 2], &[1], &[]),
            ("revoked", true, true, [denied, fine], &[1, 2], &[1]),
            ("denied by policy", true, true, [denied; 2], &[1, 2], &[1]),
            ("denied again within the minute", true, false, [denied; 2], &[1], &[]),
            ("a key's own denial", false, true, [denied; 2], &[1], &[]),
        ] {
            let world = World { kept, ..world(renewable) };
            let work = RefCell::new(Vec::new());
            let answer = with(&world, |login| {
                work.borrow_mut().push(*login);
                (*login, seen[work.borrow().len() - 1])
            });
            assert_eq!(answer.unwrap(), *used.last().unwrap(), "{what}");
            assert_eq!((&work.borrow()[..], &world.evicted.borrow()[..]), (used, evicted), "{what}");
        }
    }

    /// Two calls at once are denied with the same login: one makes a newer one, the other uses that.
    #[test]
    fn what_another_has_renewed_is_used() {
        let world = world(false);
        let denied = Seen { explicitly_denied: true, ..Seen::default() };
        let answer = with(&world, |login| {
            world.newest.set(2);
            (*login, if *login == 1 { denied } else { Seen::default() })
        });
        assert_eq!((answer.unwrap(), world.evicted.borrow().len()), (2, 0));
    }

    #[test]
    fn without_a_newer_login_what_was_allowed_stays() {
        for (seen, expected) in [
            (Seen { explicitly_denied: true, ..Seen::default() }, true),
            (Seen { refused: true, ..Seen::default() }, false),
        ] {
            let world = World { gone: true, ..world(true) };
            assert_eq!(with(&world, |login| (*login, seen)).is_ok(), expected, "{seen:?}");
        }
    }
}
