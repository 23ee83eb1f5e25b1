//! Words that every other module shares: levels, services. Imports nothing of the program.

mod level;
mod service;

pub use level::Level;
pub use service::Service;
