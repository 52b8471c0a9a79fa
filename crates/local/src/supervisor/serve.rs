//! The conversations with commands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};

use super::{Shared, held};
use crate::protocol::{Answer, Request};

/// How long a caller has to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers whoever knows the key.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, key: String) {
    let key: Arc<str> = key.into();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (shared, key) = (shared.clone(), key.clone());
                tokio::spawn(async move {
                    held(&shared.conversations).0 += 1;
                    if let Err(error) = converse(&shared, stream, &key).await {
                        tracing::debug!(%error, "a conversation was cut off");
                    }
                    let mut conversations = held(&shared.conversations);
                    *conversations = (conversations.0.saturating_sub(1), Instant::now());
                });
            }
            // Out of file descriptors, mostly: it passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Waits a moment for conversations to end.
pub(super) async fn finish(shared: &Shared) {
    let begun = Instant::now();
    while held(&shared.conversations).0 > 0 && begun.elapsed() < Duration::from_secs(1) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn converse(shared: &Arc<Shared>, stream: TcpStream, key: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    let mut teller = Teller(write);
    let mut lines = BufReader::new(read).lines();
    let said = tokio::time::timeout(PATIENCE, async {
        let key = lines.next_line().await?;
        Ok::<_, std::io::Error>((key, lines.next_line().await?))
    });
    let Ok(Ok((Some(given), Some(request)))) = said.await else { return Ok(()) };
    if serde_json::from_str::<String>(&given).ok().as_deref() != Some(key) {
        return Ok(());
    }
    teller.0.write_all(format!("infra {}\n", std::process::id()).as_bytes()).await?;
    match serde_json::from_str::<Request>(&request) {
        Ok(request) => shared.answer(request, &mut teller).await,
        Err(error) => {
            let failure = infra_provider::Failure::new("reading a request", error.to_string());
            teller.tell(&Answer::Failed { object: None, failure: failure.into() }).await
        }
    }
}

/// Where answers go.
pub(super) struct Teller(OwnedWriteHalf);

impl Teller {
    /// Sends one.
    pub async fn tell(&mut self, answer: &Answer) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(answer)?;
        text.push(b'\n');
        self.0.write_all(&text).await
    }
}
