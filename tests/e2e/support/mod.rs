//! What every end-to-end test needs: the servers, an operator of its own, and ways to look.

mod corner;
mod leaks;
mod operator;
mod vault;

pub use corner::World;
pub use leaks::assert_no_value_left;
pub use operator::Operator;
pub use vault::Mount;

/// The environment, or a loud skip.
macro_rules! world {
    ($name:literal) => {
        match $crate::support::World::new($name) {
            Some(world) => world,
            None => return,
        }
    };
}
pub(crate) use world;
