//! The systemd units.

use super::files::repository;
use crate::cases::check_each;

const SERVICE: &str = "systemd/liveperson_exporter.service";
const TEMPLATE: &str = "systemd/liveperson_exporter@.service";

fn read(path: &str) -> String {
    std::fs::read_to_string(repository(path)).unwrap()
}

/// The value of a key that is there once.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    let mut lines = unit.lines();
    let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("the unit has no {key}="))
}

#[test]
fn the_unit_file_fits_the_program_and_the_sample_configuration() {
    let unit = read(SERVICE);
    let value = |key| value(&unit, key);
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
    let cut_off =
        |line: &str| line.starts_with("PrivateNetwork=yes") || line.starts_with("IPAddressDeny=");
    assert!(!unit.lines().any(cut_off), "no network, no data");
    let (credential, _) = value("LoadCredential").split_once(':').unwrap();
    assert!(
        read("config/liveperson_exporter.yml").contains(&format!("_file: {credential}\n")),
        "the sample configuration does not name the credential {credential}"
    );
}

#[test]
fn the_service_is_watched_and_keeps_its_secrets_and_state() {
    let unit = read(SERVICE);
    let settings = [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("WatchdogSec", "60s"),
        ("LimitCORE", "0"),
        ("DynamicUser", "yes"),
        ("StateDirectory", "liveperson_exporter"),
        ("StateDirectoryMode", "0700"),
        ("ConfigurationDirectory", "liveperson_exporter"),
        ("ConfigurationDirectoryMode", "0750"),
        ("Restart", "on-failure"),
    ];
    check_each(settings, |(key, want)| {
        assert_eq!(value(&unit, key), want, "{key}");
    });
}

/// The lines that are not comments.
fn settings(unit: &str) -> Vec<&str> {
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_template_differs_only_in_the_places_of_an_instance() {
    let (service, template) = (read(SERVICE), read(TEMPLATE));
    let places = [
        ("LivePerson, instance %i", "LivePerson"),
        (
            "/etc/default/liveperson_exporter.%i",
            "/etc/default/liveperson_exporter",
        ),
        ("/etc/liveperson_exporter/%i/", "/etc/liveperson_exporter/"),
        (
            "StateDirectory=liveperson_exporter-%i",
            "StateDirectory=liveperson_exporter",
        ),
        (
            "ConfigurationDirectory=liveperson_exporter/%i",
            "ConfigurationDirectory=liveperson_exporter",
        ),
    ];
    let mut expected = template.clone();
    for (of_instance, of_service) in places {
        assert!(template.contains(of_instance), "{of_instance} is missing");
        expected = expected.replace(of_instance, of_service);
    }
    assert_eq!(settings(&expected), settings(&service));
}

#[test]
fn the_socket_has_the_default_port_and_a_name() {
    let socket = read("systemd/liveperson_exporter.socket");
    assert_eq!(value(&socket, "ListenStream"), "10188");
    assert_eq!(value(&socket, "FileDescriptorName"), "metrics");
}

/// A connection that waits starts the service again and again, whatever its exit status.
#[test]
fn the_socket_gives_up_a_service_that_cannot_start() {
    let socket = read("systemd/liveperson_exporter.socket");
    let seconds = value(&socket, "TriggerLimitIntervalSec").trim_end_matches('s');
    assert!(seconds.parse::<u32>().unwrap() > 0, "0 means no limit");
    let starts = value(&socket, "TriggerLimitBurst").parse::<u32>();
    assert!((1..=20).contains(&starts.unwrap()), "no limit");
}
