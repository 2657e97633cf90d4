//! The cargo that runs this program, for builds and tests of the workspace.

use std::env;
use std::process::Command;

use crate::workspace;

pub fn command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    forget_package(&mut command);
    command
}

/// Removes the variables that cargo has set for this program's own package. The build script of `ring` depends on them: `ring` and
/// everything that depends on it would be rebuilt whenever another package or a shell runs the same build.
pub fn forget_package(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_told_nothing_of_the_package_that_asks() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        let command = command();
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            let mut changes = command.get_envs();
            assert!(changes.any(|change| change == (name.as_ref(), None)));
        }
    }
}
