//! The rules of the scheduler under virtual time, run by `test_driver`; the loop around it with
//! `test_worker`.

mod background;
mod call_budget;
mod hosts;
mod polls;
mod reload;
mod run;
mod starvation;
