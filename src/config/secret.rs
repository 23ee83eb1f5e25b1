//! Credentials that cannot be printed by accident.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// A secret and, when it came from a file, that file, so that it can be read again after rotation.
#[derive(Clone)]
pub struct Secret {
    value: SecretString,
    file: Option<PathBuf>,
}

impl Secret {
    /// A secret given as a value.
    pub fn from_value(value: String) -> Self {
        Self {
            value: value.into(),
            file: None,
        }
    }

    /// The secret itself; only the code that puts it on the wire calls this.
    pub fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.expose() == other.expose()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}
