//! What every end-to-end test needs: the servers, an operator of its own, and ways to look.

mod leaks;
mod operator;
mod vault;
mod corner;

pub use leaks::assert_no_value_left;
pub use operator::Operator;
pub use vault::Mount;
pub use corner::World;

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
