//! What configurations mean, held against a provider that keeps a book of what it is asked.

mod attention;
mod conditions;
mod destroying;
mod ephemeral;
mod fake;
mod imports;
mod moves;
mod order;
mod refreshed;
mod targets;
mod unused;
