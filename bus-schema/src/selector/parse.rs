//! The parser: reads one word or operator at a time and remembers its position for the error.

use super::{Requirement, Selector, Test};
use crate::name::{is_label_key, is_label_value};

/// The position, in characters, and what is wrong there.
pub(super) type Wrong = (usize, String);

pub(super) fn selector(text: &str) -> Result<Selector, Wrong> {
    let mut rest = Rest { text, at: 0 };
    let mut requirements = Vec::new();
    if rest.peek().is_none() {
        return Ok(Selector::default());
    }
    loop {
        requirements.push(requirement(&mut rest)?);
        match rest.peek() {
            None => return Ok(Selector(requirements)),
            Some(',') => rest.skip(1),
            Some(other) => return Err(rest.wrong(format!("unexpected {other:?}"))),
        }
    }
}

fn requirement(rest: &mut Rest) -> Result<Requirement, Wrong> {
    if rest.peek() == Some('!') {
        rest.skip(1);
        let key = key(rest)?;
        let test = Test::Absent;
        return Ok(Requirement { key, test });
    }
    let key = key(rest)?;
    let test = test(rest)?;
    Ok(Requirement { key, test })
}

fn test(rest: &mut Rest) -> Result<Test, Wrong> {
    for sign in ["==", "=", "!="] {
        if rest.take(sign) {
            let values = vec![value(rest)?];
            return Ok(if sign == "!=" {
                Test::NotIn(values)
            } else {
                Test::In(values)
            });
        }
    }
    if rest.take(">") {
        return Ok(Test::Above(number(rest)?));
    }
    if rest.take("<") {
        return Ok(Test::Below(number(rest)?));
    }
    match rest.peek() {
        None | Some(',') => return Ok(Test::Exists),
        Some(_) => {}
    }
    let start = rest.clone();
    match rest.word() {
        "in" => Ok(Test::In(values(rest)?)),
        "notin" => Ok(Test::NotIn(values(rest)?)),
        _ => Err(start.wrong("expected an operator".to_owned())),
    }
}

fn values(rest: &mut Rest) -> Result<Vec<String>, Wrong> {
    if !rest.take("(") {
        return Err(rest.wrong("expected (".to_owned()));
    }
    let mut values = Vec::new();
    loop {
        values.push(value(rest)?);
        if rest.take(")") {
            return Ok(values);
        }
        if !rest.take(",") {
            return Err(rest.wrong("expected , or )".to_owned()));
        }
    }
}

fn key(rest: &mut Rest) -> Result<String, Wrong> {
    rest.peek();
    let start = rest.clone();
    let word = rest.word();
    if !is_label_key(word) {
        return Err(start.wrong("expected a label's key".to_owned()));
    }
    Ok(word.to_owned())
}

fn value(rest: &mut Rest) -> Result<String, Wrong> {
    rest.peek();
    let start = rest.clone();
    let word = rest.word();
    if word.is_empty() && !matches!(rest.peek(), None | Some(',' | ')')) || !is_label_value(word) {
        return Err(start.wrong("expected a label's value".to_owned()));
    }
    Ok(word.to_owned())
}

fn number(rest: &mut Rest) -> Result<i64, Wrong> {
    rest.peek();
    let start = rest.clone();
    let word = rest.word();
    word.parse()
        .map_err(|_| start.wrong("expected a whole number".to_owned()))
}

#[derive(Clone)]
struct Rest<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Rest<'a> {
    /// The next character that is not blank.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        rest.trim_start().chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn take(&mut self, sign: &str) -> bool {
        self.peek();
        let there = self.text[self.at..].starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }

    /// The characters up to the next blank or operator.
    fn word(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || "=!<>(),".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn wrong(&self, what: String) -> Wrong {
        (self.text[..self.at].chars().count(), what)
    }
}
