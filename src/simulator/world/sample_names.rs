//! Sample names for the agents, skills and groups of the simulated account: the same whatever the
//! seed. A few hold quotes, backslashes and letters beyond ASCII, as real accounts do.

const FIRST_NAMES: [&str; 48] = [
    "Amara", "Ben", "Chloé", "Daniel", "Elif", "Farid", "Grace", "Hiro", "Ingrid", "Jonas",
    "Keira", "Liam", "Mei", "Noah", "Olga", "Priya", "Quentin", "Rosa", "Samir", "Tara", "Umar",
    "Vera", "Wanda", "Xavier", "Yara", "Zoë", "Aidan", "Bianca", "Carlos", "Dina", "Emre", "Fiona",
    "Gustav", "Hannah", "Ivo", "Jasmin", "Karim", "Lucía", "Marek", "Nadia", "Oscar", "Paula",
    "Rafael", "Sofia", "Tomás", "Ursula", "Viktor", "Yusuf",
];

const LAST_NAMES: [&str; 47] = [
    "Okafor",
    "Bergström",
    "Costa",
    "Dubois",
    "Evans",
    "Fischer",
    "García",
    "Haddad",
    "Ivanov",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Martin",
    "Nakamura",
    "O'Brien",
    "Patel",
    "Quinn",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Usman",
    "Vargas",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zimmermann",
    "Andersen",
    "Baker",
    "Chen",
    "Diaz",
    "Eriksen",
    "Ferrari",
    "Gupta",
    "Hughes",
    "Iqbal",
    "Jovanović",
    "Khan",
    "Lopez",
    "Murphy",
    "Novak",
    "Oliveira",
    "Petrov",
    "Reid",
    "Santos",
    "Thompson",
    "Virtanen",
    "Walsh",
];

const SKILLS: [&str; 20] = [
    "Sales",
    "Tech Support",
    "Billing",
    "Orders & Delivery",
    "Returns \"24/7\"",
    "Account & Login",
    "Loyalty",
    "Complaints",
    "Broadband",
    "Mobile",
    "Insurance",
    "Cancellations",
    "Store Finder",
    "Business Customers",
    "Gift Cards",
    "Fraud",
    "Partners \\ Resellers",
    "Warranty",
    "Accessibility",
    "Press",
];

const GROUPS: [&str; 12] = [
    "Zürich",
    "Lisbon",
    "Night Desk",
    "Manchester",
    "Manila",
    "Kraków",
    "Austin",
    "Cape Town",
    "Sydney",
    "Bogotá",
    "Home Office",
    "Trainees",
];

/// What an agent is called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AgentNames {
    /// First and last name; unique.
    pub full_name: String,
    /// What visitors see.
    pub nickname: String,
    /// What the agent logs in with; unique, ASCII.
    pub login_name: String,
}

/// The names of the `index`th agent.
pub(super) fn agent(index: usize) -> AgentNames {
    let pairs = FIRST_NAMES.len() * LAST_NAMES.len();
    // 48 and 47 have no common factor, so stepping both together visits every pair once.
    let first = FIRST_NAMES[index % FIRST_NAMES.len()];
    let last = LAST_NAMES[index % LAST_NAMES.len()];
    let full_name = match index / pairs {
        0 => format!("{first} {last}"),
        repetition => format!("{first} {last} {}", repetition + 1),
    };
    AgentNames {
        full_name,
        nickname: first.to_owned(),
        login_name: format!("agent{:05}@example.com", index + 1),
    }
}

/// The name of the `index`th skill; unique.
pub(super) fn skill(index: usize) -> String {
    numbered(&SKILLS, index)
}

/// The name of the `index`th agent group; unique.
pub(super) fn group(index: usize) -> String {
    numbered(&GROUPS, index)
}

fn numbered(names: &[&str], index: usize) -> String {
    let name = names[index % names.len()];
    match index / names.len() {
        0 => name.to_owned(),
        repetition => format!("{name} {}", repetition + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_stay_unique_beyond_the_lists() {
        let agents: HashSet<_> = (0..10_000).map(|index| agent(index).full_name).collect();
        assert_eq!(agents.len(), 10_000);
        let skills: HashSet<_> = (0..2_000).map(skill).collect();
        assert_eq!(skills.len(), 2_000);
    }
}
