//! `man` and `completions`: made from the definition of the command line, so that they cannot differ
//! from it.

use std::io;

use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::failure::Failure;
use super::flags::{Cli, EXAMPLES};
use super::output::print;

/// What the definition of the command line does not say: section, and paragraphs of a term and what
/// it means.
const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "FILES",
        &[
            (
                "/etc/liveperson_exporter/liveperson_exporter.yml",
                "The configuration; the file named by --config.file takes its place. The packages install a sample with every setting there, to be edited before the first start.",
            ),
            (
                "/etc/default/liveperson_exporter, /etc/sysconfig/liveperson_exporter",
                "Flags for the service of systemd, in the variable ARGS; the latter with the RPM package.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "LIVEPERSON_ACCOUNT_ID, LIVEPERSON_CLIENT_ID, LIVEPERSON_CLIENT_SECRET, LIVEPERSON_CLIENT_SECRET_FILE",
                "One account without a configuration file.",
            ),
            (
                "LIVEPERSON_EXPORTER__SECTION__KEY",
                "Overrides a single value of the configuration file, such as LIVEPERSON_EXPORTER__LIMITS__MIN_SPACING=1s.",
            ),
            (
                "CREDENTIALS_DIRECTORY, STATE_DIRECTORY, NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID",
                "Set by systemd: where files of secrets are, where state is kept, how the service reports its state and that it works, and the sockets it listens on.",
            ),
            (
                "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
                "The proxy for calls to LivePerson.",
            ),
            (
                "SSL_CERT_FILE, SSL_CERT_DIR",
                "Root certificates instead of those of the system.",
            ),
            (
                "POD_NAME, HOSTNAME",
                "The name of the pod, whose number is the index of --shard=pod/TOTAL.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            ("SIGHUP", "Reloads the configuration."),
            ("SIGTERM, SIGINT", "A clean stop within 5 seconds."),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "A clean stop, or success of the command."),
            ("1", "A failure at run time."),
            ("2", "Bad usage or configuration; nothing was started."),
        ],
    ),
];

/// How roff writes an apostrophe, as `Roff::to_writer` defines it.
const QUOTE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// Prints the man page.
pub(super) fn man() -> Result<(), Failure> {
    let page = page().map_err(|error| Failure::runtime(format!("no man page: {error}")))?;
    print(&page);
    Ok(())
}

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(
        shell,
        &mut Cli::command(),
        "liveperson_exporter",
        &mut script,
    );
    print(&String::from_utf8_lossy(&script));
}

fn page() -> io::Result<String> {
    let command = Cli::command();
    let man = Man::new(command.clone())
        .section("8")
        // With the revision it would be written over the other parts of the last line.
        .source(format!("liveperson_exporter {}", crate::VERSION))
        .date("")
        .manual("Prometheus exporters");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&command).to_writer(&mut page)?;
    for (title, paragraphs) in SECTIONS {
        section(title, paragraphs).to_writer(&mut page)?;
    }
    examples().to_writer(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    // Each part begins with the same definition of a quote.
    Ok(format!("{QUOTE}{}", page.replace(QUOTE, "")))
}

/// The commands with their own options.
fn commands(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        let texts = [command.get_about(), command.get_after_help()];
        let texts: Vec<_> = texts
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        paragraph(&mut roff, command.get_name(), &texts.join(". "));
        let arguments = command.get_arguments().filter(|a| !a.is_global_set());
        let mut own = arguments
            .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
            .peekable();
        if own.peek().is_none() {
            continue;
        }
        roff.control("RS", []);
        for argument in own {
            let value = argument.get_value_names().and_then(<[_]>::first);
            let name = match (argument.get_long(), value) {
                (Some(long), Some(value)) if argument.get_action().takes_values() => {
                    format!("--{long} <{value}>")
                }
                (Some(long), _) => format!("--{long}"),
                (None, _) => argument.get_id().as_str().to_uppercase(),
            };
            paragraph(&mut roff, &name, &explanation(argument));
        }
        roff.control("RE", []);
    }
    roff
}

/// What an option is for, its values where they can be listed, and its default.
fn explanation(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string);
    let mut text = help.unwrap_or_default();
    if argument.get_action().takes_values() {
        let values = argument.get_possible_values();
        let values: Vec<_> = values.iter().map(PossibleValue::get_name).collect();
        let defaults = argument.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
        for (what, values) in [
            ("possible values", values.join(", ")),
            ("default", defaults.join(", ")),
        ] {
            if !values.is_empty() {
                text.push_str(&format!(" [{what}: {values}]"));
            }
        }
    }
    text.trim_start().to_owned()
}

fn section(title: &str, paragraphs: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, text) in paragraphs {
        paragraph(&mut roff, term, text);
    }
    roff
}

/// The examples of `--help`.
fn examples() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    roff.control("nf", []);
    for line in EXAMPLES.lines().skip(1) {
        roff.text([roman(line.trim())]);
    }
    roff.control("fi", []);
    roff
}

fn paragraph(roff: &mut Roff, term: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(term)]);
    roff.text([roman(text)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    #[test]
    fn the_man_page_has_every_flag_and_command() {
        let page = page().unwrap().replace("\\-", "-");
        let command = Cli::command();
        let flags = command.get_arguments().filter_map(|a| a.get_long());
        let names = command.get_subcommands().map(|c| c.get_name());
        check_each(flags.chain(names), |name| {
            assert!(page.contains(name), "{name} is missing");
        });
        check_each(
            [
                // Short fields, so that nothing is written over in the last line.
                &format!("\"liveperson_exporter {}\"", crate::VERSION),
                "[default: 12345678]",
                "[possible values: bash",
            ],
            |part| assert!(page.contains(part), "{part} is missing: {page}"),
        );
        check_each(
            ["EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"],
            |section| {
                assert!(page.contains(section), "{section} is missing");
            },
        );
    }

    #[test]
    fn help_fits_on_one_screen_and_ends_with_examples() {
        let help = Cli::command().term_width(80).render_help().to_string();
        let lines: Vec<_> = help.lines().collect();
        assert!(lines.len() <= 45, "{} lines: {help}", lines.len());
        check_each(&lines, |line| assert!(line.chars().count() <= 80, "{line}"));
        let command = Cli::command();
        let shown = command
            .get_arguments()
            .filter(|a| !a.is_hide_short_help_set());
        let flags = shown.filter_map(|a| a.get_long());
        assert!(help.contains("More flags"), "{help}");
        check_each(flags, |flag| {
            let of_flag = |line: &&&str| line.contains(&format!("--{flag}"));
            let line = lines.iter().find(of_flag).unwrap();
            assert!(line.starts_with("  "), "{line}");
            // Two spaces part the flag from what it is for, which stands on the same line.
            assert!(line.trim().contains("  "), "{line}");
        });
        let (_, examples) = help.split_once("Examples:").unwrap();
        assert!(examples.contains("liveperson_exporter demo"), "{help}");
    }
}
