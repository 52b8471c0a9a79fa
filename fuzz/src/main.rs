//! Runs a target on varied inputs with a stable compiler.
//!
//! usage: infra-fuzz TARGET SECONDS [SEED] | infra-fuzz TARGET FILE… | infra-fuzz seeds TARGET FOLDER
//!
//! The inputs are run in a process of its own, so that one which exhausts the stack ends only that. An input that takes
//! more than five seconds of processor time or two gigabytes, or that breaks a law, is put into the folder `artifacts`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use infra_fuzz::{TARGETS, Target, mutate};

/// Processor time that one input may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Resident memory that the process may take, in pages of 4 KiB.
const PAGES: u64 = 2 << 18;
/// The stack of the thread that runs the inputs: as small as any that the program uses.
const STACK: usize = 2 << 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = args.iter().map(String::as_str).collect();
    match texts.as_slice() {
        ["seeds", name, folder] => with(name, |target| write_seeds(target, Path::new(folder))),
        ["--inputs", name, seconds, seed] => with(name, |target| {
            run_inputs(target, Duration::from_secs(number(seconds)), number(seed));
            true
        }),
        [name, seconds] if seconds.parse::<u64>().is_ok() => with(name, |t| supervise(t, number(seconds), 1)),
        [name, seconds, seed] if seconds.parse::<u64>().is_ok() => {
            with(name, |t| supervise(t, number(seconds), number(seed)))
        }
        [name, files @ ..] if !files.is_empty() => with(name, |target| {
            for file in files {
                println!("{file}");
                let data = std::fs::read(file).unwrap_or_default();
                let run = target.run;
                let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || run(&data));
                if thread.is_ok_and(|t| t.join().is_err()) {
                    return false;
                }
            }
            true
        }),
        _ => {
            let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
            eprintln!(
                "usage: infra-fuzz TARGET SECONDS [SEED] | TARGET FILE… | seeds TARGET FOLDER\ntargets: {}",
                names.join(" ")
            );
            ExitCode::from(2)
        }
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

fn with(name: &str, f: impl FnOnce(&Target) -> bool) -> ExitCode {
    match TARGETS.iter().find(|t| t.name == name) {
        Some(target) => ExitCode::from(u8::from(!f(target))),
        None => {
            eprintln!("There is no target {name}.");
            ExitCode::from(2)
        }
    }
}

fn write_seeds(target: &Target, folder: &Path) -> bool {
    std::fs::create_dir_all(folder).is_ok()
        && (target.seeds)().iter().enumerate().all(|(i, s)| std::fs::write(folder.join(i.to_string()), s).is_ok())
}

fn artifacts(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(target.name)
}

/// Starts processes that run inputs, until the time is up. Whether nothing was found.
fn supervise(target: &Target, seconds: u64, mut seed: u64) -> bool {
    let folder = artifacts(target);
    if std::fs::create_dir_all(&folder).is_err() {
        eprintln!("{} cannot be made.", folder.display());
        return false;
    }
    let mut ended = 0;
    let end = Instant::now() + Duration::from_secs(seconds);
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|l| l.as_secs() > 0) {
        let Ok(program) = std::env::current_exe() else { return false };
        let words = ["--inputs", target.name, &left.as_secs().to_string(), &seed.to_string()].map(str::to_owned);
        let Ok(mut child) = Command::new(program).args(words).spawn() else { return false };
        let current = folder.join(format!(".input-{}", child.id()));
        match child.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                let kept = folder.join(format!("ended-{}", name_of(&std::fs::read(&current).unwrap_or_default())));
                println!("{}: {status}: {}", target.name, kept.display());
                ended += 1;
                let _ = std::fs::copy(&current, kept);
            }
            Err(_) => return false,
        }
        let _ = std::fs::remove_file(current);
        seed += 1;
    }
    let found = std::fs::read_dir(&folder).into_iter().flatten().flatten().count();
    println!("{}: {seconds} s, {found} findings in {}", target.name, folder.display());
    found == 0 && ended == 0
}

fn name_of(data: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Runs inputs on a thread, and keeps an eye on its time and memory.
fn run_inputs(target: &Target, time: Duration, seed: u64) {
    let folder = artifacts(target);
    let count = Arc::new(AtomicU64::new(0));
    let place: Arc<Mutex<String>> = Arc::default();
    let told = place.clone();
    std::panic::set_hook(Box::new(move |info| {
        if let Ok(mut place) = told.lock() {
            *place = info.location().map(ToString::to_string).unwrap_or_default();
        }
        if std::env::var_os("FUZZ_SHOW").is_some() {
            eprintln!("{info}");
        }
    }));
    let (run, seeds, counter) = (target.run, (target.seeds)(), count.clone());
    let current = folder.join(format!(".input-{}", std::process::id()));
    let kept = folder.clone();
    let work = move || {
        let mut rng = fastrand::Rng::with_seed(seed);
        let Ok(mut file) = std::fs::File::create(current) else { return };
        let mut seen: HashSet<String> = HashSet::new();
        let end = Instant::now() + time;
        while Instant::now() < end {
            let data = mutate::variation(&seeds, &mut rng);
            let written = file.rewind().and_then(|()| file.set_len(0)).and_then(|()| file.write_all(&data));
            if written.is_err() {
                return;
            }
            if std::panic::catch_unwind(|| run(&data)).is_err() {
                let place = place.lock().map(|p| p.clone()).unwrap_or_default();
                if seen.insert(place.clone()) {
                    let path = kept.join(format!("{}-{}", place.replace(['/', ':'], "_"), name_of(&data)));
                    println!("panic at {place}: {}", path.display());
                    let _ = std::fs::write(path, &data);
                }
            }
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let Ok(thread) = std::thread::Builder::new().stack_size(STACK).spawn(work) else { return };
    let (mut last, mut since) = (u64::MAX, Duration::ZERO);
    while !thread.is_finished() {
        std::thread::sleep(Duration::from_millis(50));
        let (now, done) = (processor_time(), count.load(Ordering::Relaxed));
        if done != last {
            (last, since) = (done, now);
        }
        let (slow, big) = (now.saturating_sub(since) > LIMIT, resident_pages() > PAGES);
        if slow || big {
            eprintln!("{}", if slow { "too slow" } else { "too much memory" });
            std::process::exit(if slow { 70 } else { 71 });
        }
    }
    println!("{}: {} inputs with seed {seed}", target.name, count.load(Ordering::Relaxed));
}

/// Of this process, all threads, as Linux tells it in hundredths of seconds.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = text.rsplit(')').next().unwrap_or_default().split_whitespace().map(number).collect();
    Duration::from_millis(10 * fields.iter().skip(11).take(2).sum::<u64>())
}

fn resident_pages() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).map(number).unwrap_or_default()
}
