//! The options of a log request.

use std::time::Duration;

use jiff::Timestamp;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    pub container: Option<String>,
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    pub tail: Option<u64>,
    pub since: Option<Timestamp>,
    pub limit_bytes: Option<usize>,
}

impl LogOptions {
    /// Parses the query parameters; the error names the invalid one and the reason.
    pub fn parse<'a>(
        parameter: impl Fn(&str) -> Option<&'a str>,
        now: Timestamp,
    ) -> Result<Self, (&'static str, String)> {
        let flag = |name: &str| parameter(name).is_some_and(|text| text != "false" && text != "0");
        let number = |name: &'static str| match parameter(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .map(Some)
                .map_err(|_| (name, format!("not a number: {text}"))),
        };
        let tail = match number("tailLines")? {
            Some(tail) if tail < 0 => {
                return Err(("tailLines", "must be greater than or equal to 0".to_owned()));
            }
            tail => tail.map(i64::unsigned_abs),
        };
        let positive = |name: &'static str| match number(name)? {
            Some(value) if value < 1 => Err((name, "must be greater than 0".to_owned())),
            value => Ok(value.map(i64::unsigned_abs)),
        };
        let seconds = positive("sinceSeconds")?;
        let time = match parameter("sinceTime") {
            None => None,
            Some(text) => {
                let wrong = |error: jiff::Error| ("sinceTime", error.to_string());
                Some(text.parse::<Timestamp>().map_err(wrong)?)
            }
        };
        if seconds.is_some() && time.is_some() {
            let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
            return Err(("", why.to_owned()));
        }
        let limit = positive("limitBytes")?;
        Ok(Self {
            container: parameter("container").map(str::to_owned),
            follow: flag("follow"),
            previous: flag("previous"),
            timestamps: flag("timestamps"),
            tail,
            since: time.or_else(|| seconds.map(|s| now - Duration::from_secs(s))),
            limit_bytes: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        })
    }
}
