//! Balancers on real sockets, with targets that this test runs itself.

mod bodies;
mod connections;
mod flips;
mod health;
mod routing;
mod stage;
