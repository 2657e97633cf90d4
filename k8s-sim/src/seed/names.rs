//! Realistic names.

use crate::identity::choose;

const NAMESPACES: [&str; 12] = [
    "default", "pay", "shop", "web", "data", "search", "auth", "media", "mail", "ops", "reports",
    "partners",
];
const SERVICES: [&str; 32] = [
    "payments",
    "orders",
    "checkout",
    "inventory",
    "catalog",
    "pricing",
    "invoices",
    "shipping",
    "customers",
    "sessions",
    "notifications",
    "recommendations",
    "search-api",
    "image-resizer",
    "exporter",
    "importer",
    "scheduler",
    "gateway",
    "frontend",
    "admin-ui",
    "webhooks",
    "ledger",
    "fraud-check",
    "tax",
    "returns",
    "reviews",
    "cart",
    "wishlist",
    "feature-flags",
    "geo",
    "audit",
    "mailer",
];

pub fn namespace(index: usize) -> String {
    counted(&NAMESPACES, index)
}

/// The name of a namespace's deployment: `fastapi-a`, `fastapi-b`, … in `default`, services elsewhere.
pub fn deployment(namespace: &str, index: usize) -> String {
    if namespace == "default" && index < 26 {
        let letter = char::from(b'a' + u8::try_from(index).expect("it is below 26"));
        return format!("fastapi-{letter}");
    }
    // A different order in each namespace, or all of them would begin with the same names.
    let turn = choose(&namespace, SERVICES.len());
    let at = (index % SERVICES.len() + turn) % SERVICES.len();
    match index / SERVICES.len() {
        0 => SERVICES[at].to_owned(),
        more => format!("{}-{}", SERVICES[at], more + 1),
    }
}

fn counted(names: &[&str], index: usize) -> String {
    let name = names[index % names.len()];
    match index / names.len() {
        0 => name.to_owned(),
        more => format!("{name}-{}", more + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn no_two_deployments_of_a_namespace_share_a_name() {
        for namespace in ["default", "pay"] {
            let names: HashSet<String> =
                (0..500).map(|i| super::deployment(namespace, i)).collect();
            assert_eq!(names.len(), 500);
        }
    }
}
