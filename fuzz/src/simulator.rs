//! Fault files of the simulator.

use liveperson_exporter::fuzzing::simulator;

/// What is accepted reads back when it is written; a mistake is short.
pub fn fault_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match simulator::faults(text) {
        Ok(faults) => {
            let written = simulator::fault_file(&faults);
            assert_eq!(simulator::faults(&written), Ok(faults), "{written}");
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let length = mistake.chars().count();
                assert!(length <= 600, "{length} characters: {mistake}");
            }
        }
    }
}
