//! Exact counts with a stand-in reader: who reads, who waits, who gets what.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use claviger_core::provider::{Facet, Nature};
use claviger_core::secret::{SecretBytes, Untrusted};
use futures::future::join_all;
use tokio::sync::Notify;

use super::*;

struct Stand {
    scope: u32,
    account: Arc<str>,
    batch: usize,
    shareable: bool,
    reads: Mutex<Vec<Item>>,
    calls: AtomicUsize,
    fail: Mutex<Option<ProviderError>>,
    gate: Option<Notify>,
}

fn stand() -> Stand {
    Stand {
        scope: 1,
        account: Arc::from("account"),
        batch: 10,
        shareable: true,
        reads: Mutex::default(),
        calls: AtomicUsize::new(0),
        fail: Mutex::default(),
        gate: None,
    }
}

impl Reader for Stand {
    type Scope = u32;

    fn scope(&self) -> &u32 {
        &self.scope
    }

    fn account(&self) -> &Arc<str> {
        &self.account
    }

    fn max_batch(&self) -> usize {
        self.batch
    }

    async fn read(&self, items: &[Item]) -> Result<Vec<Result<Value, ProviderError>>, CallError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.reads.lock().unwrap().extend(items.iter().cloned());
        match &self.gate {
            Some(gate) => gate.notified().await,
            None => tokio::task::yield_now().await,
        }
        if let Some(error) = self.fail.lock().unwrap().clone() {
            return Ok(items.iter().map(|_| Err(error.clone())).collect());
        }
        Ok(items
            .iter()
            .map(|item| {
                Ok(Value {
                    data: SecretBytes::copied_from(item.key.as_bytes()),
                    entries: None,
                    version: None,
                    lease: None,
                    shareable: self.shareable,
                    dynamic: false,
                })
            })
            .collect())
    }
}

fn item(key: usize) -> Item {
    Item {
        key: format!("key{key}"),
        version: None,
        property: None,
        facet: Facet::Value,
        nature: Nature::Stored,
    }
}

fn read(stand: &Stand) -> usize {
    stand.reads.lock().unwrap().len()
}

#[tokio::test]
async fn a_thousand_askers_of_fifty_keys_are_fifty_reads() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let now = Instant::now();
    let askers = (0..1000).map(|asker| {
        let items: Vec<Item> = (0..5).map(|property| item((asker + property) % 50)).collect();
        let (fetcher, stand) = (&fetcher, &stand);
        async move { fetcher.get(stand, &items, now).await }
    });
    for answers in join_all(askers).await {
        assert!(answers.iter().all(Result::is_ok));
    }
    assert_eq!(read(&stand), 50);
}

#[tokio::test]
async fn answers_come_in_order_and_in_batches() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let items: Vec<Item> = (0..25).map(item).collect();
    let answers = fetcher.get(&stand, &items, Instant::now()).await;
    for (item, answer) in items.iter().zip(answers) {
        assert_eq!(answer.unwrap().data.expose(), item.key.as_bytes());
    }
    assert_eq!(stand.calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn whose_read_it_was_is_told() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let now = Instant::now();
    let items = [item(1), item(2)];
    let together = join_all((0..3).map(|_| fetcher.get_told(&stand, &items, now, usize::MAX))).await;
    let shared: Vec<Vec<bool>> =
        together.iter().map(|told| told.iter().map(|told| told.shared).collect()).collect();
    assert_eq!(shared, [[false, false], [true, true], [true, true]]);
    let later = fetcher.get_told(&stand, &[item(2), item(3)], now, usize::MAX).await;
    assert_eq!(later.iter().map(|told| told.shared).collect::<Vec<_>>(), [true, false]);
    assert_eq!(read(&stand), 3);
}

#[tokio::test]
async fn an_answer_that_is_too_old_is_not_taken() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let before = Instant::now();
    fetcher.get(&stand, &[item(1)], before).await;
    fetcher.get(&stand, &[item(1)], before).await;
    assert_eq!(read(&stand), 1);
    fetcher.get(&stand, &[item(1)], Instant::now()).await;
    assert_eq!(read(&stand), 2);
}

#[tokio::test]
async fn scopes_share_nothing() {
    let fetcher = Fetcher::default();
    let (one, mut two) = (stand(), stand());
    two.scope = 2;
    let before = Instant::now();
    fetcher.get(&one, &[item(1)], before).await;
    fetcher.get(&two, &[item(1)], before).await;
    assert_eq!((read(&one), read(&two)), (1, 1));
}

#[tokio::test]
async fn what_is_not_shareable_is_read_by_each() {
    let (fetcher, mut stand) = (Fetcher::default(), stand());
    stand.shareable = false;
    let now = Instant::now();
    let items = [item(1)];
    let answers = join_all((0..5).map(|_| fetcher.get(&stand, &items, now))).await;
    assert!(answers.iter().all(|answers| answers[0].is_ok()));
    assert_eq!(read(&stand), 5);
}

#[tokio::test]
async fn an_error_goes_to_those_who_waited_and_to_nobody_later() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    *stand.fail.lock().unwrap() = Some(ProviderError::Unavailable(Untrusted::default()));
    let (now, items) = (Instant::now(), [item(1)]);
    let answers = join_all((0..10).map(|_| fetcher.get(&stand, &items, now))).await;
    assert!(answers.iter().all(|answers| answers[0].is_err()));
    assert_eq!(read(&stand), 1);
    *stand.fail.lock().unwrap() = None;
    assert!(fetcher.get(&stand, &items, now).await[0].is_ok());
}

