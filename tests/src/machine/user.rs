//! Users of a machine, and the managers of their own services.

use super::Machine;

/// A user that each machine has, beside root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub name: &'static str,
    pub id: u32,
}

pub const ALICE: User = User {
    name: "alice",
    id: 1000,
};
pub const BOB: User = User {
    name: "bob",
    id: 1001,
};

impl User {
    /// Where the user's sockets are, while a manager runs.
    pub fn runtime_directory(self) -> String {
        format!("/run/user/{}", self.id)
    }

    pub fn home(self) -> String {
        format!("/home/{}", self.name)
    }
}

impl Machine {
    /// Starts the user's own manager, as for a user who lingers.
    pub fn start_user_manager(&self, user: User) {
        self.run(["loginctl", "enable-linger", user.name]).well();
        // It says when it is ready, which is what starting waits for.
        self.run(["systemctl", "start", &format!("user@{}.service", user.id)])
            .well();
    }
}
