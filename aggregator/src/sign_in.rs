//! Signing in: the password, the limit on guesses, the audit and the session, in the order that lets nobody in unseen and tells
//! nobody who exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum_extra::extract::cookie::Cookie;
use tracing::warn;

use crate::actor::Actor;
use crate::app::Parts;
use crate::attempts::Attempts;
use crate::audit::{Refusal, SIGN_IN, SIGN_OUT, SignIn};
use crate::client_address::TrustedProxies;
use crate::device;
use crate::password::{Password, Passwords};
use crate::problem::{Problem, ProblemCode};
use crate::sessions::{SessionCookie, Sessions, Streams, Token};
use crate::users::{User, Users};

/// All that it takes to know who calls.
#[derive(Debug)]
pub struct Identity {
    /// Who there is.
    pub users: Users,
    /// Who is signed in.
    pub sessions: Sessions,
    /// What those who are signed in have open.
    pub streams: Streams,
    /// The road to Argon2.
    pub passwords: Passwords,
    /// Who tries too often.
    pub attempts: Attempts,
    /// Who ends too many sessions that are not known: a table of its own, so that none of it counts for those who sign in.
    pub unknown_sign_outs: Attempts,
    /// How browsers hold a token.
    pub cookie: SessionCookie,
    /// Whose word about addresses is believed.
    pub trusted_proxies: TrustedProxies,
}

impl Identity {
    /// Nobody has tried anything yet.
    #[must_use]
    pub fn new(
        users: Users,
        sessions: Sessions,
        cookie: SessionCookie,
        trusted_proxies: TrustedProxies,
    ) -> Self {
        Self {
            users,
            sessions,
            streams: Streams::default(),
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            unknown_sign_outs: Attempts::default(),
            cookie,
            trusted_proxies,
        }
    }
}

/// What somebody signs in with.
#[derive(Debug)]
pub struct Credentials {
    /// The user's name, as it was given.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// What somebody gets who has signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub token: Token,
    /// How long it is good for.
    pub lasts: Duration,
    /// By which the device is known from now on.
    pub device: Option<Cookie<'static>>,
}

/// Signs somebody in.
///
/// # Errors
/// [`ProblemCode::RateLimited`] for the user at this address, the address or its network, or for the device where that is known, [`ProblemCode::Unauthenticated`] for a wrong name and a wrong password alike,
/// [`ProblemCode::AuditUnavailable`] and [`ProblemCode::BusUnavailable`] when a right one cannot be recorded or kept.
pub async fn sign_in(
    app: &Parts,
    credentials: Credentials,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<SignedIn, Problem> {
    let identity = &app.identity;
    let Credentials { username, password } = credentials;
    let user = identity.users.current().find(&username);
    let device = user.and_then(|user| device::known(&user, headers, identity));
    let attempts = &identity.attempts;
    let sources = match device {
        Some(device) => attempts.device(&username, &device),
        None => attempts.stranger(&username, address),
    };
    if let Err(wait) = attempts.take(&sources, Instant::now()) {
        let refusal = Refusal::RateLimited;
        app.audit.refused(&username, address, refusal).await;
        return Err(too_often(wait));
    }
    let verified = verified(identity, &username, password).await;
    if !matches!(verified, Ok(None)) {
        // A right password, or one that was not looked at: neither is a guess.
        attempts.give_back(&sources);
    }
    match verified? {
        Some(user) => {
            app.fleet.count_change(&username)?;
            record(app, &username, address, SIGN_IN).await?;
            let (token, lasts) = identity.sessions.create(&user).await?;
            let device = device::cookie(&user, headers, identity);
            Ok(SignedIn {
                token,
                lasts,
                device,
            })
        }
        None => {
            let refusal = Refusal::WrongCredentials;
            app.audit.refused(&username, address, refusal).await;
            Err(Problem::new(
                ProblemCode::Unauthenticated,
                "the user name or the password is wrong",
            ))
        }
    }
}

/// Ends the actor's session, if there is one, and says so in the audit.
///
/// # Errors
/// [`ProblemCode::BusUnavailable`]: then the session goes on. [`ProblemCode::RateLimited`] for an address with too many tokens that
/// have no session.
pub async fn sign_out(
    app: &Parts,
    token: &Token,
    actor: Option<&Actor>,
    address: IpAddr,
) -> Result<(), Problem> {
    let sessions = &app.identity.sessions;
    match sessions.find(token) {
        Some(_) => sessions.revoke(token).await.map(drop)?,
        None => sign_out_unknown(&app.identity, token, address).await?,
    }
    if let Some(Actor { user, address, .. }) = actor {
        // It has happened, whether it can be recorded or not: nobody should stay signed in for want of an audit.
        if let Err(problem) = record(app, user, *address, SIGN_OUT).await {
            warn!(%problem, %address, "a sign-out is not in the audit");
        }
    }
    Ok(())
}

/// Another replica may have begun the session a moment ago, so the bucket is asked; but not as often as strangers would like.
async fn sign_out_unknown(
    identity: &Identity,
    token: &Token,
    address: IpAddr,
) -> Result<(), Problem> {
    let unknown = &identity.unknown_sign_outs;
    let sources = unknown.sign_out(address);
    unknown.take(&sources, Instant::now()).map_err(|wait| {
        let detail = "too many sign-outs without a session from this address or its network; wait, then try again";
        Problem::new(ProblemCode::RateLimited, detail).retry_after(wait)
    })?;
    if identity.sessions.revoke(token).await? {
        unknown.give_back(&sources);
    }
    Ok(())
}

/// The user, if the password is the right one. Costs one run of Argon2 either way.
async fn verified(
    identity: &Identity,
    name: &str,
    password: Password,
) -> Result<Option<Arc<User>>, Problem> {
    let directory = identity.users.current();
    let user = directory.find(name);
    let hash = user
        .as_ref()
        .map_or_else(|| directory.decoy(), |user| user.password_hash.clone());
    let right = identity.passwords.verify(password, hash).await?;
    Ok(user.filter(|_| right))
}

async fn record(
    app: &Parts,
    user: &str,
    address: IpAddr,
    verb: &'static str,
) -> Result<(), Problem> {
    let user = user.to_owned();
    let line = SignIn {
        user,
        address,
        verb,
    };
    app.audit.sign_in(line).await
}

pub(crate) fn too_often(wait: Duration) -> Problem {
    let detail = "too many wrong tries for this user from this address, or from this address or its network altogether; wait, then try \
        again; a browser in which the user has signed in before is not affected by the tries of others";
    Problem::new(ProblemCode::RateLimited, detail).retry_after(wait)
}
