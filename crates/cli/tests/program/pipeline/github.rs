//! As much of GitHub's API as the pipeline asks for: comments of a pull request, runs of a workflow and their jobs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};

/// The API. A token names the permissions of the job that it is given to, and without one of them a call is refused.
pub struct GitHub {
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    comments: Vec<Json>,
    /// Runs with their jobs.
    runs: Vec<(Json, Json)>,
    ended: bool,
}

impl GitHub {
    /// Listens on a free port.
    pub fn start() -> GitHub {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if lock(&shared).ended {
                    return;
                }
                let _ = serve(&shared, stream);
            }
        });
        GitHub { port, inner }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a job with these permissions is given as its token.
    pub fn token(permissions: &Json) -> String {
        let all = permissions.as_object().into_iter().flatten();
        all.map(|(name, level)| format!("{name}={}", level.as_str().unwrap_or_default())).collect::<Vec<_>>().join(",")
    }

    /// The comments, as they are now.
    pub fn comments(&self) -> Vec<String> {
        lock(&self.inner).comments.iter().map(|c| c["body"].as_str().unwrap_or_default().to_string()).collect()
    }

    /// Somebody writes a comment.
    pub fn somebody_writes(&self, body: &str) {
        let mut inner = lock(&self.inner);
        let id = inner.comments.len() + 1;
        inner.comments.push(comment(id, body, "User"));
    }

    /// A run for a push has ended, with the conclusion of a job of it.
    pub fn ran(&self, branch: &str, commit: &str, tree: &str, job: &str, conclusion: &str) {
        let mut inner = lock(&self.inner);
        let id = inner.runs.len() + 1;
        let run = json!({
            "id": id, "event": "push", "head_branch": branch, "head_sha": commit,
            "head_commit": {"id": commit, "tree_id": tree},
            "html_url": format!("https://github.example/octo/shop/actions/runs/{id}"),
        });
        let jobs = json!({"jobs": [
            {"name": "build", "status": "completed", "conclusion": "success"},
            {"name": job, "status": "completed", "conclusion": conclusion},
        ]});
        inner.runs.insert(0, (run, jobs));
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        lock(&self.inner).ended = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

fn comment(id: usize, body: &str, kind: &str) -> Json {
    let url = format!("https://github.example/octo/shop/pull/7#issuecomment-{id}");
    json!({"id": id, "body": body, "user": {"type": kind}, "html_url": url})
}

/// Answers one request.
fn serve(inner: &Mutex<Inner>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut request, mut length, mut token) = (String::new(), 0, String::new());
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => token = value.trim().trim_start_matches("Bearer ").to_string(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or(Json::Null);
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, answer) = answer(&mut lock(inner), method, path, &token, &body);
    let text = answer.to_string();
    let length = text.len();
    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}")
}

fn answer(inner: &mut Inner, method: &str, path: &str, token: &str, body: &Json) -> (u16, Json) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let Some(path) = path.strip_prefix("/repos/octo/shop/") else { return (404, Json::Null) };
    let may = |permission: &str| token.split(',').any(|given| given == permission);
    let parts: Vec<&str> = path.split('/').collect();
    let (needed, answer) = match (method, &parts[..]) {
        ("GET", ["issues", "7", "comments"]) => ("pull-requests=write", json!(inner.comments)),
        ("POST", ["issues", "7", "comments"]) if may("pull-requests=write") => {
            let new = comment(inner.comments.len() + 1, body["body"].as_str().unwrap_or_default(), "Bot");
            inner.comments.push(new.clone());
            ("pull-requests=write", new)
        }
        ("PATCH", ["issues", "comments", id]) if may("pull-requests=write") => {
            let Some(one) = inner.comments.iter_mut().find(|c| c["id"].as_u64() == id.parse().ok()) else {
                return (404, Json::Null);
            };
            one["body"] = body["body"].clone();
            ("pull-requests=write", one.clone())
        }
        ("GET", ["actions", "workflows", "deploy.yml", "runs"]) => {
            let asked = |run: &Json, name: &str, of: &str| {
                let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
                value.is_none_or(|value| run[of] == value)
            };
            let all = inner.runs.iter().map(|(run, _)| run);
            let some: Vec<&Json> =
                all.filter(|run| asked(run, "branch", "head_branch") && asked(run, "event", "event")).collect();
            ("actions=read", json!({"total_count": some.len(), "workflow_runs": some}))
        }
        ("GET", ["actions", "runs", id, "jobs"]) => {
            match inner.runs.iter().find(|(run, _)| run["id"].as_u64() == id.parse().ok()) {
                Some((_, jobs)) => ("actions=read", jobs.clone()),
                None => return (404, Json::Null),
            }
        }
        _ => return (404, Json::Null),
    };
    if may(needed) { (200, answer) } else { (403, Json::Null) }
}
