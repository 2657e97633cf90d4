//! Who makes a call. A handler that takes an [`Actor`] cannot be called by nobody.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use crate::app::App;
use crate::client_address::ClientAddress;
use crate::grants::Grants;
use crate::labels::FleetLabels;
use crate::password::UserKey;
use crate::problem::{Problem, ProblemCode};
use crate::sessions::{
    Live, Session, SessionCookie, SessionKey, Stream, StreamPermit, Streams, Token,
};
use crate::users::{Directory, User};

/// Somebody who is signed in, with what was granted at the time of the call.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub user: String,
    /// What the actor may do.
    pub grants: Arc<Grants>,
    /// From where.
    pub address: IpAddr,
    live: Arc<Live>,
    key: SessionKey,
    streams: Streams,
    users: watch::Receiver<Arc<Directory>>,
    labels: watch::Receiver<Arc<FleetLabels>>,
}

impl Actor {
    /// The holder of a token, if its session still stands: on a user who is still there, with the same password.
    fn holding(token: &Token, address: IpAddr, app: &App) -> Option<Self> {
        let (identity, labels) = (&app.identity, app.fleet.labels());
        let live = identity.sessions.find(token)?;
        let user = identity.users.current().find(&live.session.user)?;
        (user.password_hash.fingerprint() == live.session.credential).then(|| Self {
            user: user.name.clone(),
            grants: Arc::new(grants(&user, &labels)),
            address,
            live,
            key: token.key(),
            streams: identity.streams.clone(),
            users: identity.users.subscribe(),
            labels,
        })
    }

    /// The session that the call is made in.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.live.session
    }

    /// A key that this person alone has, in all replicas, until the password changes.
    ///
    /// # Errors
    /// [`ProblemCode::Unauthenticated`] when the user was removed since the call began.
    pub fn key(&self, purpose: &str) -> Result<UserKey, Problem> {
        let user = self.users.borrow().find(&self.user);
        let user = user.ok_or_else(missing)?;
        Ok(UserKey::derive(&user.name, &user.password_hash, purpose))
    }

    /// The right to one more stream.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`] when the session, the user or everybody has as many as they may.
    pub fn open(&self, stream: Stream) -> Result<StreamPermit, Problem> {
        self.streams.open(stream, self.key.clone(), &self.user)
    }

    /// Comes when the session has ended, or the user, the password, any of the grants or what they come to are others than at the time
    /// of the call: for answers that go on.
    pub async fn revoked(&self) {
        let mut users = self.users.clone();
        let changed = async {
            // An error is that nobody reads the users any more; then nobody could be revoked either, and so that counts as one.
            let _ = users.wait_for(|directory| !self.stands_in(directory)).await;
        };
        let mut labels = self.labels.clone();
        let labelled = async {
            // As above.
            let _ = labels
                .wait_for(|labels| !self.grants.holds_with(labels))
                .await;
        };
        tokio::select! {
            () = self.live.ended() => {}
            () = changed => {}
            () = labelled => {}
        }
    }

    fn stands_in(&self, directory: &Directory) -> bool {
        directory.find(&self.user).is_some_and(|user| {
            *user.grants == *self.grants.as_slice()
                && user.password_hash.fingerprint() == self.live.session.credential
        })
    }
}

/// What was granted, as it is now.
fn grants(user: &User, labels: &watch::Receiver<Arc<FleetLabels>>) -> Grants {
    Grants::new(Arc::clone(&user.grants), Arc::clone(&labels.borrow()))
}

impl FromRequestParts<App> for Actor {
    type Rejection = Unauthenticated;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Unauthenticated> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let identity = &app.identity;
        let token = Presented::by(&parts.headers, identity.cookie).and_then(Presented::token);
        token
            .and_then(|token| Self::holding(&token, address, app))
            .ok_or_else(|| Unauthenticated(missing()))
    }
}

/// The same words whatever is wrong with a token: who tries tokens learns nothing.
fn missing() -> Problem {
    Problem::new(
        ProblemCode::Unauthenticated,
        "sign in with POST /login and send the token as the header Authorization: Bearer",
    )
}

/// The call needs somebody who is signed in.
#[derive(Debug)]
pub struct Unauthenticated(Problem);

impl From<Problem> for Unauthenticated {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        let scheme = HeaderValue::from_static("Bearer");
        let challenge = (self.0.code == ProblemCode::Unauthenticated)
            .then_some([(header::WWW_AUTHENTICATE, scheme)]);
        let mut response = self.0.into_response();
        for (name, value) in challenge.into_iter().flatten() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// What a request shows to prove who makes it. Never looked for in a URL: those stand in logs and histories.
#[derive(Debug)]
pub enum Presented {
    /// In the header, which no other site can make a browser send.
    Bearer(Option<Token>),
    /// In the cookie, which a browser sends by itself.
    Cookie(Option<Token>),
}

impl Presented {
    /// The header goes before the cookie, also if it is wrong: a program means what it says.
    #[must_use]
    pub fn by(headers: &HeaderMap, cookie: SessionCookie) -> Option<Self> {
        let bearer = headers
            .get_all(header::AUTHORIZATION)
            .iter()
            .find_map(bearer);
        if let Some(text) = bearer {
            return Some(Self::Bearer(Token::parse(text)));
        }
        let text = cookie.value_in(headers)?;
        Some(Self::Cookie(Token::parse(&text)))
    }

    /// The token, if it has the form of one.
    #[must_use]
    pub fn token(self) -> Option<Token> {
        match self {
            Self::Bearer(token) | Self::Cookie(token) => token,
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    // What is not even text was meant as a token as well, and is a wrong one.
    let text = value.to_str().unwrap_or("Bearer ");
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &[(&'static str, &str)]) -> Option<Presented> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        Presented::by(&map, SessionCookie::Secure)
    }

    #[test]
    fn the_header_goes_before_the_cookie_even_when_it_is_wrong() {
        let token = Token::mint().unwrap();
        let cookie = format!("__Host-mca_session={}", token.expose());
        let both = [("authorization", "bearer nonsense"), ("cookie", &*cookie)];
        assert!(matches!(presented(&both), Some(Presented::Bearer(None))));
        let empty = [("authorization", "Bearer"), ("cookie", &*cookie)];
        assert!(matches!(presented(&empty), Some(Presented::Bearer(None))));
        let alone = presented(&both[1..]).unwrap();
        assert!(matches!(&alone, Presented::Cookie(Some(_))));
        assert_eq!(alone.token(), Some(token));
    }

    #[test]
    fn another_scheme_is_somebody_elses() {
        let token = Token::mint().unwrap();
        let cookie = format!("__Host-mca_session={}", token.expose());
        let proxy = [("authorization", "Basic YTpi"), ("cookie", &*cookie)];
        assert!(matches!(
            presented(&proxy),
            Some(Presented::Cookie(Some(_)))
        ));
        assert!(presented(&proxy[..1]).is_none());
        let header = format!("BEARER {}", token.expose());
        let bearer = presented(&[("authorization", &*header)]).unwrap();
        assert_eq!(bearer.token(), Some(token));
    }
}
