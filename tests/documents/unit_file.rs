//! The systemd unit.

use super::files::repository;
use crate::cases::check_each;

#[test]
fn the_unit_file_fits_the_program_and_the_sample_configuration() {
    let read = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let unit = read("systemd/liveperson_exporter.service");
    let value = |key: &str| {
        let mut lines = unit.lines();
        let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("the unit has no {key}="))
    };
    let start = value("ExecStart");
    assert!(
        start.starts_with("/usr/bin/liveperson_exporter "),
        "{start}"
    );
    let file = "/etc/liveperson_exporter/liveperson_exporter.yml";
    assert!(start.contains(&format!("--config.file={file}")), "{start}");
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
    let no_restart: Vec<_> = value("RestartPreventExitStatus").split(' ').collect();
    assert!(no_restart.contains(&"2"), "2 is a bad configuration");
    check_each(["AF_INET", "AF_INET6", "AF_UNIX"], |family| {
        let families = value("RestrictAddressFamilies");
        assert!(families.split(' ').any(|f| f == family), "{family}");
    });
    assert_eq!(
        value("LimitCORE"),
        "0",
        "a core dump would hold every secret"
    );
    assert_eq!(value("StateDirectory"), "liveperson_exporter");
    assert_eq!(
        value("StateDirectoryMode"),
        "0700",
        "volumes of a contact centre are for no other user"
    );
    let cut_off =
        |line: &str| line.starts_with("PrivateNetwork=yes") || line.starts_with("IPAddressDeny=");
    assert!(!unit.lines().any(cut_off), "no network, no data");
    let (credential, _) = value("LoadCredential").split_once(':').unwrap();
    assert!(
        read("config/liveperson_exporter.yml").contains(&format!("_file: {credential}\n")),
        "the sample configuration does not name the credential {credential}"
    );
}
