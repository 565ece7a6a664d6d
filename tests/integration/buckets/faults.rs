//! What breaks between a component and its store: never a success that is not there, and nothing left lying about.

use std::time::Duration;

use bulkhead_test_support::bucket::{
    Azurite, BucketServer, Fault, FaultProxy, Gcs, Kind, S3, SeaweedFs, TargetEntry, sha256,
};
use bulkhead_test_support::workspace;
use serde_json::{Value, json};

use super::{credentials, options, target};
use crate::scene::Scene;

/// Three parts, the last one shorter, and what the smallest part of S3 allows.
const MEBIBYTES: u64 = 13;
const PART_MIB: u64 = 5;

/// Requests of one kind that one backup or verification may make when everything fails: its few operations, each tried some six
/// times.
const MOST_REQUESTS: usize = 40;

/// What happens to which requests of a backup, once, and must not matter.
const PASSING: &[(&[Kind], usize, Fault)] = &[
    (&[Kind::Part], 0, Fault::Status(500, None)),
    (&[Kind::Part], 1, Fault::Status(503, Some(1))),
    (&[Kind::Part], 2, Fault::Status(429, Some(1))),
    (&[Kind::Part], 1, Fault::LoseAnswer),
    (&[Kind::Part], 1, Fault::CutRequest),
    (&[Kind::Part], 0, Fault::Delay(Duration::from_secs(2))),
    (&[Kind::Begin], 0, Fault::Status(503, None)),
    (&[Kind::Begin], 0, Fault::LoseAnswer),
    (&[Kind::Complete], 0, Fault::Status(500, None)),
    (&[Kind::Complete], 0, Fault::LoseAnswer),
    (&[Kind::Complete], 0, Fault::CutAnswer),
    (&[Kind::Put], 0, Fault::Status(503, None)),
    (&[Kind::Put], 0, Fault::CutRequest),
    (&[Kind::Head], 0, Fault::Status(500, None)),
    (&[Kind::Get], 0, Fault::Status(500, None)),
    (&[Kind::Get], 0, Fault::CutAnswer),
    (&[Kind::Token], 0, Fault::Status(503, None)),
];

/// What happens to which requests of a backup, and may cost it.
const COSTLY: &[(&[Kind], Fault)] = &[
    (&[Kind::Part], Fault::CorruptRequest),
    (&[Kind::Put], Fault::CorruptRequest),
    (&[Kind::Put], Fault::LoseAnswer),
    (&[Kind::Complete], Fault::LateError),
    (&[Kind::Complete], Fault::ShortAnswer),
    (&[Kind::Get], Fault::CorruptAnswer),
    (&[Kind::Get], Fault::ShortAnswer),
    (&[Kind::Get], Fault::EndChunks),
];

/// What happens to every range of a verification, and lets it find the backup sound in no way. (Answers that are cut in the middle are
/// none of it: every try comes further.)
const LASTING_READS: &[Fault] = &[Fault::CorruptAnswer, Fault::LoseAnswer, Fault::EndChunks];

/// What happens to every request of that kind: the backup fails.
const LASTING: &[(&[Kind], Fault)] = &[
    (&[Kind::Part], Fault::Status(503, None)),
    (&[Kind::Part], Fault::CorruptRequest),
    (&[Kind::Complete], Fault::Status(500, None)),
    (&[], Fault::LoseAnswer),
];

/// What happens to which requests of a verification, once, and must not matter.
const PASSING_READS: &[(usize, Fault)] = &[
    (1, Fault::Status(503, Some(1))),
    (1, Fault::CutAnswer),
    (2, Fault::LoseAnswer),
    (1, Fault::ShortAnswer),
    (1, Fault::Delay(Duration::from_secs(2))),
];

struct Trial<'a> {
    server: &'a dyn BucketServer,
    proxy: FaultProxy,
    scene: Scene,
    /// Unfinished uploads that nobody can end: the store lists none, and has not told their names.
    nameless: usize,
    _plugins: tempfile::TempDir,
}

impl<'a> Trial<'a> {
    fn prepare(server: &'a dyn BucketServer, nameless: usize) -> Self {
        let proxy = FaultProxy::start(server.address()).unwrap();
        let entry: TargetEntry = server.target("faults").through(proxy.address()).option("part_size_mib", PART_MIB);
        let limits = "[limits]\nattempts_max = 1\nheartbeat = \"500ms\"\n";
        let (mut options, plugins) =
            options(&[workspace::guest("writes_much")], format!("{limits}{}", target("away", &entry)));
        options.environment.push(credentials("away", &entry));
        options.services[0].extra = format!("methods.much = {{ mebibytes = {MEBIBYTES} }}\n");
        let scene = Scene::start(options);
        Self { server, proxy, scene, nameless, _plugins: plugins }
    }

    /// Makes a backup while these faults happen; whether it says that it succeeded, which is then looked at.
    fn backup(&self, kinds: &[Kind], skip: usize, times: usize, fault: &Fault) -> (String, Value) {
        self.proxy.clear();
        self.proxy.inject(kinds, skip, times, fault.clone());
        let asked = self.scene.ask("small", "much", Some("away"));
        let job = self.scene.ended(&asked.job);
        self.is_honest(&asked.backup, &job, &format!("{fault:?} of {kinds:?}"));
        (asked.backup, job)
    }

