//! Releases in a simulated world with a virtual clock: what the sequence does, call by call, and the laws that it holds
//! whatever fails, is slow, is killed, or is done by somebody else meanwhile.

mod cases;
mod fleet;
mod laws;
mod operator;
mod sequences;
mod time;
mod world;
