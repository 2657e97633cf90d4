//! What stands before the API: the web UI, and the folder of a proxy.

use std::path::PathBuf;

use axum::Router;

use crate::public_url::PublicUrl;
use crate::{routes, sub_path, ui};

/// The folder of the public URL is also a path of the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the public URL: the service itself has paths below {0}; publish it in a folder of another name"
)]
pub struct FolderTaken(String);

/// The web UI and the folder.
#[derive(Debug)]
pub struct Front {
    ui_dir: Option<PathBuf>,
    folder: String,
}

impl Front {
    /// With the directory of the built UI, and the URL at which users reach the service.
    ///
    /// # Errors
    /// See [`FolderTaken`].
    pub fn new(
        ui_dir: Option<PathBuf>,
        public_url: Option<&PublicUrl>,
    ) -> Result<Self, FolderTaken> {
        let folder = public_url.map(PublicUrl::folder).unwrap_or_default();
        if routes::has_folder(&folder) {
            return Err(FolderTaken(folder));
        }
        Ok(Self { ui_dir, folder })
    }

    /// The whole service, whose API is this.
    pub fn before(&self, api: Router) -> Router {
        let service = match &self.ui_dir {
            Some(dir) => ui::beside(api, dir, &self.folder),
            None => api,
        };
        sub_path::below(service, &self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_the_name_of_one_of_the_services_paths_is_refused() {
        let front = |url: &str| Front::new(None, Some(&url.parse().unwrap())).map(drop);
        for folder in ["deployments", "ui", "docs", "login", "clusters/a"] {
            let refused = front(&format!("https://tools.example/{folder}"));
            assert_eq!(refused, Err(FolderTaken(format!("/{folder}"))));
        }
        for url in ["https://tools.example", "https://tools.example/fleet/"] {
            assert_eq!(front(url), Ok(()));
        }
    }
}
