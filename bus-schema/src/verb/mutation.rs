//! What all mutations have in common.

/// Makes a struct with the fields `target` and `guard` a mutation: `mutation!(Restart, "restart", Right::Restart => Restarted)`, followed by `for` and the
/// kinds of workloads if there are kinds for which it makes no sense.
macro_rules! mutation {
    ($mutation:ty, $verb:literal, $right:expr => $reply:ty $(, for $($kind:ident)|+)?) => {
        impl crate::Request for $mutation {
            const VERB: &'static str = $verb;
            const ACCESS: crate::Access = crate::Access::Write;
            const RIGHT: crate::Right = $right;
            $(const KINDS: &'static [crate::WorkloadKind] = &[$(crate::WorkloadKind::$kind),+];)?
            type Reply = $reply;

            fn namespace(&self) -> Option<&crate::Namespace> {
                Some(&self.target.namespace)
            }
        }

        impl crate::Mutation for $mutation {
            fn target(&self) -> &crate::WorkloadRef {
                &self.target
            }

            fn guard(&self) -> &crate::WriteGuard {
                &self.guard
            }

            fn guard_mut(&mut self) -> &mut crate::WriteGuard {
                &mut self.guard
            }
        }
    };
}

pub(super) use mutation;