    /// A backup that is said to be there is there, byte by byte; one that failed has no manifest; no upload is left unfinished.
    fn is_honest(&self, backup: &str, job: &Value, what: &str) {
        let folder = format!("faults/acme/small/{backup}/");
        let keys: Vec<String> = self.server.objects(&folder).unwrap().into_iter().map(|(key, _)| key).collect();
        let manifest = format!("{folder}manifest.json");
        if job["status"] == "Succeeded" {
            let manifest: Value = serde_json::from_slice(
                &self.server.read(&manifest).unwrap_or_else(|problem| panic!("{what}: {problem}: {keys:?}")),
            )
            .unwrap();
            let objects = manifest["objects"].as_array().unwrap();
            assert!(!objects.is_empty(), "{what}: {manifest}");
            for object in objects {
                let bytes = self.server.read(&format!("{folder}{}", object["key"].as_str().unwrap()));
                let bytes =
                    bytes.unwrap_or_else(|problem| panic!("{what}: {problem}: {keys:?} {:#?}", self.proxy.seen()));
                assert_eq!(object["stored_sha256"], sha256(&bytes).as_str(), "{what}");
                assert!(bytes.len() as u64 >= MEBIBYTES << 20, "{what}: {}", bytes.len());
            }
        } else {
            assert_eq!(job["status"], "Failed", "{what}: {job}");
            // The answer to the manifest's own put may be lost: then it is there, and the next attempt would find it.
            let lost =
                self.proxy.seen().iter().any(|seen| seen.line.contains("manifest.json") && seen.status == Some(200));
            assert!(lost || !keys.contains(&manifest), "{what}: a backup that failed has a manifest: {job}");
        }
        let unfinished = self.server.unfinished().unwrap();
        assert!(unfinished.len() <= self.nameless, "{what}: {unfinished:?}");
        self.is_patient_but_not_endless(what);
    }

    fn is_patient_but_not_endless(&self, what: &str) {
        let seen = self.proxy.seen();
        let most = seen.iter().map(|seen| self.proxy.count(seen.kind)).max().unwrap_or(0);
        assert!(most <= MOST_REQUESTS, "{what}: {most} requests of one kind: {seen:#?}");
    }

    /// Reads all of a backup while this happens to its ranges; whether the backup passes for sound.
    fn verify(&self, backup: &str, skip: usize, times: usize, fault: &Fault) -> bool {
        self.proxy.clear();
        self.proxy.inject(&[Kind::Get], skip, times, fault.clone());
        let made = self.scene.post(&format!("/v1/backups/{backup}/verify"), &json!({}));
        let job = self.scene.ended(made["id"].as_str().unwrap());
        assert!(times == 0 || self.proxy.broken() > 0, "{fault:?}: nothing was broken: {:#?}", self.proxy.seen());
        self.is_patient_but_not_endless(&format!("{fault:?}"));
        let suspect = self.scene.get(&format!("/v1/backups/{backup}"))["suspect"] != Value::Null;
        assert!(job["status"] == "Succeeded" || job["failure"]["retry"] == true, "{fault:?}: {job}");
        job["status"] == "Succeeded" && !suspect
    }

    fn run(&self) {
        let plugin = self.server.target("").plugin;
        let mut met = 0;
        for (kinds, skip, fault) in PASSING {
            let (_, job) = self.backup(kinds, *skip, 1, fault);
            let good = job["status"] == "Succeeded";
            assert!(good, "{plugin}, {fault:?} of {kinds:?}: {job}\n{:#?}", self.proxy.seen());
            met += self.proxy.broken();
        }
        // Not every language has every kind of request.
        assert!(met + 5 >= PASSING.len(), "{plugin}: only {met} faults were met");
        for (kinds, fault) in COSTLY {
            self.backup(kinds, 0, 1, fault);
        }
        for (kinds, fault) in LASTING {
            let (_, job) = self.backup(kinds, 0, usize::MAX, fault);
            assert_eq!(job["status"], "Failed", "{plugin}, {fault:?} of {kinds:?}");
        }

        let (backup, _) = self.backup(&[], 0, 0, &Fault::LoseAnswer);
        for (skip, fault) in PASSING_READS {
            let sound = self.verify(&backup, *skip, 1, fault);
            assert!(sound, "{plugin}, {fault:?}: {}\n{:#?}", self.scene.host.log_tail(), self.proxy.seen());
        }
        // Bytes that arrive as others are found by the host's digests.
        assert!(!self.verify(&backup, 1, 1, &Fault::CorruptAnswer), "{plugin}");
        for fault in LASTING_READS {
            // The manifest is read first, and well.
            assert!(!self.verify(&backup, 1, usize::MAX, fault), "{plugin}, {fault:?}");
        }
        assert!(self.verify(&backup, 0, 0, &Fault::LoseAnswer), "{plugin}: nothing was wrong with the backup itself");
    }
}

#[test]
fn of_s3() {
    Trial::prepare(&SeaweedFs::start().unwrap(), 0).run();
}

#[test]
fn of_s3_without_conditional_writes() {
    Trial::prepare(&S3::without_conditions().unwrap(), 0).run();
}

#[test]
fn of_google() {
    Trial::prepare(&Gcs::start().unwrap(), 0).run();
}

#[test]
fn of_azure() {
    // Blocks that belong to no blob are Azure's to forget.
    Trial::prepare(&Azurite::start().unwrap(), usize::MAX).run();
}
