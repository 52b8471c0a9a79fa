//! A container that runs: in a Docker engine, or, for the sample image, as a process of the infra binary.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::docker::{Docker, Request};
use crate::logs::{Logs, Writer};
use crate::processes::{Process, Register};
use crate::spec::Container;

/// The sample image's name, without tag.
const SAMPLE: &str = "infra/hello";

/// A running container. Others may ask it to stop; it is told when it has ended.
pub(crate) struct Running {
    control: Control,
    /// Where its ports are reached; for a container in another one's network: none.
    pub(crate) ports: BTreeMap<u16, SocketAddr>,
    ended: watch::Receiver<Option<i32>>,
}

enum Control {
    Docker { docker: Docker, id: String },
    Process(Option<Process>),
}

impl Running {
    /// The exit code, once it has one.
    pub(crate) async fn wait(&self) -> i32 {
        let mut ended = self.ended.clone();
        let code = ended.wait_for(Option::is_some).await.ok().and_then(|code| *code);
        code.unwrap_or(137)
    }

    /// The id by which other containers join its network.
    pub(crate) fn network(&self) -> Option<&str> {
        match &self.control {
            Control::Docker { id, .. } => Some(id),
            Control::Process(_) => None,
        }
    }

    /// SIGTERM, some time, SIGKILL. Returns the exit code.
    pub(crate) async fn stop(&self, patience: Duration) -> i32 {
        self.signal(false).await;
        match tokio::time::timeout(patience, self.wait()).await {
            Ok(code) => code,
            Err(_) => {
                self.signal(true).await;
                self.wait().await
            }
        }
    }

    async fn signal(&self, kill: bool) {
        match &self.control {
            Control::Docker { docker, id } => docker.signal(id, if kill { "SIGKILL" } else { "SIGTERM" }).await,
            Control::Process(Some(process)) => process.signal(if kill { Signal::KILL } else { Signal::TERM }),
            Control::Process(None) => {}
        }
    }

    /// One health check: whether it passes within its time.
    pub(crate) async fn check(&self, command: &[String], timeout: Duration) -> bool {
        let check = async {
            match &self.control {
                Control::Docker { docker, id } => {
                    let command = match command {
                        [shell, line] if shell == "CMD-SHELL" => vec!["/bin/sh".into(), "-c".into(), line.clone()],
                        [cmd, rest @ ..] if cmd == "CMD" => rest.to_vec(),
                        other => other.to_vec(),
                    };
                    matches!(docker.run(id, command, &mut tokio::io::sink()).await, Ok((0, _)))
                }
                Control::Process(_) => match SampleCheck::from(command) {
                    SampleCheck::Always(passes) => passes,
                    SampleCheck::Get(path) => match self.ports.values().next() {
                        Some(address) => answers(*address, &path).await,
                        None => true,
                    },
                },
            }
        };
        tokio::time::timeout(timeout, check).await.unwrap_or(false)
    }

    /// Removes what is left of it after its end.
    pub(crate) async fn remove(&self) {
        if let Control::Docker { docker, id } = &self.control {
            docker.remove(id).await;
        }
    }
}

/// What a health check's command means for the sample image run as a process, which has no shell around it: a URL in
/// the command is asked for; a command that can only pass or only fail does.
#[derive(Debug, PartialEq, Eq)]
enum SampleCheck {
    Get(String),
    Always(bool),
}

impl SampleCheck {
    fn from(command: &[String]) -> SampleCheck {
        let words: Vec<&str> = command.iter().flat_map(|part| part.split_whitespace()).collect();
        let url = words.iter().find_map(|word| word.trim_matches(['"', '\'']).strip_prefix("http://"));
        match (url, words.as_slice()) {
            (Some(url), _) => SampleCheck::Get(url.find('/').map_or("/", |at| &url[at..]).to_string()),
            (None, [_, "true"] | [_, "exit", "0"]) => SampleCheck::Always(true),
            (None, [_, "false"] | [_, "exit", _]) => SampleCheck::Always(false),
            _ => SampleCheck::Get("/health".to_string()),
        }
    }
}

/// Whether a GET is answered with 2xx or 3xx.
async fn answers(address: SocketAddr, path: &str) -> bool {
    let asked = async {
        let stream = TcpStream::connect(address).await.ok()?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        let request = hyper::Request::get(path).header("host", "localhost").header("connection", "close");
        let request = request.body(Empty::<bytes::Bytes>::new()).ok()?;
        let status = async move { sender.send_request(request).await.ok().map(|response| response.status()) };
        let (status, _) = tokio::join!(status, connection);
        status
    };
    asked.await.is_some_and(|status| status.is_success() || status.is_redirection())
}

/// What containers are started with.
pub(crate) struct Starter {
    pub(crate) logs: Arc<Logs>,
    pub(crate) register: Register,
    /// The infra binary.
    pub(crate) program: PathBuf,
}

/// Where a container is going to run.
#[derive(Clone)]
pub(crate) enum Place {
    /// In this engine.
    Docker(Docker),
    /// As a process, being the sample image with this tag.
    Process(String),
}

/// Decides where a container runs, or says what is missing. Pulls the image if need be.
pub(crate) async fn place(image: &str, docker: &Result<Docker, String>) -> Result<Place, String> {
    let tag = sample_tag(image);
    match (docker, tag) {
        (Ok(docker), Some(tag)) if !docker.has_image(image).await? => Ok(Place::Process(tag)),
        (Ok(docker), _) => docker.need_image(image).await.map(|()| Place::Docker(docker.clone())),
        (Err(_), Some(tag)) => Ok(Place::Process(tag)),
        (Err(why), None) => Err(format!(
            "the image {image} needs a Docker engine ({why}); without one only {SAMPLE}:TAG runs on this machine"
        )),
    }
}

