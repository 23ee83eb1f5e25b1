//! Words that every other module shares: levels, windows, selections of ids, services. Imports
//! nothing of the program.

mod level;
mod selection;
mod service;
mod window;

pub use level::Level;
pub use selection::Selection;
pub use service::Service;
pub use window::Window;
