//! The Docker engine: where it is, and what is asked of it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, PortBinding};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, KillContainerOptions, ListContainersOptions, ListVolumesOptions,
    LogsOptions, RemoveContainerOptions, RemoveVolumeOptions, UploadToContainerOptions, WaitContainerOptions,
};
use bytes::Bytes;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::logs::{Logs, Writer};

/// The label that says whose a container is; its value is the project.
const PROJECT: &str = "infra.project";
/// The label with the service's name.
const SERVICE: &str = "infra.service";
/// The label with the task's id.
const TASK: &str = "infra.task";

/// How long the engine may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(3);

/// An engine that has answered.
#[derive(Clone)]
pub(crate) struct Docker {
    client: bollard::Docker,
    project: String,
    /// How many CPUs it has: it refuses limits above.
    cpus: i64,
    /// Where containers reach this machine, if that is an address of this machine.
    pub(crate) gateway: Option<IpAddr>,
    /// The engine's version.
    pub(crate) version: String,
}

/// What a container is made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) task: String,
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    pub(crate) entry_point: Vec<String>,
    pub(crate) working_directory: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// Container ports; each is published on loopback, on the given port or one of the engine's choice.
    pub(crate) ports: BTreeMap<u16, Option<u16>>,
    /// CPU units relative to other containers, and at most.
    pub(crate) cpu_shares: u32,
    pub(crate) cpu_limit: u32,
    /// MiB.
    pub(crate) memory: u32,
    pub(crate) read_only: bool,
    /// The container whose network it uses; its own otherwise.
    pub(crate) network_of: Option<String>,
    /// Volumes by name, and where they are.
    pub(crate) volumes: BTreeMap<String, String>,
}

/// Where the engine is, or was looked for.
pub(crate) fn address() -> String {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        return host;
    }
    let usual = PathBuf::from("/var/run/docker.sock");
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
    let others =
        [run.join("docker.sock"), home.join(".docker/run/docker.sock"), home.join(".colima/default/docker.sock")];
    let found = std::iter::once(usual.clone()).chain(others).find(|socket| socket.is_absolute() && socket.exists());
    format!("unix://{}", found.unwrap_or(usual).display())
}

