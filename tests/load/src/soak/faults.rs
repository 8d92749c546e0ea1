//! What breaks, and is mended: at most one fault of a server at a time, as many of different ones as come together.

use std::time::Instant;

use anyhow::Result;
use claviger_testenv::{Moment, Trap};

use super::ground::Ground;
use super::operators::Operators;
use super::plan::Fault;

/// A fault that lasts.
struct Active {
    fault: Fault,
    /// The step before which it ends.
    end: usize,
}

/// Those that last now.
#[derive(Default)]
pub(crate) struct Faults {
    active: Vec<Active>,
    /// Whom a trap would kill.
    trapped: Option<u32>,
    /// When the API server was last there again.
    back: Option<Instant>,
}

impl Faults {
    /// Whether OpenBao takes what we write.
    pub(crate) fn bao_is_up(&self) -> bool {
        !self.is(&[Fault::BaoStop, Fault::Seal])
    }

    /// Whether the API server does.
    pub(crate) fn api_is_up(&self) -> bool {
        !self.is(&[Fault::ApiServer, Fault::Etcd])
    }

    /// Looks for operators that have ended, and says if they should not have.
    ///
    /// # Errors
    /// If one should not have.
    pub(crate) fn watch(&self, operators: &mut Operators) -> Result<()> {
        let away = if self.api_is_up() { self.back } else { Some(Instant::now()) };
        operators.watch(self.trapped, away)
    }

    fn is(&self, faults: &[Fault]) -> bool {
        self.active.iter().any(|active| faults.contains(&active.fault))
    }

    /// Breaks something until a step; what was broken, or none: something like it is broken already.
    ///
    /// # Errors
    /// If it cannot be broken.
    pub(crate) fn begin(
        &mut self,
        ground: &mut Ground<'_>,
        operators: &mut Operators,
        fault: Fault,
        steps: usize,
        end: usize,
    ) -> Result<Option<String>> {
        self.watch(operators)?;
        let what = match fault {
            Fault::Kill => match operators.kill()? {
                Some(name) => {
                    // Its number may be another's soon.
                    self.disarm(ground);
                    self.active
                        .retain(|active| !matches!(active.fault, Fault::KillAtRead | Fault::KillAtPush));
                    format!("kill -9 of operator {name}")
                }
                None => return Ok(None),
            },
            Fault::KillAtRead | Fault::KillAtPush => {
                let Some(pid) = operators.pid().filter(|_| self.trapped.is_none()) else { return Ok(None) };
                let odd = steps % 2 == 1;
                let (method, path, moment) = match (fault, odd) {
                    (Fault::KillAtPush, _) => ("PUT", "/v1/soak/data/pushed/once/", Moment::Answered),
                    (_, false) => ("GET", "/v1/soak-db/creds/", Moment::Answered),
                    (_, true) => ("GET", "/v1/soak/data/app/", Moment::Asked),
                };
                ground.proxy.set(Trap { method, path: path.to_owned(), nth: 1, moment, pid });
                self.trapped = Some(pid);
                format!("a trap: kill -9 of the operator at {method} {path}, {moment:?}")
            }
            Fault::Pause => match operators.pause()? {
                Some(name) => format!("SIGSTOP of operator {name}"),
                None => return Ok(None),
            },
            Fault::BaoStop | Fault::Seal if !self.bao_is_up() => return Ok(None),
            Fault::BaoStop => {
                ground.place.bao.stop();
                "OpenBao is stopped".to_owned()
            }
            Fault::Seal => {
                crate::vault::call(ground.place.bao.view(), "PUT", "sys/seal", &serde_json::json!({}))?;
                "OpenBao is sealed".to_owned()
            }
            Fault::Hold => {
                ground.proxy.hold("GET", "/v1/soak/data/");
                "OpenBao's answers to reads are held back".to_owned()
            }
            Fault::Revoke if !self.bao_is_up() => return Ok(None),
            Fault::Revoke => {
                ground.revoke_tokens()?;
                return Ok(Some("all tokens of the operator are revoked".to_owned()));
            }
            Fault::ApiServer | Fault::Etcd if !self.api_is_up() => return Ok(None),
            Fault::ApiServer => {
                ground.place.cluster.stop_api_server();
                "the API server is stopped".to_owned()
            }
            Fault::Etcd => {
                ground.place.cluster.stop_etcd();
                "etcd is stopped".to_owned()
            }
        };
        self.active.push(Active { fault, end });
        Ok(Some(what))
    }

    /// Mends what lasts until this step; what was mended.
    ///
    /// # Errors
    /// If something does not work again.
    pub(crate) async fn mend(
        &mut self,
        ground: &mut Ground<'_>,
        operators: &mut Operators,
        step: usize,
    ) -> Result<Vec<&'static str>> {
        self.watch(operators)?;
        let over = |active: &Active| active.end <= step;
        let mut faults: Vec<Fault> =
            self.active.iter().filter(|active| over(active)).map(|active| active.fault).collect();
        self.active.retain(|active| !over(active));
        // An operator needs the API server to begin.
        faults.sort_by_key(|fault| !matches!(fault, Fault::ApiServer | Fault::Etcd));
        let mut mended = Vec::new();
        for fault in faults {
            mended.push(match fault {
                Fault::Kill => {
                    operators.restart()?;
                    "the operator is started again"
                }
                Fault::KillAtRead | Fault::KillAtPush => {
                    let sprung = ground.proxy.sprung();
                    if sprung {
                        self.watch(operators)?;
                    }
                    self.disarm(ground);
                    operators.restart()?;
                    if sprung {
                        "the trap has sprung, the operator is started again"
                    } else {
                        "the trap is taken away"
                    }
                }
                Fault::Pause => {
                    operators.unpause()?;
                    "SIGCONT"
                }
                Fault::BaoStop => {
                    ground.place.bao.start_again()?;
                    "OpenBao is started again"
                }
                Fault::Seal => {
                    ground.place.bao.unseal()?;
                    "OpenBao is unsealed"
                }
                Fault::Hold => {
                    ground.proxy.let_go();
                    "OpenBao's answers come through"
                }
                Fault::Revoke => "nothing",
                Fault::ApiServer => {
                    ground.place.cluster.start_api_server()?;
                    self.back_again(ground, operators).await?;
                    "the API server is started again"
                }
                Fault::Etcd => {
                    ground.place.cluster.start_etcd()?;
                    self.back_again(ground, operators).await?;
                    "etcd is started again"
                }
            });
        }
        Ok(mended)
    }

    /// Waits for the API server; operators that could not begin without it begin now.
    async fn back_again(&mut self, ground: &Ground<'_>, operators: &mut Operators) -> Result<()> {
        ground.wait_api().await?;
        self.back = Some(Instant::now());
        self.watch(operators)?;
        operators.restart()
    }

    /// The trap kills nobody any more: what it waits for never comes.
    fn disarm(&mut self, ground: &Ground<'_>) {
        if let Some(pid) = self.trapped.take() {
            let never = "/nothing is asked for here/".to_owned();
            ground.proxy.set(Trap { method: "NONE", path: never, nth: 1, moment: Moment::Asked, pid });
        }
    }
}
