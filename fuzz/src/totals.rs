//! Files of saved running totals.

use liveperson_exporter::totals::state::AccountState;

/// Longest mistake, in characters.
const LONGEST: usize = 300;

/// Whatever is accepted reads back when it is written; a mistake is short.
pub fn state_file(data: &[u8]) {
    match AccountState::from_json("1", data) {
        Ok(state) => {
            let written = write(&state);
            let again = AccountState::from_json("1", written.as_bytes());
            // Compared as text: a number that was never served is NaN, which equals nothing.
            assert_eq!(write(&again.expect("what was written")), written);
        }
        Err(error) => super::check_message(&error.to_string(), LONGEST),
    }
}

fn write(state: &AccountState) -> String {
    let json = state.to_json().expect("a state is JSON");
    String::from_utf8(json).expect("JSON is UTF-8")
}
