//! What one answer says, as numbers by id: what running totals are made of.

use crate::vocabulary::Level;

/// Whose numbers: a level and its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The level.
    pub level: Level,
    /// The ids of the level, in the order of its labels; 0 where it has fewer.
    pub ids: [i64; 2],
}

impl SeriesKey {
    /// The whole account.
    pub const ACCOUNT: Self = Self {
        level: Level::Account,
        ids: [0, 0],
    };

    /// One skill, agent or group.
    pub fn one(level: Level, id: i64) -> Self {
        Self {
            level,
            ids: [id, 0],
        }
    }

    /// One agent in one skill.
    pub fn skill_agent(skill: i64, agent: i64) -> Self {
        Self {
            level: Level::SkillAgent,
            ids: [skill, agent],
        }
    }

    /// The ids that its level has.
    pub fn ids(&self) -> &[i64] {
        let count = match self.level {
            Level::Account => 0,
            Level::Skill | Level::Agent | Level::Group => 1,
            Level::SkillAgent => 2,
        };
        &self.ids[..count]
    }
}

/// Numbers by id, the same fields for each. A number that LivePerson left out is NaN; an id that it
/// left out has none, which is 0 of everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    fields: usize,
    keys: Vec<SeriesKey>,
    values: Vec<f64>,
}

impl Counts {
    /// No numbers of so many fields.
    pub fn new(fields: usize) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    /// How many numbers each id has.
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// Adds the numbers of one id. Those that are not numbers, or beyond what a float counts exactly,
    /// are as good as left out.
    pub fn push(&mut self, key: SeriesKey, values: impl IntoIterator<Item = Option<f64>>) {
        let start = self.values.len();
        let usable = |value: Option<f64>| value.filter(|v| (0.0..9e15).contains(v));
        let values = values.into_iter().map(|v| usable(v).unwrap_or(f64::NAN));
        self.values.extend(values.take(self.fields));
        self.values.resize(start + self.fields, f64::NAN);
        self.keys.push(key);
    }

    /// Sorts by id, as all other functions expect it; of an id that comes twice the first counts.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        if self.keys.is_sorted_by(|a, b| a < b) {
            return self;
        }
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_by_key(|index| self.keys[*index]);
        order.dedup_by_key(|index| self.keys[*index]);
        let keys = order.iter().map(|index| self.keys[*index]).collect();
        let values = order.iter().flat_map(|index| self.row(*index).to_vec());
        (self.values, self.keys) = (values.collect(), keys);
        self
    }

    /// Ids and their numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesKey, &[f64])> {
        let keys = self.keys.iter().enumerate();
        keys.map(|(index, key)| (*key, self.row(index)))
    }

    /// How many ids have numbers.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no id has numbers.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether nothing was counted for anyone.
    pub fn is_zero(&self) -> bool {
        self.values.iter().all(|value| *value == 0.0)
    }

    /// Whether it has numbers of this id.
    pub fn contains(&self, key: SeriesKey) -> bool {
        self.keys.binary_search(&key).is_ok()
    }

    /// The key at a place in the order.
    pub(super) fn key(&self, index: usize) -> Option<SeriesKey> {
        self.keys.get(index).copied()
    }

    /// The numbers at a place in the order.
    pub(super) fn row(&self, index: usize) -> &[f64] {
        let start = index * self.fields;
        self.values.get(start..start + self.fields).unwrap_or(&[])
    }

    /// Whether two answers say the same, numbers that were left out included.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        self.keys == other.keys
            && self.values.len() == other.values.len()
            && self.values.iter().zip(&other.values).all(same)
    }

    /// What this answer has and a `later` window has not, id by id; `None` where that would be
    /// negative, or where one of them leaves a number out that the other has.
    pub fn minus(&self, later: &Self) -> Option<Self> {
        let difference = self.combine(later, |own, other| {
            if own.is_nan() && other.is_nan() {
                0.0
            } else {
                own - other
            }
        });
        let is_count = |value: &f64| *value >= 0.0;
        difference.values.iter().all(is_count).then_some(difference)
    }

    /// [`Counts::minus`] with 0 where that is not possible. A number that only the later one leaves out
    /// is 0 there.
    pub fn minus_or_zero(&self, later: &Self) -> Self {
        self.combine(later, |own, other| {
            let difference = if other.is_nan() { own } else { own - other };
            // Takes the 0 when there is no number.
            difference.max(0.0)
        })
    }

    /// The lower number of two, of each id and field.
    pub fn min(&self, other: &Self) -> Self {
        self.combine(other, f64::min)
    }

    /// The higher number of two, of each id and field.
    pub fn max(&self, other: &Self) -> Self {
        self.combine(other, f64::max)
    }

    /// Both numbers of each id and field as one; 0 for an id that one of them does not name.
    fn combine(&self, other: &Self, one: impl Fn(f64, f64) -> f64) -> Self {
        let mut combined = Self::new(self.fields);
        let (mut mine, mut theirs) = (0, 0);
        while let Some(key) = self.key(mine).into_iter().chain(other.key(theirs)).min() {
            let own = (self.key(mine) == Some(key)).then(|| self.row(mine));
            let others = (other.key(theirs) == Some(key)).then(|| other.row(theirs));
            for field in 0..self.fields {
                let value = |row: Option<&[f64]>| row.map_or(0.0, |row| row[field]);
                combined.values.push(one(value(own), value(others)));
            }
            combined.keys.push(key);
            mine += usize::from(own.is_some());
            theirs += usize::from(others.is_some());
        }
        combined
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::check_each;

    fn counts(rows: &[(i64, [Option<f64>; 2])]) -> Counts {
        let mut counts = Counts::new(2);
        for (id, values) in rows {
            counts.push(SeriesKey::one(Level::Skill, *id), values.iter().copied());
        }
        counts.sorted()
    }

    #[test]
    fn rows_are_sorted_and_unique() {
        let got = counts(&[
            (7, [Some(1.0), Some(2.0)]),
            (4, [Some(3.0), Some(4.0)]),
            (7, [Some(9.0), None]),
        ]);
        let rows: Vec<_> = got.iter().map(|(key, row)| (key.ids[0], row[0])).collect();
        assert_eq!(rows, [(4, 3.0), (7, 1.0)]);
    }

    #[test]
    fn numbers_that_cannot_be_counted_are_left_out() {
        for odd in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let got = counts(&[(4, [Some(odd), Some(1.0)])]);
            assert!(got.row(0)[0].is_nan(), "{odd}");
        }
    }

    #[test]
    fn a_difference_counts_ids_left_out_as_zero() {
        let older = counts(&[(4, [Some(5.0), None]), (7, [Some(1.0), Some(1.0)])]);
        let newer = counts(&[(4, [Some(3.0), None])]);
        let got = older.minus(&newer).unwrap();
        assert!(got.is_same(&counts(&[
            (4, [Some(2.0), Some(0.0)]),
            (7, [Some(1.0), Some(1.0)])
        ])));
    }

    #[test]
    fn there_is_no_difference_of_impossible_numbers() {
        let one = counts(&[(4, [Some(1.0), Some(1.0)])]);
        check_each(
            [
                counts(&[(4, [Some(2.0), Some(1.0)])]),
                counts(&[(4, [Some(1.0), None])]),
                counts(&[(4, [Some(1.0), Some(1.0)]), (9, [Some(1.0), Some(0.0)])]),
            ],
            |later| {
                assert!(one.minus(&later).is_none(), "{later:?}");
            },
        );
    }
}
