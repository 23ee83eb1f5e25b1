//! What reads fault files, for `fuzz/`.

use super::apis::Apis;
use super::fault_file;
use super::faults::Fault;

/// Reads a fault file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn faults(text: &str) -> Result<Vec<Fault>, Vec<String>> {
    fault_file::parse(text, &Apis::standard())
}

/// Faults as a fault file that says the same.
pub fn fault_file(faults: &[Fault]) -> String {
    fault_file::write(faults).to_string()
}
