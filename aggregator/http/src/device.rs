//! Devices that a user has signed in from before: a cookie that outlives the session, authenticated with a key of that user which all
//! replicas derive from `users.json`. It grants no access. It only gives its holder a separate rate limit, so that wrong passwords sent by
//! strangers do not lock the user out.

use std::time::Duration;

use axum::http::HeaderMap;
use axum_extra::extract::cookie::Cookie;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use crate::authentication::PresentedCredential;
use crate::session_cookie::SessionCookie;
use identity::password::UserKey;
use identity::sessions::Sessions;
use identity::users::User;

/// The purpose for which the key is derived.
const PURPOSE: &str = "device cookie";

/// Renewed at each sign-in.
const LASTS: Duration = Duration::from_secs(180 * 24 * 60 * 60);

const ID: usize = 16;
const TAG: usize = 16;

/// A device, for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device([u8; ID]);

impl Device {
    /// The device of a sign-in, known or new; `None` when the operating system provides no random bytes.
    fn of(user: &User, headers: &HeaderMap, cookie: SessionCookie) -> Option<Self> {
        Self::presented(user, headers, cookie).or_else(|| {
            let mut id = [0; ID];
            getrandom::fill(&mut id).ok()?;
            Some(Self(id))
        })
    }

    fn presented(user: &User, headers: &HeaderMap, cookie: SessionCookie) -> Option<Self> {
        let text = cookie.device_in(headers)?;
        Self::read(user, &text, Timestamp::now())
    }

    fn write(self, user: &User, now: Timestamp) -> String {
        let until = seconds(now).saturating_add(LASTS.as_secs());
        let plain = [&self.0[..], &until.to_be_bytes()].concat();
        URL_SAFE_NO_PAD.encode([&plain[..], &tag(user, &plain)].concat())
    }

    fn read(user: &User, text: &str, now: Timestamp) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (plain, claimed) = bytes.split_last_chunk::<TAG>()?;
        let right = bool::from(tag(user, plain).ct_eq(claimed));
        let (id, until) = plain.split_first_chunk::<ID>()?;
        let until = u64::from_be_bytes(until.try_into().ok()?);
        (right && seconds(now) < until).then_some(Self(*id))
    }
}

/// The known device of a caller who tries to sign in as this user, by the cookie of the device or a session, if there is one.
pub fn known(
    user: &User,
    headers: &HeaderMap,
    cookie: SessionCookie,
    sessions: &Sessions,
) -> Option<Vec<u8>> {
    if let Some(Device(id)) = Device::presented(user, headers, cookie) {
        return Some(id.to_vec());
    }
    let token = PresentedCredential::in_headers(headers, cookie)?.token()?;
    let handle = sessions.find(&token)?;
    let own = handle.session.user == user.name
        && handle.session.credential == user.password_hash.fingerprint();
    own.then(|| token.key().as_str().into())
}

/// The cookie for a device from which this user has just signed in.
pub fn cookie(user: &User, headers: &HeaderMap, cookie: SessionCookie) -> Option<Cookie<'static>> {
    let device = Device::of(user, headers, cookie)?;
    let value = device.write(user, Timestamp::now());
    Some(cookie.device(value, LASTS))
}

fn tag(user: &User, plain: &[u8]) -> [u8; TAG] {
    let code = UserKey::derive(&user.name, &user.password_hash, PURPOSE).authenticate(plain);
    std::array::from_fn(|at| code[at])
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::password::{Password, hash};

    fn user(name: &str) -> User {
        User {
            name: name.to_owned(),
            password_hash: hash(&Password::from("a test's password".to_owned())).expect("a hash"),
            grants: std::sync::Arc::default(),
        }
    }

    #[test]
    fn a_device_is_known_for_its_user_until_its_time_or_the_password_ends() {
        let (ana, bob, now) = (user("ana"), user("bob"), Timestamp::now());
        let device = Device([7; ID]);
        let text = device.write(&ana, now);
        assert_eq!(Device::read(&ana, &text, now), Some(device));
        assert_eq!(Device::read(&bob, &text, now), None);
        // A copied line of the file.
        let copied = User {
            name: "bob".to_owned(),
            ..ana.clone()
        };
        assert_eq!(Device::read(&copied, &text, now), None);
        // The same password, set again.
        assert_eq!(Device::read(&user("ana"), &text, now), None);
        let hours = |hours: i64| now + jiff::SignedDuration::from_hours(hours);
        assert!(Device::read(&ana, &text, hours(180 * 24 - 1)).is_some());
        assert!(Device::read(&ana, &text, hours(180 * 24 + 1)).is_none());
    }

    #[test]
    fn what_was_changed_or_made_up_is_no_device() {
        let (ana, now) = (user("ana"), Timestamp::now());
        let text = Device([7; ID]).write(&ana, now);
        for at in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(Device::read(&ana, &changed, now), None, "{at}");
        }
        let zeros = URL_SAFE_NO_PAD.encode([0; ID + 8 + TAG]);
        for text in ["", "A", "!", &text[4..], &zeros, &zeros.repeat(100)] {
            assert_eq!(Device::read(&ana, text, now), None, "{text}");
        }
    }
}
