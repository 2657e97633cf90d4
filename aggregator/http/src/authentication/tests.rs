use std::time::Duration;

use super::*;
use identity::CredentialId;
use identity::Grants;
use identity::password::StoredHash;

/// Authenticates a request that presents a header of this name, by its value.
#[derive(Debug)]
struct ByHeader(&'static str);

impl Authenticator for ByHeader {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> BoxFuture<'a, Authentication> {
        let presented = request.headers.get(self.0);
        let presented = presented.map(|value| value.to_str().expect("a text"));
        Box::pin(async move {
            match presented {
                None => Authentication::NotPresented,
                Some("wrong") => Authentication::Rejected,
                Some(user) => Authentication::Authenticated(Box::new(authenticated(self.0, user))),
            }
        })
    }
}

fn authenticated(kind: &'static str, name: &str) -> Authenticated {
    let user = User {
        name: name.to_owned(),
        password_hash: StoredHash::decoy(None),
        grants: Arc::default(),
    };
    Authenticated {
        principal: Principal {
            user: name.to_owned(),
            grants: Arc::new(Grants::new(Arc::default(), Arc::default())),
            credential: CredentialId::new(kind, name),
        },
        user: Arc::new(user),
        created_at: Timestamp::UNIX_EPOCH,
        lifetime: CredentialLifetime::starting_now(Duration::from_secs(60)),
    }
}

/// The credential by which a request with these headers is authenticated.
async fn credential(headers: &[(&str, &str)]) -> Option<String> {
    let all = ["x-token", "x-session"];
    let all = all.map(|header| Box::new(ByHeader(header)) as Box<dyn Authenticator>);
    let mut request = axum::http::Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let authenticated = Authenticators::new(all.into()).authenticate(&parts).await;
    authenticated.map(|authenticated| authenticated.principal.credential.to_string())
}

#[tokio::test]
async fn the_first_credential_that_is_presented_decides_even_when_it_is_wrong() {
    let session = ("x-session", "ana");
    assert_eq!(credential(&[]).await, None);
    assert_eq!(credential(&[session]).await.unwrap(), "x-session:ana");
    let both = [("x-token", "bob"), session];
    assert_eq!(credential(&both).await.unwrap(), "x-token:bob");
    assert_eq!(credential(&[("x-token", "wrong"), session]).await, None);
}
