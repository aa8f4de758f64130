//! `corpusmill serve`: serves a folder over HTTP on loopback.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use crate::args::GlobalArgs;
use crate::console::print;
use corpusmill_crawler::serve::{ServeOptions, serve};

/// Serve a folder on 127.0.0.1 until Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Folder to serve.
    dir: PathBuf,
    /// Port to listen on; 0 picks a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl Serve {
    pub(super) fn run(self, _global: &GlobalArgs, cancel: &Arc<AtomicBool>) -> anyhow::Result<()> {
        let server = serve(&self.dir, self.port, ServeOptions::default())?;
        print(&format!("http://{}/\n", server.address))?;
        while !cancel.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}
