//! Parses the target of a request from its path and method: `/apis/apps/v1/namespaces/pay/deployments/web/scale`.

use axum::http::Method;

use super::query::Query;
use crate::fault;
use crate::kind::Kind;
use crate::status::Status;
use crate::store::Key;
use crate::verb::Verb;

/// The verb of a request to this target.
pub(super) fn verb_of(method: &Method, target: &Target, query: &Query) -> Verb {
    let one = target.name.is_some();
    match *method {
        Method::POST => Verb::Create,
        Method::PUT => Verb::Update,
        Method::PATCH => Verb::Patch,
        Method::DELETE if one => Verb::Delete,
        Method::DELETE => Verb::DeleteCollection,
        _ if query.flag("watch") => Verb::Watch,
        _ if one => Verb::Get,
        _ => Verb::List,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    Log,
    Scale,
    Status,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    pub kind: Kind,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<Subresource>,
}

impl Target {
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.trim_start_matches('/').split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        let version = parts.next()?;
        let rest: Vec<&str> = parts.collect();
        let kind_of = |plural: &str| Kind::find(group, version, plural);
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, inside @ ..]
                if inside.first().and_then(|plural| kind_of(plural)).is_some() =>
            {
                (Some(*namespace), inside)
            }
            rest => (None, rest),
        };
        let [plural, rest @ ..] = rest else {
            return None;
        };
        let kind = kind_of(plural)?;
        if namespace.is_some() != kind.is_namespaced() && (namespace.is_some() || !rest.is_empty())
        {
            return None;
        }
        let (name, subresource) = match rest {
            [] => (None, None),
            [name] => (Some(*name), None),
            [name, sub] => (Some(*name), Some(Subresource::find(kind, sub)?)),
            _ => return None,
        };
        Some(Self {
            kind,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            subresource,
        })
    }

    pub fn key(&self) -> Key {
        Key::new(self.namespace.as_deref().unwrap_or_default(), self.name())
    }

    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub fn not_found(&self) -> Status {
        Status::not_found(self.kind, self.name())
    }

    /// The message of the real server when it answers this request with `code`.
    pub fn failure(&self, verb: Verb, code: u16, retry_after: Option<u32>) -> Status {
        match code {
            403 => self.forbidden(verb),
            404 => self.not_found(),
            409 => Status::modified(self.kind, self.name()),
            410 => Status::too_old(1, 2),
            code => fault::status_of(code, retry_after),
        }
    }

    fn forbidden(&self, verb: Verb) -> Status {
        let plural = self.kind.plural();
        let resource = match self.subresource {
            Some(Subresource::Log) => format!("{plural}/log"),
            Some(Subresource::Scale) => format!("{plural}/scale"),
            Some(Subresource::Status) => format!("{plural}/status"),
            None => plural.to_owned(),
        };
        let scope = match &self.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let because = format!(
            "User \"system:serviceaccount:mca:agent\" cannot {} resource \"{resource}\" in API group \"{}\" {scope}",
            verb.name(),
            self.kind.group(),
        );
        Status::forbidden(self.kind, self.name(), &because)
    }
}

impl Subresource {
    fn find(kind: Kind, name: &str) -> Option<Self> {
        match name {
            "log" if kind == Kind::Pod => Some(Self::Log),
            "scale" if kind.is_scalable() => Some(Self::Scale),
            "status" if kind.has_status() => Some(Self::Status),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> (Kind, Option<String>, Option<String>) {
        let target = Target::parse(path).unwrap();
        (target.kind, target.namespace, target.name)
    }

    #[test]
    fn paths_name_a_kind_a_namespace_and_an_object() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("/api/v1/namespaces"), (Kind::Namespace, None, None));
        assert_eq!(
            parsed("/api/v1/namespaces/pay"),
            (Kind::Namespace, None, some("pay"))
        );
        assert_eq!(parsed("/api/v1/pods"), (Kind::Pod, None, None));
        assert_eq!(
            parsed("/apis/apps/v1/namespaces/pay/deployments/web/scale"),
            (Kind::Deployment, some("pay"), some("web"))
        );
    }

    #[test]
    fn paths_outside_the_api_name_nothing() {
        for path in [
            "/",
            "/apis/apps/v1/deployments/web",
            "/api/v1/deployments",
            "/api/v1/namespaces/pay/nodes",
            "/api/v1/namespaces/pay/pods/web/exec",
            "/apis/apps/v1beta1/deployments",
        ] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }
}