#[tokio::test]
async fn a_cancelled_leader_leaves_the_read_to_a_passenger() {
    let fetcher = Arc::new(Fetcher::default());
    let stand = Arc::new(Stand { gate: Some(Notify::new()), ..stand() });
    let now = Instant::now();
    let spawn = || {
        let (fetcher, stand) = (fetcher.clone(), stand.clone());
        tokio::spawn(async move { fetcher.get(stand.as_ref(), &[item(1)], now).await[0].is_ok() })
    };
    let leader = spawn();
    while read(&stand) == 0 {
        tokio::task::yield_now().await;
    }
    let passenger = spawn();
    tokio::task::yield_now().await;
    leader.abort();
    while read(&stand) == 1 {
        tokio::task::yield_now().await;
    }
    stand.gate.as_ref().unwrap().notify_one();
    assert!(passenger.await.unwrap());
}

#[tokio::test]
async fn what_lies_there_is_handed_out_during_a_pause() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let now = Instant::now();
    assert!(fetcher.get(&stand, &[item(1)], now).await[0].is_ok());
    let limit = ProviderError::RateLimited { retry_after: None, detail: Untrusted::default() };
    *stand.fail.lock().unwrap() = Some(limit);
    let answers = fetcher.get(&stand, &[item(1), item(2)], now).await;
    assert!(answers[0].is_ok() && answers[1].is_err());
    let answers = fetcher.get(&stand, &[item(1), item(3)], now).await;
    assert!(answers[0].is_ok() && matches!(answers[1], Err(CallError::Held { .. })));
    assert_eq!(read(&stand), 2);
}

#[tokio::test]
async fn a_backend_that_limits_is_left_alone() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    *stand.fail.lock().unwrap() = Some(ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(30)),
        detail: Untrusted::default(),
    });
    let now = Instant::now();
    for key in 0..20 {
        let answer = fetcher.get(&stand, &[item(key)], now).await.remove(0);
        let left = match answer {
            // Who was told by the backend, and who was not even sent.
            Err(CallError::Provider(ProviderError::RateLimited { retry_after: Some(left), .. }))
                if key == 0 =>
            {
                left
            }
            Err(CallError::Held { left }) if key > 0 => left,
            _ => panic!("not limited"),
        };
        assert!(left > Duration::from_secs(20) && left <= Duration::from_secs(30));
    }
    assert_eq!(read(&stand), 1);
    let (mut same, mut other) = (self::stand(), self::stand());
    (same.scope, other.scope, other.account) = (2, 3, Arc::from("another"));
    assert!(fetcher.get(&same, &[item(0)], now).await[0].is_err());
    assert_eq!(read(&same), 0, "another store of the same account");
    assert!(fetcher.get(&other, &[item(0)], now).await[0].is_ok(), "another account");
    let search = fetcher.call(&same, async { Ok(Health::Ready) }).await;
    assert!(search.is_err(), "a search or a validation waits too");
}

#[tokio::test]
async fn of_an_account_so_many_calls_are_made_at_once() {
    let (fetcher, stand) =
        (Arc::new(Fetcher::default()), Arc::new(Stand { gate: Some(Notify::new()), batch: 1, ..stand() }));
    let now = Instant::now();
    let askers: Vec<_> = (0..100)
        .map(|key| {
            let (fetcher, stand) = (fetcher.clone(), stand.clone());
            tokio::spawn(async move { fetcher.get(stand.as_ref(), &[item(key)], now).await[0].is_ok() })
        })
        .collect();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&stand), 32);
    for asker in askers {
        while !asker.is_finished() {
            stand.gate.as_ref().unwrap().notify_one();
            tokio::task::yield_now().await;
        }
        assert!(asker.await.unwrap());
    }
    assert_eq!(read(&stand), 100);
}

/// Each answer has four bytes.
#[tokio::test]
async fn who_has_no_room_left_asks_for_nothing_more() {
    let (fetcher, stand) = (Fetcher::default(), stand());
    let (items, now): (Vec<Item>, _) = ((0..50).map(item).collect(), Instant::now());
    let had = |told: Vec<Told>| {
        let all = told.into_iter().map(|told| told.answer);
        let all: Vec<bool> = all
            .map(|answer| match answer {
                Ok(_) => true,
                Err(CallError::Full(Full::Unread)) => false,
                Err(other) => panic!("{other}"),
            })
            .collect();
        assert!(all.is_sorted_by(|one, next| one >= next), "in order");
        all.into_iter().filter(|had| *had).count()
    };
    // Ten keys of four bytes fill it to the brim; one more batch is read, and no third.
    assert_eq!(had(fetcher.get_told(&stand, &items, now, 40).await), 20);
    assert_eq!(read(&stand), 20);
    // What was read just before has to have room too.
    assert_eq!(had(fetcher.get_told(&stand, &items, now, 10).await), 20);
    assert_eq!(read(&stand), 20);
    assert_eq!(had(fetcher.get_told(&stand, &items, now, 0).await), 20);
    assert_eq!(had(fetcher.get_told(&stand, &items[20..], now, 0).await), 0);
    assert_eq!(read(&stand), 20);
    // Who waits for a read that does not come reads for himself.
    let (small, large) =
        (fetcher.get_told(&stand, &items[20..], now, 10), fetcher.get_told(&stand, &items[20..], now, 1_000));
    let (small, large) = futures::future::join(small, large).await;
    assert_eq!((had(small), had(large)), (10, 30));
}
