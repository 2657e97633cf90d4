//! Signing in: the password, the rate limit, the audit and the session, in an order that allows no sign-in without an audit line and does not
//! reveal which users exist.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use axum_extra::extract::cookie::Cookie;
use tracing::warn;

use crate::app::AppState;
use crate::device;
use audit::{Refusal, SIGN_IN, SIGN_OUT, SignIn};
use diagnostics::{Problem, ProblemCode};
use identity::Identity;
use identity::password::Password;
use identity::prepared;
use identity::sessions::Token;
use identity::users::User;

/// The credentials of a sign-in.
#[derive(Debug)]
pub struct Credentials {
    /// The user's name, as entered.
    pub username: String,
    /// The password.
    pub password: Password,
}

/// The result of a sign-in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session.
    pub token: Token,
    /// How long it is valid.
    pub lasts: Duration,
    /// The cookie that identifies the device from now on.
    pub device: Option<Cookie<'static>>,
}

/// Signs a user in.
///
/// # Errors
/// [`ProblemCode::RateLimited`] for the user at this address, the address or its network, or for the device where that is known, [`ProblemCode::Unauthenticated`] for a wrong name and a wrong password alike,
/// [`ProblemCode::AuditUnavailable`] and [`ProblemCode::BusUnavailable`] when a successful one cannot be recorded or stored.
pub async fn sign_in(
    app: &AppState,
    credentials: Credentials,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<SignedIn, Problem> {
    let identity = &app.identity;
    let Credentials { username, password } = credentials;
    // Before anything is counted by it: else each spelling of a name would have attempts of its own.
    let username = prepared::entered_name(username);
    let user = identity.users.current().find(&username);
    let device =
        user.and_then(|user| device::known(&user, headers, app.cookie, &identity.sessions));
    let attempts = &identity.attempts;
    let sources = match device {
        Some(device) => attempts.device(&username, &device),
        None => attempts.stranger(&username, address),
    };
    if let Err(wait) = attempts.acquire(&sources, Instant::now()) {
        let refusal = Refusal::RateLimited;
        app.audit.refused(&username, address, refusal).await;
        return Err(too_often(wait));
    }
    let verified = verified(identity, &username, password).await;
    if !matches!(verified, Ok(None)) {
        // The password was right, or was not checked: neither is a guess.
        attempts.refund(&sources);
    }
    match verified? {
        Some(user) => {
            app.change_limit.count(&username)?;
            record(app, &username, address, SIGN_IN).await?;
            let (token, lasts) = identity.sessions.create(&user).await?;
            let device = device::cookie(&user, headers, app.cookie);
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

/// Ends the session of a token, if there is one, and records its user in the audit.
///
/// # Errors
/// [`ProblemCode::BusUnavailable`]: then the session goes on. [`ProblemCode::RateLimited`] for an address with too many tokens that
/// have no session.
pub async fn sign_out(
    app: &AppState,
    token: &Token,
    user: Option<&str>,
    address: IpAddr,
) -> Result<(), Problem> {
    let sessions = &app.identity.sessions;
    match sessions.find(token) {
        Some(_) => sessions.revoke(token).await.map(drop)?,
        None => sign_out_unknown(&app.identity, token, address).await?,
    }
    if let Some(user) = user {
        // The sign-out is not undone if it cannot be recorded: an unavailable audit must not keep users signed in.
        if let Err(problem) = record(app, user, address, SIGN_OUT).await {
            warn!(%problem, %address, "cannot record a sign-out in the audit");
        }
    }
    Ok(())
}

/// Another replica may have created the session a moment ago, so the bucket is read; but only within a rate limit, since anyone can send tokens.
async fn sign_out_unknown(
    identity: &Identity,
    token: &Token,
    address: IpAddr,
) -> Result<(), Problem> {
    let unknown = &identity.unknown_sign_outs;
    let sources = unknown.sign_out(address);
    unknown.acquire(&sources, Instant::now()).map_err(|wait| {
        let detail = "too many sign-outs without a session from this address or its network; wait, then try again";
        Problem::new(ProblemCode::RateLimited, detail).retry_after(wait)
    })?;
    if identity.sessions.revoke(token).await? {
        unknown.refund(&sources);
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
    app: &AppState,
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
    let detail = "too many wrong passwords for this user from this address, or for all users from this address or its network; wait, then \
        try again; a browser in which the user has signed in before is not affected by others";
    Problem::new(ProblemCode::RateLimited, detail).retry_after(wait)
}
