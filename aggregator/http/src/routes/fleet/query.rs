//! The query of a fleet query, read strictly: what is wrong is answered with its field and the position in it.

use std::borrow::Cow;
use std::time::Duration;

use bus_schema::{
    DEFAULT_LIMIT, HealthFilter, MAX_LIMIT, Pattern, Selector, Sort, SortBy, WorkloadKind,
};

use diagnostics::{Problem, ProblemCode};
use fleet::FleetQuery;

/// How long to wait for clusters by default.
const WITHIN: Duration = Duration::from_secs(2);

/// The range of `timeout`.
const WITHIN_BOUNDS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(30);

/// Most patterns of one kind.
const MOST_PATTERNS: usize = 100;

/// Most characters of a text to search for.
const TEXT_CHARACTERS: usize = 512;

/// Reads the part of the address behind the question mark, of a list.
pub fn read(text: &str) -> Result<FleetQuery, Problem> {
    let query = FleetQuery {
        count_images: true,
        ..FleetQuery::default()
    };
    read_into(query, text)
}

/// The same, of deployments alone.
pub fn read_deployments(text: &str) -> Result<FleetQuery, Problem> {
    let mut query = read(text)?;
    if !query.filter.kinds.is_empty() {
        return Err(wrong(
            "kind",
            "all of these are deployments; see `/workloads`",
        ));
    }
    query.filter.kinds = vec![WorkloadKind::Deployment];
    Ok(query)
}

/// The same, of groups by kind and name.
pub fn read_groups(text: &str) -> Result<FleetQuery, Problem> {
    let query = FleetQuery {
        count_names: true,
        sort: Sort {
            by: SortBy::Health,
            ..Sort::default()
        },
        ..FleetQuery::default()
    };
    let query = read_into(query, text)?;
    if !matches!(query.sort.by, SortBy::Health | SortBy::Name) {
        let why = "use health or name, with - before it for the other way round";
        return Err(wrong("sort", why));
    }
    Ok(query)
}

fn read_into(mut query: FleetQuery, text: &str) -> Result<FleetQuery, Problem> {
    query.limit = DEFAULT_LIMIT;
    query.within = WITHIN;
    let mut given = Vec::<Cow<'_, str>>::new();
    for (field, value) in form_urlencoded::parse(text.as_bytes()) {
        if given.contains(&field) && !matches!(&*field, "cluster" | "namespace" | "kind" | "health")
        {
            return Err(wrong(&field, "it is given twice"));
        }
        take(&mut query, &field, &value)?;
        given.push(field);
    }
    Ok(query)
}

fn take(query: &mut FleetQuery, field: &str, value: &str) -> Result<(), Problem> {
    let filter = &mut query.filter;
    match field {
        "cluster" => patterns(field, value, &mut query.clusters)?,
        "kind" => filter.kinds.extend(kinds(value)?),
        "namespace" => patterns(field, value, &mut filter.namespaces)?,
        "clusterLabelSelector" => {
            let selector = value.parse().map_err(|error| wrong(field, error))?;
            query.cluster_labels = Some(selector);
        }
        "labelSelector" => {
            filter.label_selector = Some(label_selector(value)?);
        }
        "name" => filter.name = Some(value.parse().map_err(|error| wrong(field, error))?),
        "q" => filter.q = Some(looked_for(field, value)?),
        "image" => filter.image = Some(looked_for(field, value)?),
        "health" => filter.health.extend(healths(value)?),
        "sort" => query.sort = value.parse().map_err(|error| wrong(field, error))?,
        "limit" => {
            let limit = value.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
            query.limit = limit.ok_or_else(|| wrong(field, format!("use 1 to {MAX_LIMIT}")))?;
        }
        "countImages" if !query.count_names => {
            let parsed = value.parse();
            query.count_images = parsed.map_err(|_| wrong(field, "use true or false"))?;
        }
        "continue" => query.next = Some(value.to_owned()),
        "timeout" => {
            let within = duration(value).filter(|within| WITHIN_BOUNDS.contains(within));
            let bounds = "use seconds such as 0.5, or a unit such as 500ms; 100ms to 30s";
            query.within = within.ok_or_else(|| wrong(field, bounds))?;
        }
        _ => return Err(wrong(field, "there is no such parameter")),
    }
    Ok(())
}

/// Values separated by commas; positions in errors count from the start of the whole value.
pub fn patterns(field: &str, value: &str, patterns: &mut Vec<Pattern>) -> Result<(), Problem> {
    let mut begins = 0;
    for part in value.split(',') {
        let pattern: Pattern = part.parse().map_err(|error: bus_schema::PatternError| {
            let position = begins + error.position;
            wrong(field, bus_schema::PatternError { position })
        })?;
        patterns.push(pattern);
        begins += part.chars().count() + 1;
    }
    if patterns.len() > MOST_PATTERNS {
        return Err(wrong(field, format!("more than {MOST_PATTERNS} patterns")));
    }
    Ok(())
}

