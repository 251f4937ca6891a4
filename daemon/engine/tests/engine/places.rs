//! Repositories on remote places, with real servers on the loopback interface, beside stock restic.

mod cloud;
mod cycle;
mod faults;
mod moving;
mod proxy;
mod room;
mod servers;
mod site;
