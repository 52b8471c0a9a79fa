//! Schedules that once broke a law.
