//! Services as containers of a Docker engine, with an image that is made here from a static busybox.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use infra_runtime::spec::{Container, ContainerHealthCheck};
use infra_runtime::{Health, Rollout, Runtime, Spec, TaskState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{WEB, container, get, in_state, service, spec, start, task, until};

const IMAGE: &str = "infra-test/busybox:1";

/// Makes the image if an engine answers; says what is missing if not.
async fn image(runtime: &Runtime) -> bool {
    if let Err(why) = runtime.reachable().await.docker {
        eprintln!("skipped: {why}");
        return false;
    }
    if Command::new("docker")
        .args(["image", "inspect", IMAGE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        return true;
    }
    let Ok(busybox) = std::fs::read("/bin/busybox") else {
        eprintln!("skipped: no /bin/busybox to make an image from");
        return false;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("bin")).expect("made");
    std::fs::create_dir_all(root.join("www")).expect("made");
    std::fs::write(root.join("bin/busybox"), busybox).expect("written");
    std::fs::write(root.join("www/index.html"), "hello from busybox").expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(root.join("bin/busybox"), executable).expect("set");
    for name in ["sh", "httpd", "wget", "sleep", "true", "false", "cat", "env", "trap"] {
        symlink("busybox", root.join("bin").join(name)).expect("linked");
    }
    let archive = folder.path().join("image.tar");
    let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status().expect("tar");
    let made = Command::new("docker").arg("import").arg(&archive).arg(IMAGE).stdout(Stdio::null()).status();
    assert!(packed.success() && made.expect("docker").success());
    true
}

fn busybox(name: &str, command: &[&str]) -> Container {
    let command = command.iter().map(ToString::to_string).collect();
    Container { image: IMAGE.into(), command, ..container(name) }
}

fn containers(filter: &str) -> Vec<String> {
    let output = Command::new("docker").args(["ps", "-aq", "--filter", filter]).output().expect("docker");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_string).collect()
}

async fn completed(runtime: &Runtime) {
    until(runtime, "completed", || (runtime.services()[WEB].rollout == Rollout::Completed).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_its_containers() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !image(&runtime).await {
        return;
    }
    let mut app = busybox("app", &["httpd", "-f", "-p", "8080", "-h", "/www"]);
    app.read_only = true;
    app.memory = 64;
    app.stop_timeout = Duration::from_secs(1);
    app.health_check = Some(ContainerHealthCheck {
        command: vec!["CMD-SHELL".into(), "wget -q -O /dev/null http://localhost:8080/ || exit 1".into()],
        interval: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        retries: 5,
        start_period: Duration::ZERO,
    });
    // A second container reaches the first on localhost.
    let mut peer = busybox("peer", &["sh", "-c", "wget -q -O - http://localhost:8080/; echo; exec sleep 600"]);
    peer.depends_on = vec![("app".into(), "HEALTHY".into())];
    peer.ports.clear();
    peer.stop_timeout = Duration::from_secs(1);
    let mut limited = task(vec![app, peer]);
    limited.cpu = 256;
    runtime.apply(spec(service(1, limited))).await;
    completed(&runtime).await;
    let first = in_state(&runtime, TaskState::Running).remove(0);
    assert_eq!(first.health, Health::Healthy);
    assert_eq!(get(&first, "/").await, Some((200, "hello from busybox".into())));
    let ids = containers(&format!("label=infra.task={}", first.id));
    assert_eq!(ids.len(), 2);
    until(&runtime, "logs", || {
        let text = std::fs::read_to_string(folder.path().join("local/logs/main.web.log")).unwrap_or_default();
        text.contains("hello from busybox").then_some(())
    })
    .await;

    // Killing a container brings its task back.
    assert!(
        Command::new("docker")
            .arg("kill")
            .arg(format!("infra-{}-app", &first.id[..12]))
            .stdout(Stdio::null())
            .status()
            .expect("docker")
            .success()
    );
    let second =
        until(&runtime, "back", || in_state(&runtime, TaskState::Running).into_iter().find(|t| t.id != first.id)).await;
    assert_eq!(in_state(&runtime, TaskState::Stopped).remove(0).exit_code, Some(137));
    assert!(containers(&format!("label=infra.task={}", first.id)).is_empty());
    completed(&runtime).await;
    assert_eq!(get(&second, "/").await.map(|a| a.0), Some(200));
    runtime.shutdown(false).await;
    assert!(containers(&format!("label=infra.project={}", folder.path().display())).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_this_machine_are_reached_by_the_same_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !image(&runtime).await {
        return;
    }
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = server.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = server.accept().await {
            let mut request = [0; 1024];
            let _ = client.read(&mut request).await;
            let _ = client.write_all(b"HTTP/1.0 200 OK\r\n\r\nreached").await;
        }
    });
    runtime.apply(Spec { servers: BTreeSet::from([address]), ..Spec::default() }).await;
    // A static busybox cannot look names up: it looks into the file that the engine writes.
    let ask =
        "while read ip name; do [ \"$name\" = \"$HOST\" ] && exec wget -q -O - http://$ip:$PORT/; done < /etc/hosts";
    let mut asks = busybox("asks", &["sh", "-c", ask]);
    asks.environment = [("HOST", "localhost"), ("PORT", &address.port().to_string()), ("PATH", "/bin")]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into();
    asks.ports.clear();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ended = runtime.run_task("asks", task(vec![asks])).await;
    let lines: Vec<String> = runtime.logs(None, false).await.map(|line| line.text).collect().await;
    assert_eq!((ended, lines), (Ok(0), vec!["reached".to_string()]));
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_supervisor_left_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !image(&runtime).await {
        return;
    }
    let label = format!("label=infra.project={}", folder.path().display());
    let mut app = busybox("app", &["httpd", "-f", "-p", "8080", "-h", "/www"]);
    app.stop_timeout = Duration::from_secs(1);
    runtime.apply(spec(service(1, task(vec![app])))).await;
    completed(&runtime).await;
    drop(runtime);
    assert_eq!(containers(&label).len(), 1);
    let runtime = start(folder.path()).await;
    assert!(containers(&label).is_empty());
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !image(&runtime).await {
        return;
    }
    let mut app = busybox("app", &[]);
    app.image = "localhost:1/nowhere:7".into();
    runtime.apply(spec(service(1, task(vec![app])))).await;
    let reason = until(&runtime, "told", || runtime.services()[WEB].reason.clone()).await;
    assert!(reason.contains("localhost:1/nowhere:7") && reason.contains("docker build -t"), "{reason}");
    runtime.shutdown(false).await;
}
