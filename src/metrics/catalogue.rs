//! All families that one exporter serves, in the order of the page.

use std::sync::Arc;

use super::exporter_families;
use super::family::Family;

/// The families that hold LivePerson's data and names, in the order in which they are served. The
/// exporter's own follow them on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue(Arc<[&'static Family]>);

impl Catalogue {
    /// A catalogue of these families.
    pub fn new(families: impl IntoIterator<Item = &'static Family>) -> Self {
        Self(families.into_iter().collect())
    }

    /// The families of data and names, in the order of the page.
    pub fn data(&self) -> &[&'static Family] {
        &self.0
    }

    /// Every family: data, names and the exporter's own.
    pub fn all(&self) -> impl Iterator<Item = &'static Family> {
        self.0.iter().chain(exporter_families::ALL).copied()
    }

    /// The place of a family of data or names on the page.
    pub fn position(&self, family: &'static Family) -> Option<usize> {
        self.0.iter().position(|known| std::ptr::eq(*known, family))
    }
}
