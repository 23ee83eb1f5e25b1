//! Words that every other module shares: ids, levels, windows, selections of
//! ids, services. Imports
//! nothing of the program.

mod ids;
mod level;
mod selection;
mod service;
mod window;

pub use ids::{AgentId, GroupId, Id, SkillId};
pub use level::Level;
pub use selection::Selection;
pub use service::Service;
pub use window::Window;
