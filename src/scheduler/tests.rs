//! The rules of the scheduler under virtual time, all run by `test_driver`.

mod background;
mod call_budget;
mod hosts;
mod polls;
mod reload;
mod starvation;
