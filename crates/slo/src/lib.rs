//! Mathematics of objectives: what was promised, what is left of the budget, who must be told.
//!
//! Pure: values in, values out. No clock, no I/O, no randomness; times are parameters, in
//! milliseconds. The same input gives the same output, bit for bit, on one machine.
//!
//! Where to look: [`ledger`] sums counts for any window, [`spending`] holds them against the targets of an
//! [`objective`] over a [`period`]. [`burn`] has the standard alerts, [`page`] those that need evidence,
//! [`report`] what was and what would have been. [`live`] does the same in the process that serves the
//! requests, without counters.

pub mod binomial;
pub mod budget;
pub mod burn;
pub mod composite;
pub mod ledger;
pub mod live;
pub mod objective;
pub mod page;
pub mod period;
pub mod report;
pub mod spending;
pub mod spent;
pub mod window;
