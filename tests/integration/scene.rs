//! A host whose jobs are asked for and watched over HTTP.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, process};
use serde_json::{Value, json};

/// Far above what any job here takes, also beside a build.
pub const DEADLINE: Duration = Duration::from_secs(180);

pub struct Scene {
    pub host: BulkheadHost,
    authorization: String,
}

/// A backup that was asked for.
pub struct Asked {
    pub method: String,
    pub backup: String,
    pub job: String,
}

impl Scene {
    pub fn start(options: HostOptions) -> Self {
        let host = BulkheadHost::start(options).unwrap();
        let authorization = format!("Authorization: Bearer {}", host.token("acme", "administrator").unwrap());
        Self { host, authorization }
    }

    pub fn get(&self, path: &str) -> Value {
        self.host.http("GET", path, &[&self.authorization], b"").unwrap().json().unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let headers = [self.authorization.as_str(), "Content-Type: application/json"];
        let answer = self.host.http("POST", path, &headers, body.to_string().as_bytes()).unwrap();
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
        answer.json().unwrap()
    }

    /// Asks for a backup; no target means the default one.
    pub fn ask(&self, service: &str, method: &str, target: Option<&str>) -> Asked {
        let body = json!({"service_id": service, "backup_type": method, "schedule": "once", "target": target});
        let made = self.post("/v1/backups/schedules", &body);
        let text = |key: &str| made[key].as_str().unwrap().to_owned();
        Asked { method: method.to_owned(), backup: text("backup_id"), job: text("job_id") }
    }

    /// Waits until a job has ended.
    pub fn ended(&self, job: &str) -> Value {
        let started = Instant::now();
        loop {
            let shown = self.get(&format!("/v1/jobs/{job}"));
            if matches!(shown["status"].as_str(), Some("Succeeded" | "Failed" | "Cancelled")) {
                return shown;
            }
            assert!(started.elapsed() < DEADLINE, "job {job} does not end: {shown}\n{}", self.host.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a backup that must succeed.
    pub fn succeeds(&self, asked: &Asked) {
        let job = self.ended(&asked.job);
        assert_eq!(job["status"], "Succeeded", "{}: {job}\n{}", asked.method, self.host.log_tail());
    }

    /// Waits for a backup that must fail with this code and these words.
    pub fn fails(&self, asked: &Asked, code: &str, words: &[&str]) -> Value {
        let job = self.ended(&asked.job);
        let (method, failure) = (&asked.method, &job["failure"]);
        assert_eq!(job["status"], "Failed", "{method}: {job}");
        assert_eq!(failure["code"], code, "{method}: {failure}");
        let message = failure["message"].as_str().unwrap();
        for phrase in words {
            assert!(message.contains(phrase), "{method}: `{phrase}` is not in: {message}");
        }
        assert_eq!(self.get(&format!("/v1/backups/{}", asked.backup))["status"], "Failed", "{method}");
        job
    }

    /// From now on the memory peak counts anew: compiling components at the start is not what is measured.
    pub fn forget_memory_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.host.pid().unwrap()), "5").unwrap();
    }

    /// The most memory since [`Scene::forget_memory_peak`], in MiB.
    pub fn memory_peak_mib(&self) -> u64 {
        self.host.memory_kib("VmHWM").unwrap() / 1024
    }

    /// Nothing of any attempt is left in scratch.
    pub fn scratch_is_empty(&self) {
        let scratch = self.host.dir().join("data/scratch");
        let left = || fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        process::wait_until("scratch is empty", DEADLINE, || Ok(left().is_empty().then_some(())))
            .unwrap_or_else(|problem| panic!("{problem}: {:?}", left()));
    }
}

/// All files below a directory that may change meanwhile.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A directory may vanish while it is looked at.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