impl Docker {
    /// Asks the engine whether it is there.
    pub(crate) async fn connect(project: &str) -> Result<Docker, String> {
        let address = address();
        let why = |why: String| format!("the Docker engine is not reachable at {address}: {why}");
        let client = bollard::Docker::connect_with_host(&address).map_err(|e| why(e.to_string()))?;
        let asked = async {
            let client = client.negotiate_version().await?;
            let (info, version) = (client.info().await?, client.version().await?);
            let bridge = client.inspect_network("bridge", None).await.ok();
            Ok::<_, Error>((client, info, version, bridge))
        };
        let (client, info, version, bridge) = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(e)) => return Err(why(e.to_string())),
            Err(_) => return Err(why(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let gateway = bridge.and_then(|network| {
            let configs = network.ipam?.config?;
            configs.iter().find_map(|config| gateway(config.gateway.as_deref(), config.subnet.as_deref()))
        });
        // With Docker Desktop the bridge is in its virtual machine, and containers reach loopback without our doing.
        let gateway = gateway.filter(|gateway| std::net::TcpListener::bind((*gateway, 0)).is_ok());
        Ok(Docker {
            client,
            project: project.to_string(),
            cpus: info.ncpu.unwrap_or(1).max(1),
            gateway,
            version: version.version.unwrap_or_default(),
        })
    }

    /// Whether an image is there.
    pub(crate) async fn has_image(&self, image: &str) -> Result<bool, String> {
        match self.client.inspect_image(image).await {
            Ok(_) => Ok(true),
            Err(why) if status(&why) == Some(404) => Ok(false),
            Err(why) => Err(why.to_string()),
        }
    }

    /// Pulls an image that is not there.
    pub(crate) async fn need_image(&self, image: &str) -> Result<(), String> {
        if self.has_image(image).await? {
            return Ok(());
        }
        let named = image.rsplit('/').next().is_some_and(|last| last.contains(':') || last.contains('@'));
        let from_image = if named { image.to_string() } else { format!("{image}:latest") };
        let options = CreateImageOptions { from_image: Some(from_image), ..CreateImageOptions::default() };
        let mut pulling = std::pin::pin!(self.client.create_image(Some(options), None, None));
        while let Some(step) = pulling.next().await {
            let why = match step {
                Ok(step) => step.error_detail.and_then(|detail| detail.message),
                Err(why) => Some(message(&why)),
            };
            if let Some(why) = why {
                return Err(format!(
                    "the image {image} is not on this machine and cannot be pulled ({why}); it can be built here: docker build -t {image} FOLDER"
                ));
            }
        }
        Ok(())
    }

    /// Makes a container and starts it. Returns its id.
    pub(crate) async fn start(&self, request: Request, upload: Option<(&str, Bytes)>) -> Result<String, String> {
        let image = request.image.clone();
        let name = request.name.clone();
        let body = self.body(request);
        let options = CreateContainerOptions { name: Some(name), ..CreateContainerOptions::default() };
        let made = self.client.create_container(Some(options), body).await;
        let id = made.map_err(|why| format!("making a container of {image}: {}", message(&why)))?.id;
        let started = async {
            if let Some((path, archive)) = upload {
                let options =
                    UploadToContainerOptions { path: path.to_string(), ..UploadToContainerOptions::default() };
                self.client.upload_to_container(&id, Some(options), bollard::body_full(archive)).await?;
            }
            self.client.start_container(&id, None).await
        };
        if let Err(why) = started.await {
            self.remove(&id).await;
            return Err(format!("starting a container of {image}: {}", message(&why)));
        }
        Ok(id)
    }

    fn body(&self, request: Request) -> ContainerCreateBody {
        let port = |port: &u16| format!("{port}/tcp");
        let bindings = request.ports.iter().map(|(container, host)| {
            let host_port = Some(host.map(|p| p.to_string()).unwrap_or_default());
            (port(container), Some(vec![PortBinding { host_ip: Some("127.0.0.1".to_string()), host_port }]))
        });
        let labels = [(PROJECT, self.project.clone()), (SERVICE, request.service), (TASK, request.task)];
        let some = |list: Vec<String>| if list.is_empty() { None } else { Some(list) };
        let limit = |value: u32| if value == 0 { None } else { Some(i64::from(value)) };
        let joined = request.network_of.is_some();
        let host_config = HostConfig {
            cpu_shares: limit(request.cpu_shares).map(|shares| shares.max(2)),
            nano_cpus: limit(request.cpu_limit)
                .map(|units| (units * 1_000_000_000 / 1024).min(self.cpus * 1_000_000_000)),
            // The engine's own least.
            memory: limit(request.memory).map(|mib| mib.max(6) * 1024 * 1024),
            readonly_rootfs: Some(request.read_only),
            network_mode: request.network_of.map(|id| format!("container:{id}")),
            port_bindings: (!joined).then(|| bindings.clone().collect()),
            extra_hosts: (!joined).then(|| vec!["host.docker.internal:host-gateway".to_string()]),
            binds: some(request.volumes.iter().map(|(name, path)| format!("{name}:{path}")).collect()),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_string()),
                config: Some(HashMap::from([
                    ("max-size".to_string(), "4m".to_string()),
                    ("max-file".to_string(), "2".to_string()),
                ])),
            }),
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(request.image),
            cmd: some(request.command),
            entrypoint: some(request.entry_point),
            working_dir: request.working_directory,
            user: request.user,
            env: some(request.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            exposed_ports: (!joined).then(|| request.ports.keys().map(port).collect()),
            labels: Some(labels.into_iter().map(|(name, value)| (name.to_string(), value)).collect()),
            host_config: Some(host_config),
            ..ContainerCreateBody::default()
        }
    }

    /// Where a container's ports are published.
    pub(crate) async fn ports(&self, id: &str) -> Result<BTreeMap<u16, SocketAddr>, String> {
        let container = self.client.inspect_container(id, None).await.map_err(|why| message(&why))?;
        let ports = container.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        let address = |(port, bindings): (String, Option<Vec<PortBinding>>)| {
            let port = port.strip_suffix("/tcp")?.parse().ok()?;
            let host: u16 = bindings?.into_iter().find_map(|binding| binding.host_port?.parse().ok())?;
            Some((port, SocketAddr::from(([127, 0, 0, 1], host))))
        };
        Ok(ports.into_iter().filter_map(address).collect())
    }

    /// Waits for a container's end. One that somebody has removed ended like one that was killed.
    pub(crate) async fn wait(&self, id: &str) -> i32 {
        const KILLED: i32 = 137;
        loop {
            let mut ends = std::pin::pin!(self.client.wait_container(id, None::<WaitContainerOptions>));
            match ends.next().await {
                Some(Ok(end)) => return end.status_code as i32,
                Some(Err(Error::DockerContainerWaitError { code, .. })) => return code as i32,
                _ => {}
            }
            match self.client.inspect_container(id, None).await {
                Err(why) if status(&why) == Some(404) => return KILLED,
                Ok(container) => match container.state {
                    Some(state) if state.running == Some(false) => return state.exit_code.unwrap_or(0) as i32,
                    _ => {}
                },
                // The engine itself is gone: it may come back with the container.
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Keeps what a container writes until it ends.
    pub(crate) async fn keep_logs(&self, id: &str, logs: &Logs, writer: &Writer) {
        let all = LogsOptions { follow: true, stdout: true, stderr: true, ..LogsOptions::default() };
        let lines = self.client.logs(id, Some(all));
        let bytes =
            lines.map(|output| output.map(bollard::container::LogOutput::into_bytes).map_err(std::io::Error::other));
        let (from, mut sink) = tokio::io::simplex(64 * 1024);
        let copying = async move {
            let mut bytes = std::pin::pin!(bytes);
            while let Some(Ok(bytes)) = bytes.next().await {
                if sink.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            let _ = sink.shutdown().await;
        };
        tokio::join!(copying, logs.add_all(writer, tokio::io::BufReader::new(from)));
    }

    /// Sends a signal (`SIGTERM`, `SIGKILL`).
    pub(crate) async fn signal(&self, id: &str, signal: &str) {
        let options = KillContainerOptions { signal: signal.to_string() };
        let _ = self.client.kill_container(id, Some(options)).await;
    }

    /// Removes a container with its anonymous volumes, whatever it does.
    pub(crate) async fn remove(&self, id: &str) {
        let options = RemoveContainerOptions { v: true, force: true, ..RemoveContainerOptions::default() };
        if let Err(why) = self.client.remove_container(id, Some(options)).await
            && !matches!(status(&why), Some(404 | 409))
        {
            tracing::warn!("removing the container {id}: {why}");
        }
    }

    /// Runs a command in a container: its exit code and what it wrote to standard output (into `output`) and error.
    pub(crate) async fn run(
        &self,
        id: &str,
        command: Vec<String>,
        output: &mut (impl tokio::io::AsyncWrite + Unpin),
    ) -> Result<(i64, String), String> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command),
            ..CreateExecOptions::default()
        };
        let exec = self.client.create_exec(id, options).await.map_err(|why| message(&why))?.id;
        let mut errors = Vec::new();
        let started = self.client.start_exec(&exec, None).await.map_err(|why| message(&why))?;
        if let StartExecResults::Attached { output: mut lines, .. } = started {
            while let Some(Ok(line)) = lines.next().await {
                match line {
                    bollard::container::LogOutput::StdErr { message } => errors.extend_from_slice(&message),
                    other => output.write_all(&other.into_bytes()).await.map_err(|why| why.to_string())?,
                }
            }
        }
        let end = self.client.inspect_exec(&exec).await.map_err(|why| message(&why))?;
        Ok((end.exit_code.unwrap_or(-1), String::from_utf8_lossy(&errors).trim().to_string()))
    }

    /// Removes all containers of the project.
    pub(crate) async fn clean(&self) {
        let filters = HashMap::from([("label".to_string(), vec![format!("{PROJECT}={}", self.project)])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let left = self.client.list_containers(Some(options)).await.unwrap_or_default();
        let ids: Vec<String> = left.into_iter().filter_map(|container| container.id).collect();
        futures::future::join_all(ids.iter().map(|id| self.remove(id))).await;
    }

    /// Whether a volume is there.
    pub(crate) async fn has_volume(&self, name: &str) -> bool {
        let filters = HashMap::from([("name".to_string(), vec![name.to_string()])]);
        let found = self.client.list_volumes(Some(ListVolumesOptions { filters: Some(filters) })).await;
        found.is_ok_and(|found| found.volumes.unwrap_or_default().iter().any(|volume| volume.name == name))
    }

    /// Removes a volume with its data.
    pub(crate) async fn remove_volume(&self, name: &str) {
        let _ = self.client.remove_volume(name, Some(RemoveVolumeOptions { force: true })).await;
    }
}

/// A bridge's address in this machine: the one that it says, or else the first of its subnet, as is usual.
fn gateway(said: Option<&str>, subnet: Option<&str>) -> Option<IpAddr> {
    let said = said.and_then(|text| text.parse::<Ipv4Addr>().ok());
    let first = || {
        let (network, _) = subnet?.split_once('/')?;
        let network: Ipv4Addr = network.parse().ok()?;
        Some(Ipv4Addr::from(u32::from(network).checked_add(1)?))
    };
    said.or_else(first).map(IpAddr::V4)
}

fn status(why: &Error) -> Option<u16> {
    match why {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What the engine said, without the protocol around it.
fn message(why: &Error) -> String {
    match why {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_that_does_not_say_its_address_has_the_first_of_its_subnet() {
        for (said, subnet, expected) in [
            (Some("172.18.0.1"), Some("172.17.0.0/16"), Some("172.18.0.1")),
            (None, Some("172.17.0.0/16"), Some("172.17.0.1")),
            (Some(""), Some("10.1.0.0/24"), Some("10.1.0.1")),
            (None, Some("fd00::/64"), None),
            (None, None, None),
        ] {
            assert_eq!(
                gateway(said, subnet).map(|address| address.to_string()).as_deref(),
                expected,
                "{said:?} {subnet:?}"
            );
        }
    }
}
