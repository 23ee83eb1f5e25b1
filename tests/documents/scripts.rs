//! The scripts that contributors run on their machines change nothing there: when a program is
//! missing, no service is touched, nothing is installed, and the missing program is named.

use crate::cases::check_each;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPTS: [&str; 3] = ["tests/run", "benches/run", "benches/guard"];

/// What the scripts may use of the system's programs.
const TOOLS: [&str; 15] = [
    "awk", "bash", "cat", "chmod", "dirname", "env", "find", "grep", "head", "ls", "mkdir",
    "realpath", "rm", "sh", "touch",
];

/// Whatever would change a system.
const FORBIDDEN: [&str; 10] = [
    "sudo",
    "su",
    "systemctl",
    "service",
    "invoke-rc.d",
    "update-rc.d",
    "apt",
    "kill",
    "pkill",
    "killall",
];

/// Stands for a machine with few programs, some of them stubs; every call of those is recorded.
struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let sandbox = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(sandbox.bin()).unwrap();
        for tool in TOOLS {
            let found = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
            let found = found.iter().find(|path| path.exists()).unwrap();
            symlink(found, sandbox.bin().join(tool)).unwrap();
        }
        for program in FORBIDDEN {
            sandbox.stub(program, "exit 0");
        }
        sandbox.stub("cargo", "exit 0");
        sandbox.stub("python3", "exit 0");
        sandbox
    }

    fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    fn stub(&self, program: &str, does: &str) {
        let path = self.bin().join(program);
        let log = self.folder.path().join("calls");
        let script = format!(
            "#!/bin/sh\necho {program} \"$@\" >>{}\n{does}\n",
            log.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script; returns what it printed and the calls of stubs.
    fn run(&self, script: &str) -> (String, Vec<String>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(self.bin().join("bash"))
            .arg(root.join(script))
            .env_clear()
            .env("PATH", self.bin())
            .env("CARGO_TARGET_DIR", self.folder.path().join("target"))
            .env("CI", "true")
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        let calls = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        (
            String::from_utf8_lossy(&output.stderr).into_owned(),
            calls.lines().map(str::to_owned).collect(),
        )
    }
}

/// What is wrong with the calls that a script made.
fn offences(calls: &[String]) -> Vec<&String> {
    let harmless = |call: &&String| {
        let words: Vec<&str> = call.split(' ').collect();
        let has = |word| words.contains(&word);
        match words[0] {
            "apt-get" => {
                has("update") || has("download") || has("indextargets") || has("--simulate")
            }
            "dpkg" => has("-x"),
            program => !FORBIDDEN.contains(&program),
        }
    };
    calls.iter().filter(|call| !harmless(call)).collect()
}

/// Packages hold nothing but a program of each name that is asked for.
const APT: &str = r#"case "$*" in
*--simulate*) for last; do :; done; echo "Inst $last (1.0 x)" ;;
*download*) for last; do :; done; touch "$last.deb" ;;
esac"#;
const DPKG: &str = r#"mkdir -p "$3/usr/bin"
for program in prometheus promtool amtool curl nginx valgrind; do
    printf '#!/bin/sh\n' >"$3/usr/bin/$program"
    chmod +x "$3/usr/bin/$program"
done"#;

#[test]
fn scripts_never_touch_the_system_whatever_is_missing() {
    let mut wrong = Vec::new();
    for script in SCRIPTS {
        for (machine_has, pretended) in [
            (
                "everything, services included",
                &[
                    "prometheus",
                    "promtool",
                    "amtool",
                    "curl",
                    "nginx",
                    "valgrind",
                ][..],
            ),
            ("nothing, and no apt", &[]),
            ("nothing, and apt", &["apt-get", "dpkg"]),
            (
                "nothing, and an apt that fails",
                &["apt-get", "dpkg", "failing"],
            ),
        ] {
            let sandbox = Sandbox::new();
            for program in pretended {
                let fails = pretended.contains(&"failing");
                let does = match *program {
                    "apt-get" | "dpkg" if fails => "exit 100",
                    "apt-get" => APT,
                    "dpkg" => DPKG,
                    _ => "echo version 3.0",
                };
                sandbox.stub(program, does);
            }
            let (printed, calls) = sandbox.run(script);
            let offences = offences(&calls);
            if !offences.is_empty() {
                wrong.push(format!(
                    "{script} on a machine with {machine_has}: {offences:?}"
                ));
            }
            if !calls.iter().any(|call| call.starts_with("cargo ")) {
                wrong.push(format!(
                    "{script} on a machine with {machine_has} ran nothing: {printed}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_name_what_is_missing_and_cannot_be_had() {
    let needs = [
        (
            "tests/run",
            &["prometheus", "promtool", "amtool", "curl"][..],
        ),
        ("benches/run", &["nginx"]),
        ("benches/guard", &["valgrind"]),
    ];
    check_each(needs, |(script, programs)| {
        let (printed, _) = Sandbox::new().run(script);
        for program in programs {
            // The scripts look there regardless of PATH.
            if Path::new("/usr/sbin").join(program).exists() {
                continue;
            }
            assert!(
                printed
                    .lines()
                    .any(|line| line.contains("MISSING") && line.contains(program)),
                "{script} does not name {program}: {printed}"
            );
        }
    });
}

#[test]
fn what_is_missing_is_unpacked_below_target_and_then_found() {
    let sandbox = Sandbox::new();
    sandbox.stub("apt-get", APT);
    sandbox.stub("dpkg", DPKG);
    sandbox.stub("cargo", "prometheus && promtool && amtool && curl");
    let (printed, _) = sandbox.run("tests/run");
    assert!(!printed.contains("MISSING: prometheus"), "{printed}");
    let programs = sandbox.folder.path().join("target/programs");
    assert!(programs.join("bin/prometheus").exists(), "{printed}");
    // Found the second time without being asked for again.
    let (printed, _) = sandbox.run("tests/run");
    assert!(!printed.contains("missing: prometheus"), "{printed}");
}
