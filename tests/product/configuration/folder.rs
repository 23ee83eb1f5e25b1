//! A configuration file in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use liveperson_exporter::collectors::Registry;
use liveperson_exporter::config::{ConfigErrors, Environment, Loaded, load};

/// An account with an inline secret, to put other sections after.
pub(crate) const ACCOUNT: &str = r#"accounts:
  - id: "12345678"
    auth:
      oauth2: {client_id: abc, client_secret: hush-hush}
"#;

/// A folder with a configuration file in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.file("c.yml", text);
        folder
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn load(&self, env: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
        let env = Environment::from_pairs(env.iter().copied());
        load(
            Some(&self.path().join("c.yml")),
            &env,
            &Registry::standard().sections(),
        )
    }

    /// The text of the error, with `DIR` for the folder.
    pub(crate) fn error(&self, env: &[(&str, &str)]) -> String {
        let text = self.load(env).unwrap_err().to_string();
        text.replace(self.path().to_str().unwrap(), "DIR")
    }
}
