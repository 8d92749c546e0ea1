//! Slow hashes of what goes into a Secret, made where they hold up nobody: not on the threads that serve everybody's
//! requests, and few at once.

use std::sync::Arc;

use claviger_core::inputs::{Inputs, Slow};
use tokio::sync::Semaphore;

/// Made at once. Each takes 16 MiB and a core for 40 ms: two are 50 a second, where ten thousand Secrets whose text
/// varies, refreshed once an hour, need three; and what a container of 256 MiB has to spare.
const AT_ONCE: usize = 2;

/// Makes them.
pub(super) struct SlowHashes(Arc<Semaphore>);

impl Default for SlowHashes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl SlowHashes {
    /// The hash of these inputs. Where it cannot be made (the process is ending) it is nobody's.
    pub(super) async fn of(&self, inputs: Inputs, salt: String) -> Slow {
        let turn = self.0.clone().acquire_owned().await;
        let made = tokio::task::spawn_blocking(move || {
            // Whoever asked may be gone before it is made: it counts till then.
            let _turn = turn;
            inputs.slowly(salt)
        });
        made.await.unwrap_or_default()
    }
}

/// A salt that nobody has.
pub(super) fn salt() -> String {
    format!("{:032x}", rand::random::<u128>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On one thread: what is computed there is there at the first look.
    #[tokio::test]
    async fn nobody_waits_for_one_and_they_are_few_at_once() {
        let slow = SlowHashes::default();
        let asked: Vec<_> = (0..3).map(|n| Box::pin(slow.of(Inputs::default(), n.to_string()))).collect();
        let mut asked = futures::future::join_all(asked);
        assert!(futures::poll!(&mut asked).is_pending(), "it is made elsewhere");
        assert_eq!(slow.0.available_permits(), 0, "and one of three waits");
        let made = asked.await;
        assert_eq!(made[0].text(), Inputs::default().slowly("0".to_owned()).text());
        assert!(made[0].is(made[0].text()) && !made[0].is(made[1].text()));
        // Who does not wait gives no turn away before it is made.
        let mut asked = Box::pin(slow.of(Inputs::default(), salt()));
        assert!(futures::poll!(&mut asked).is_pending());
        drop(asked);
        let both = slow.0.acquire_many(2).await;
        assert!(both.is_ok());
    }
}