/// Of deployments; agents read it.
pub fn label_selector(value: &str) -> Result<String, Problem> {
    Selector::parse(value).map_err(|error| wrong("labelSelector", error))?;
    Ok(value.to_owned())
}

/// Bounded, since matching a longer one with many stars would take long.
pub fn looked_for(field: &str, value: &str) -> Result<String, Problem> {
    if value.chars().count() > TEXT_CHARACTERS {
        return Err(wrong(
            field,
            format!("longer than {TEXT_CHARACTERS} characters"),
        ));
    }
    Ok(value.to_owned())
}

/// Separated by commas.
pub fn kinds(value: &str) -> Result<Vec<WorkloadKind>, Problem> {
    let kinds = value.split(',').map(str::parse);
    kinds
        .collect::<Result<_, _>>()
        .map_err(|error| wrong("kind", error))
}

/// Separated by commas.
pub fn healths(value: &str) -> Result<HealthFilter, Problem> {
    value.parse().map_err(|error| wrong("health", error))
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let seconds = number.parse::<f64>().ok().filter(|_| plain)? * unit;
    Duration::try_from_secs_f64(seconds).ok()
}

pub fn wrong(field: &str, why: impl std::fmt::Display) -> Problem {
    let detail = format!("{field}: {why}");
    Problem::new(ProblemCode::InvalidRequest, detail).field(field)
}

#[cfg(test)]
mod tests {
    use bus_schema::Health;

    use super::*;

    #[test]
    fn everything_is_read_and_lists_are_separated_or_repeated() {
        let query = read(
            "cluster=prod-*,dev&cluster=test&namespace=pay&clusterLabelSelector=env%3Dprod&labelSelector=a%20in%20(b)&name=my.cart&q=x&image=%3A1.4&health=failed,degraded\
             &sort=-age&limit=7&countImages=false&continue=abc&timeout=500ms",
        )
        .unwrap();
        let clusters: Vec<_> = query.clusters.iter().map(Pattern::as_str).collect();
        assert_eq!(clusters, ["prod-*", "dev", "test"]);
        assert_eq!(query.filter.namespaces.len(), 1);
        assert_eq!(query.filter.label_selector.as_deref(), Some("a in (b)"));
        assert_eq!(query.cluster_labels, "env=prod".parse().ok());
        assert_eq!(query.filter.name, "my.cart".parse().ok());
        assert_eq!(query.filter.image.as_deref(), Some(":1.4"));
        assert_eq!(*query.filter.health, [Health::Failed, Health::Degraded]);
        assert_eq!(query.sort.to_string(), "-age");
        assert_eq!((query.limit, query.next.as_deref()), (7, Some("abc")));
        assert_eq!(query.within, Duration::from_millis(500));
        assert!(!query.count_images);
        assert_eq!(read("timeout=1.5").unwrap().within.as_millis(), 1500);
        let plain = read("").unwrap();
        assert_eq!((plain.within, plain.count_images), (WITHIN, true));
    }

    #[test]
    fn groups_are_sorted_by_health_or_name_and_count_no_images() {
        let query = read_groups("q=x").unwrap();
        assert_eq!(query.sort.to_string(), "health");
        assert!(query.count_names && !query.count_images);
        assert_eq!(read_groups("sort=-name").unwrap().sort.to_string(), "-name");
        for (text, field) in [("sort=age", "sort"), ("countImages=false", "countImages")] {
            let problem = read_groups(text).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_position() {
        let many = format!("cluster=a{}", ",a".repeat(MOST_PATTERNS));
        for (text, field, words) in [
            ("cluster=a,b.c", "cluster", "at position 3"),
            ("cluster=", "cluster", "at position 0"),
            (&many, "cluster", "more than"),
            ("namespace=a,,b", "namespace", "at position 2"),
            ("labelSelector=a+in", "labelSelector", "at position 4"),
            (
                "clusterLabelSelector=env+in",
                "clusterLabelSelector",
                "at position 6",
            ),
            ("health=failed,ill", "health", "at position 7"),
            ("sort=colour", "sort", "restarted_at"),
            ("name=A_b", "name", "a-z"),
            ("kind=Deployment,Pod", "kind", "StatefulSet"),
            ("limit=0", "limit", "1 to"),
            ("limit=many", "limit", "1 to"),
            ("countImages=no", "countImages", "true or false"),
            ("timeout=1m", "timeout", "100ms"),
            ("timeout=31", "timeout", "100ms"),
            ("timeout=-1", "timeout", "100ms"),
            ("timeout=1e1", "timeout", "100ms"),
            ("q=a&q=b", "q", "twice"),
            ("colour=red", "colour", "no such"),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{text}");
            assert_eq!(problem.code, ProblemCode::InvalidRequest);
            assert!(problem.detail.contains(words), "{text}: {problem}");
        }
        assert_eq!(
            read(&format!("image={}", "a".repeat(600)))
                .unwrap_err()
                .field
                .as_deref(),
            Some("image")
        );
    }
}
