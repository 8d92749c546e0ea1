//! Stands for election until told to stop: asks and writes as the candidate says, and gives the right to act
//! accordingly.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::candidate::{Candidate, Step, Timing};
use super::clock::Moment;
use super::leadership::Leadership;
use super::lease::{LeaseObject, record};
use crate::config::Election;

/// For one request. Two fail before a leader's time is over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Stands for election.
pub(crate) struct Elector {
    object: LeaseObject,
    candidate: Candidate,
    leadership: Leadership,
    /// As last read or written.
    seen: Option<Lease>,
    /// Who was last said to have it.
    told: Option<String>,
    /// Whether it was last said that the lease cannot be reached.
    failing: bool,
    lease: String,
}

impl Elector {
    /// Stands for the lease that `election` names, and gives `leadership` the right while it is ours.
    pub(crate) fn new(client: Client, election: &Election, leadership: Leadership) -> Self {
        let timing = Timing::USUAL;
        Self {
            object: LeaseObject::new(client, &election.namespace, &election.name, timing),
            candidate: Candidate::new(election.identity.clone(), timing),
            leadership,
            seen: None,
            told: None,
            failing: false,
            lease: format!("{}/{}", election.namespace, election.name),
        }
    }

    /// Until `stop`; gives the lease back then, if it is ours.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        tracing::info!(lease = self.lease, me = self.candidate.me(), "standing for election");
        while !stop.is_cancelled() {
            let now = Moment::now();
            let step = self.candidate.step(now);
            self.publish(now);
            if let Step::Wait(until) = step {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(until.since(now)) => {}
                }
                continue;
            }
            self.act(step, now).await;
            self.publish(Moment::now());
        }
        self.leadership.lose();
        self.give_back().await;
    }

    async fn act(&mut self, step: Step, began: Moment) {
        // Its own end must not come while it waits for an answer.
        let left = self.candidate.leads(began).map(|until| until.since(began));
        let patience = left.map_or(PATIENCE, |left| left.min(PATIENCE));
        let outcome = tokio::time::timeout(patience, self.request(step, began)).await;
        let why = match outcome {
            Ok(Ok(())) => {
                self.failing = false;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} ms", patience.as_millis()),
        };
        // Once, and not every two seconds.
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(lease = self.lease, why, "the lease cannot be read or written");
        }
        self.candidate.failed(Moment::now(), rand::random());
    }

    async fn request(&mut self, step: Step, began: Moment) -> Result<(), kube::Error> {
        let me = self.candidate.me().to_owned();
        let written = match (step, &self.seen) {
            (Step::Read, _) | (Step::Take | Step::Renew, None) => {
                self.seen = self.object.read().await?;
                let found = self.seen.as_ref().map(record);
                self.candidate.read(Moment::now(), found, rand::random());
                return Ok(());
            }
            (Step::Create, _) => self.object.create(&me).await?,
            (Step::Take | Step::Renew, Some(seen)) => self.object.hold(seen, &me).await?,
            (Step::Wait(_), _) => return Ok(()),
        };
        match written {
            Some(lease) => {
                self.candidate.wrote(began, record(&lease));
                self.seen = Some(lease);
            }
            None => self.candidate.refused(Moment::now()),
        }
        Ok(())
    }

    /// Gives or takes the right to act, and says what changed.
    fn publish(&mut self, now: Moment) {
        let holder = self.candidate.holder().map(ToOwned::to_owned);
        let before = self.told.clone().unwrap_or_default();
        match self.candidate.leads(now) {
            Some(until) => {
                if self.leadership.extend(until) {
                    tracing::info!(lease = self.lease, before, "this replica leads");
                }
            }
            None => {
                let lost = self.leadership.lose();
                let holder = holder.clone().unwrap_or_default();
                if lost {
                    tracing::warn!(
                        lease = self.lease,
                        "the lease was lost or not renewed in time, standing by"
                    );
                }
                if holder != before && !holder.is_empty() && holder != self.candidate.me() {
                    tracing::info!(lease = self.lease, holder, before, "another replica leads");
                }
            }
        }
        if holder.is_some() {
            self.told = holder;
        }
    }

    async fn give_back(&mut self) {
        let (true, Some(seen)) = (self.candidate.resign(), &self.seen) else { return };
        match tokio::time::timeout(PATIENCE, self.object.release(seen)).await {
            Ok(Ok(Some(_))) => tracing::info!(lease = self.lease, "the lease is given back"),
            // Then it runs out, or is somebody else's.
            _ => tracing::warn!(lease = self.lease, "the lease was not given back"),
        }
    }
}
