//! Virtual time: nobody waits, and what would be waited for happens in between.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_release::Clock;

use crate::world::World;

/// Milliseconds.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a short time")
}

/// The clock of a world.
pub struct Virtual(pub Arc<World>);

#[async_trait]
impl Clock for Virtual {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.now())
    }
    async fn sleep(&self, time: Duration) {
        self.0.sleep(ms(time)).await;
    }
}

impl World {
    /// Waits in virtual time.
    pub async fn sleep(&self, time: u64) {
        let until = self.now() + time;
        self.state().timers.insert(until);
        Until { world: self, until }.await;
    }
}

struct Until<'a> {
    world: &'a World,
    until: u64,
}

impl Future for Until<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.until { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Runs something in a world until it ends, or until it is killed at one of the points where it waits.
pub fn run<T>(world: &World, doing: impl Future<Output = T>, killed: impl Fn(u32) -> bool) -> Option<T> {
    let mut doing = pin!(doing);
    let mut context = Context::from_waker(Waker::noop());
    for waits in 0.. {
        if let Poll::Ready(end) = doing.as_mut().poll(&mut context) {
            return Some(end);
        }
        if killed(waits) {
            return None;
        }
        assert!(waits < 200_000, "it never ends: {:#?}", world.story());
        let next = world.state().timers.pop_first().expect("whoever waits, waits for a time");
        world.pass_until(next);
    }
    None
}
