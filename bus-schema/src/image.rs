//! Finding images by a part of their name.

/// A part of an image's name: a repository, a tag, a digest, or adjacent ones. It matches whole parts only: `cart` finds
/// `shop/cart:1.4` but not `shop/carter`, and `:1.4` does not find `:1.40`. Each `*` matches any number of characters, including none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePattern(String);

impl ImagePattern {
    /// Every text is a valid pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the pattern is a whole part of this image.
    #[must_use]
    pub fn finds(&self, image: &str) -> bool {
        // A separator at the pattern's own edge is a boundary already.
        let open = self.0.starts_with(is_separator);
        let closed = self.0.ends_with(is_separator);
        let begins = |at: usize| open || at == 0 || image[..at].ends_with(is_separator);
        image
            .char_indices()
            .map(|(at, _)| at)
            .filter(|at| begins(*at))
            .any(|at| fits(self.0.as_bytes(), &image.as_bytes()[at..], closed))
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '/' | ':' | '@')
}

/// Whether the text begins with the pattern, followed by its end or a separator; what follows does not matter if `closed`.
fn fits(pattern: &[u8], text: &[u8], closed: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when a later part does not match: see [`crate::Pattern::matches`].
    let mut retry = None;
    loop {
        let rest = text.get(t);
        let ends = closed || rest.is_none_or(|byte| is_separator(char::from(*byte)));
        if p == pattern.len() && ends {
            return true;
        }
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if rest.is_some() && pattern.get(p) == rest {
            p += 1;
            t += 1;
        } else if let Some((after_star, swallowed)) = retry.filter(|(_, at)| *at < text.len()) {
            retry = Some((after_star, swallowed + 1));
            (p, t) = (after_star, swallowed + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repository_a_tag_and_a_digest_are_found_whole() {
        let image = "registry:5000/shop/cart:1.4.2@sha256:abcdef";
        for (text, expected) in [
            ("cart", true),
            ("shop/cart", true),
            ("shop/cart:1.4.2", true),
            ("registry:5000", true),
            (":1.4.2", true),
            ("1.4.2", true),
            ("cart:", true),
            ("1.4*", true),
            (":1.*", true),
            ("@sha256:abcdef", true),
            ("sha256:abc*", true),
            ("*art", true),
            ("s*:1.4.2", true),
            (image, true),
            ("car", false),
            ("art", false),
            (":1.4", false),
            ("4.2", false),
            ("sha256:abc", false),
            ("shop/cart:1.5", false),
            ("cart@", false),
            ("CART", false),
            ("", false),
        ] {
            assert_eq!(ImagePattern::new(text).finds(image), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_image_is_found_by_itself_and_by_a_star(image in "[a-z]{1,5}(/[a-z]{1,5}){0,2}(:[a-z0-9.]{1,5})?") {
            prop_assert!(ImagePattern::new(&image).finds(&image));
            prop_assert!(ImagePattern::new("*").finds(&image));
            let stray = format!("{image}x");
            prop_assert!(!ImagePattern::new(&stray).finds(&image));
        }

        #[test]
        fn no_pattern_and_no_image_make_it_panic(pattern in "\\PC{0,12}", image in "\\PC{0,30}") {
            let _ = ImagePattern::new(&pattern).finds(&image);
        }
    }
}
