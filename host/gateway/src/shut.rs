//! What stands in the place of a front door that cannot be opened.

use bulkhead_model::Failure;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::GatewayConfig;
use crate::{routes, serve};

/// Answers every request with the reason why the front door is closed.
#[derive(Debug)]
pub struct Shut {
    stopping: watch::Sender<bool>,
}

impl Shut {
    /// Serves in the place of the front door that `config` describes.
    pub fn serve(config: &GatewayConfig, listener: TcpListener, why: &Failure) -> Self {
        let stopping = watch::Sender::new(false);
        let router = routes::shut(&config.service, config.token.clone(), &why.to_string());
        let served = (config.service.clone(), router);
        tokio::spawn(serve::serve(listener, served, config.limits.connections, stopping.subscribe()));
        Self { stopping }
    }
}

impl Drop for Shut {
    /// Takes no more connections. Answers that are under way are still sent.
    fn drop(&mut self) {
        self.stopping.send_replace(true);
    }
}
