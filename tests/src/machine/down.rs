//! Machines that go down, and boot again with what they have stored.

use super::Machine;

/// What nspawn answers when a machine wants to be booted again.
const REBOOT: i32 = 133;

/// How a machine went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    Off,
    Reboot,
}

impl Machine {
    /// Waits until it is down, because somebody in it said so.
    pub fn wait_until_down(&mut self) -> Down {
        let status = self.container.wait_for_end();
        match status.code() {
            Some(0) => Down::Off,
            Some(REBOOT) => Down::Reboot,
            _ => panic!("the machine has crashed: {status}\n{}", self.container.console()),
        }
    }

    /// Boots it again after it went down; only what it held in memory is gone.
    pub fn boot_again(&mut self) {
        self.bus.take();
        self.container.boot_again();
    }
}