/// The tag of the sample image; `None` for other images.
fn sample_tag(image: &str) -> Option<String> {
    match image.split_once(':') {
        Some((SAMPLE, tag)) => Some(tag.to_string()),
        None if image == SAMPLE => Some("latest".to_string()),
        _ => None,
    }
}

impl Starter {
    /// Starts a container in an engine.
    pub(crate) async fn docker(&self, docker: &Docker, request: Request, writer: Writer) -> Result<Running, String> {
        let joined = request.network_of.is_some();
        let id = docker.start(request, None).await?;
        let ports = if joined { BTreeMap::new() } else { docker.ports(&id).await.unwrap_or_default() };
        let (end, ended) = watch::channel(None);
        let (engine, container, logs) = (docker.clone(), id.clone(), self.logs.clone());
        tokio::spawn(async move {
            let ends = async { tokio::join!(engine.wait(&container), engine.keep_logs(&container, &logs, &writer)) };
            tokio::select! {
                (code, ()) = ends => { end.send_replace(Some(code)); }
                // Nobody wants to know any more.
                () = end.closed() => {}
            }
        });
        Ok(Running { control: Control::Docker { docker: docker.clone(), id }, ports, ended })
    }

    /// Starts the sample image as a process.
    pub(crate) async fn process(&self, tag: &str, container: &Container, writer: Writer) -> Result<Running, String> {
        let failed = |why: std::io::Error| format!("starting {SAMPLE}:{tag} as a process: {why}");
        let mut reserved = Vec::new();
        let mut ports = BTreeMap::new();
        for port in &container.ports {
            let socket = reserve().map_err(failed)?;
            ports.insert(*port, socket.local_addr().map_err(failed)?);
            reserved.push(socket);
        }
        if !cfg!(target_os = "linux") {
            // Elsewhere a bound socket keeps the process itself from the port.
            reserved.clear();
        }
        let mut command = tokio::process::Command::new(&self.program);
        command.args(["local-task", "hello", "--lifeline", "--tag", tag, "--task", &writer.task]);
        for address in ports.values() {
            command.args(["--listen", &address.to_string()]);
        }
        let words = container.entry_point.iter().chain(&container.command);
        if words.clone().next().is_some() {
            command.arg("--").args(words);
        }
        command.env_clear().envs(&container.environment).current_dir("/").process_group(0).kill_on_drop(true);
        let (output, sink) = std::io::pipe().map_err(failed)?;
        command.stdin(Stdio::piped()).stdout(sink.try_clone().map_err(failed)?).stderr(sink);
        let mut child = command.spawn().map_err(failed)?;
        drop(command);
        // Held as long as the child is: its end tells the child that this process is gone.
        let lifeline = child.stdin.take();
        let id = child.id();
        let name = format!("{}-{}", writer.task, writer.container);
        if let Some(id) = id
            && let Err(why) = self.register.remember(&name, id)
        {
            tracing::warn!("remembering the process of {name}: {why}");
        }
        let output = tokio::net::unix::pipe::Receiver::from_owned_fd(output.into()).map_err(failed)?;
        let (end, ended) = watch::channel(None);
        let (logs, register) = (self.logs.clone(), self.register.clone());
        tokio::spawn(async move {
            let _held = (lifeline, reserved);
            let ends = async {
                let status = child.wait().await;
                register.forget(&name);
                status
            };
            let ends = async { tokio::join!(ends, logs.add_all(&writer, tokio::io::BufReader::new(output))) };
            tokio::select! {
                (status, ()) = ends => { end.send_replace(Some(status.map_or(1, exit_code))); }
                // Nobody wants to know any more: the process goes with its handle.
                () = end.closed() => {}
            }
        });
        Ok(Running { control: Control::Process(id.and_then(Process::running)), ports, ended })
    }
}

/// A port on loopback that nobody else gets while the socket is held.
fn reserve() -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    Ok(socket)
}

/// As a shell says it: 128 and the signal's number for what a signal has ended.
pub(crate) fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_image_is_known_by_its_name() {
        for (image, tag) in [
            ("infra/hello:v1", Some("v1")),
            ("infra/hello", Some("latest")),
            ("infra/hello2:v1", None),
            ("registry.example.com/infra/hello:v1", None),
            ("nginx:1", None),
        ] {
            assert_eq!(sample_tag(image).as_deref(), tag, "{image}");
        }
    }

    #[test]
    fn a_check_of_the_sample_image_asks_for_the_url_in_it() {
        use SampleCheck::{Always, Get};
        for (command, expected) in [
            (vec!["CMD-SHELL", "curl -f http://localhost:8080/ready || exit 1"], Get("/ready".into())),
            (vec!["CMD", "wget", "-q", "http://127.0.0.1:8080"], Get("/".into())),
            (vec!["CMD-SHELL", "/app check"], Get("/health".into())),
            (vec!["CMD-SHELL", "exit 1"], Always(false)),
            (vec!["CMD", "true"], Always(true)),
        ] {
            let words: Vec<String> = command.iter().map(ToString::to_string).collect();
            assert_eq!(SampleCheck::from(&words), expected, "{command:?}");
        }
    }

    #[tokio::test]
    async fn without_an_engine_other_images_say_what_is_missing() {
        let engine = Err("the Docker engine is not reachable at unix:///var/run/docker.sock: gone".to_string());
        let why = place("nginx:1", &engine).await.err().unwrap_or_default();
        assert!(why.contains("nginx:1") && why.contains("docker.sock") && why.contains("infra/hello:TAG"), "{why}");
        assert!(matches!(place("infra/hello:v2", &engine).await, Ok(Place::Process(tag)) if tag == "v2"));
    }
}
