//! What commands say, on standard output and standard error.
//!
//! Neither has to be there: a pipe may be closed (`check-config | head -1`), a disk full. `print!`
//! and its like panic then, and the exit status, which units and scripts act on, would be the
//! panic's. Whoever closed the pipe has seen enough, and there is nobody left to tell.

use std::io::Write as _;
use std::process::ExitCode;

/// Says something on standard output, at once.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Says on standard error what went wrong before or instead of the log; returns the exit status.
pub(super) fn complain(status: u8, text: &str) -> ExitCode {
    let mut lines = String::new();
    for line in text.lines() {
        lines.push_str("liveperson_exporter: ");
        lines.push_str(line);
        lines.push('\n');
    }
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
    ExitCode::from(status)
}
