//! What commands print on standard output and standard error.
//!
//! Neither has to exist: a pipe may be closed (`check-config | head -1`), a disk full. `print!` and
//! similar macros panic then, and the exit status, which units and scripts depend on, would be that
//! of the panic. Output that cannot be written is lost.

use std::io::Write as _;

/// Prints on standard output and flushes it.
pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Prints errors on standard error, where there is no log yet; one per line.
pub(super) fn print_error(text: &str) {
    let mut lines = String::new();
    for line in text.lines() {
        lines.push_str("liveperson_exporter: ");
        lines.push_str(line);
        lines.push('\n');
    }
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
}

/// Prints a warning on standard error.
pub(super) fn print_warning(text: &str) {
    print_error(&format!("warning: {text}"));
}

/// Writes on standard error as it is, for what changes while one looks at it.
pub(super) fn print_status(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
