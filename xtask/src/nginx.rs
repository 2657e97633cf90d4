//! A real nginx as a proxy before the aggregator, on a socket in the file system: what its defaults do to requests and streams is seen there alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::net::UnixStream;
use tokio::process::Command;

use crate::condition;
use crate::process::Process;
use crate::workspace;

pub const HINT: &str = "nginx was not found: `apt-get install nginx-light`, or name one in NGINX";

const READY_WITHIN: Duration = Duration::from_secs(20);

/// `$NGINX`, else `nginx` on `PATH` or where Debian has it, which is not on the `PATH` of everybody.
pub fn find() -> Result<Option<PathBuf>> {
    if let Some(program) = workspace::named_by("NGINX")? {
        return Ok(Some(program));
    }
    let debians = || Some(PathBuf::from("/usr/sbin/nginx")).filter(|program| program.is_file());
    Ok(workspace::on_path("nginx").or_else(debians))
}

/// Stops when it is dropped.
pub struct Nginx {
    socket: PathBuf,
    _process: Process,
}

impl Nginx {
    /// With the content of its block `http`, in which `server` has no `listen`; `{socket}` in it stands for the socket.
    pub async fn start(program: &Path, dir: &Path, http: &str) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let (socket, config) = (dir.join("nginx.sock"), dir.join("nginx.conf"));
        let here = dir.display();
        let http = http.replace("{socket}", &format!("unix:{}", socket.display()));
        // Without a master process there is no worker that outlives it.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {here}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\n\
             http {{\n access_log off;\n client_body_temp_path {here}/body;\n proxy_temp_path {here}/proxy;\n \
             fastcgi_temp_path {here}/fastcgi;\n uwsgi_temp_path {here}/uwsgi;\n scgi_temp_path {here}/scgi;\n{http}\n}}\n"
        );
        fs::write(&config, text)?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).args(["-e", "stderr"]);
        let mut process = Process::spawn("nginx", command, &dir.join("nginx.log"))?;
        condition::met("nginx", READY_WITHIN, async || {
            process.ensure_running()?;
            Ok(UnixStream::connect(&socket).await.ok())
        })
        .await?;
        Ok(Self {
            socket,
            _process: process,
        })
    }

    /// A connection of a client.
    pub async fn connect(&self) -> Result<UnixStream> {
        Ok(UnixStream::connect(&self.socket).await?)
    }
}
