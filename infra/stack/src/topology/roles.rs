//! Which process answers for which paths.

use super::plan::{Plan, Roles};

/// Everything but the workers: what an API process is where workers have a process of their own.
const API: &str = "auth,users,tasks,catalog,notifications";
/// Background work alone.
pub const WORKER: &str = "worker";

/// Processes that have the same roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What they are called.
    pub name: &'static str,
    /// Their roles, as `serve --roles` takes them.
    pub roles: &'static str,
    /// The beginnings of the paths that they answer for.
    pub paths: &'static [&'static str],
}

const SPLIT: [Group; 4] = [
    Group { name: "accounts", roles: "auth,users", paths: &["/"] },
    Group { name: "tasks", roles: "tasks", paths: &["/api/v1/tasks", "/api/v1/jobs", "/api/v1/files"] },
    Group {
        name: "catalog",
        roles: "catalog",
        paths: &[
            "/api/v1/products",
            "/api/v2/products",
            "/api/v1/favorites",
            "/api/v1/search",
            "/api/v1/recommendations",
            "/api/v1/events",
            "/api/v1/admin/analytics",
        ],
    },
    Group { name: "notifications", roles: "notifications", paths: &["/api/v1/notifications"] },
];

/// The groups that answer requests.
pub fn groups(plan: &Plan) -> Vec<Group> {
    match plan.roles {
        Roles::Split => SPLIT.into(),
        Roles::All => {
            vec![Group { name: "api", roles: if plan.worker() { API } else { "all" }, paths: &["/"] }]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Phase;

    #[test]
    fn split_roles_are_all_that_one_api_process_has_and_every_path_goes_to_one_group() {
        let mut plan = Plan::of(Phase::Scaled);
        plan.roles = Roles::Split;
        let groups = groups(&plan);
        let roles: Vec<&str> = groups.iter().map(|group| group.roles).collect();
        assert_eq!(roles.join(","), API);
        let mut paths: Vec<&str> = groups.iter().flat_map(|group| group.paths).copied().collect();
        let count = paths.len();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(paths.len(), count);
        assert!(paths.contains(&"/"));
    }
}
