//! The byte path: what goes in comes out, for our decoder and for the public tools; what was touched on the way never does.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bulkhead_engine::pipeline::{self, EncodeOptions, Encoded, Identities, Keys, Meter, layout, manifest};
use bulkhead_engine::{EncryptTo, EncryptionConfig, SecretText};
use bulkhead_model::{Encryption, Failure, FailureKind, ManifestObject, OrganizationId, Result, TargetId};
use bulkhead_runtime::{ByteSource, Completion};

const LIMIT: usize = 1 << 30;

fn keys() -> Keys {
    let identities: Identities = [age::x25519::Identity::generate()].into_iter().collect();
    Keys { recipients: identities.recipients(), identities, ..Keys::default() }
}

fn options(keys: &Keys, threads: u32) -> EncodeOptions {
    EncodeOptions { level: 3, threads, recipients: keys.recipients.clone() }
}

/// Bytes that compress to about a third, the same for the same seed.
fn content(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(bytes + 16);
    while out.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes()[..5]);
        out.extend_from_slice(b"row row row");
    }
    out.truncate(bytes);
    out
}

fn object(name: &str, encoded: &Encoded) -> ManifestObject {
    ManifestObject {
        name: name.to_owned(),
        key: layout::object_key_name(name, 1, encoded.encryption),
        media_type: "application/octet-stream".to_owned(),
        plain_bytes: encoded.plain_bytes,
        stored_bytes: encoded.stored_bytes,
        plain_blake3: encoded.plain_blake3.clone(),
        stored_sha256: encoded.stored_sha256.clone(),
        codec: encoded.codec,
        encryption: encoded.encryption,
    }
}

async fn encode(plain: &[u8], keys: &Keys, threads: u32) -> (Vec<u8>, ManifestObject) {
    let source = ByteSource::from_bytes(plain.to_vec()).unwrap();
    let meter = Arc::new(Meter::default());
    let (stored, encoded) = pipeline::encode(source, options(keys, threads), Arc::clone(&meter)).unwrap();
    let (stored, encoded) = tokio::join!(stored.read_all(LIMIT), encoded);
    let (stored, encoded) = (stored.unwrap(), encoded.unwrap());
    assert_eq!(encoded.stored_bytes, stored.len() as u64);
    assert_eq!((meter.plain_bytes(), meter.stored_bytes()), (encoded.plain_bytes, encoded.stored_bytes));
    (stored, object("data.bin", &encoded))
}

async fn decode(stored: Vec<u8>, expected: &ManifestObject, keys: &Keys) -> Result<Vec<u8>> {
    pipeline::decode(ByteSource::from_bytes(stored)?, expected, keys, Arc::default())?.read_all(LIMIT).await
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    for keys in [Keys::default(), keys()] {
        for (size, threads) in [(0, 2), (1, 0), (65_535, 2), (65_536, 0), (262_144, 2), (5_000_001, 2)] {
            let plain = content(size, 7);
            let (stored, object) = encode(&plain, &keys, threads).await;
            assert!(decode(stored.clone(), &object, &keys).await.unwrap() == plain, "{size}");
            let source = || ByteSource::from_bytes(stored.clone()).unwrap();
            pipeline::verify_stored(source(), &object, Arc::default()).await.unwrap();
            pipeline::verify_plain(source(), &object, &keys, Arc::default()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_public_tools_open_what_was_stored_and_we_open_what_they_store() {
    let directory = tempfile::tempdir().unwrap();
    let identity_file = directory.path().join("key.txt");
    run(Command::new("age-keygen").arg("-o").arg(&identity_file), &[]);
    let identities = Identities::read(&[&identity_file]).unwrap();
    let keys = Keys { recipients: identities.recipients(), identities, ..Keys::default() };
    let plain = content(3_000_000, 11);

    let (clear, _) = encode(&plain, &Keys::default(), 2).await;
    assert!(run(Command::new("zstd").args(["-d", "-c"]), &clear) == plain);
    let (sealed, object) = encode(&plain, &keys, 2).await;
    let opened = run(Command::new("age").arg("-d").arg("-i").arg(&identity_file), &sealed);
    assert!(run(Command::new("zstd").args(["-d", "-c"]), &opened) == plain);

    // Another encoder's frames, two of them in a row as by `cat a.zst b.zst`.
    let (first, second) = plain.split_at(1_000_000);
    let frames: Vec<u8> = [first, second].iter().flat_map(|half| run(&mut Command::new("zstd"), half)).collect();
    let recipient = String::from_utf8(run(Command::new("age-keygen").arg("-y").arg(&identity_file), &[])).unwrap();
    let stored = run(Command::new("age").arg("-r").arg(recipient.trim()), &frames);
    let object = ManifestObject { stored_bytes: stored.len() as u64, stored_sha256: sha256(&stored), ..object };
    assert!(decode(stored, &object, &keys).await.unwrap() == plain);
}

#[tokio::test]
async fn each_of_several_recipients_opens_it_and_so_does_a_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    let files = ["first", "second", "old"].map(|name| directory.path().join(name));
    for file in &files {
        run(Command::new("age-keygen").arg("-o").arg(file), &[]);
    }
    let public = |file: &PathBuf| {
        let line = String::from_utf8(run(Command::new("age-keygen").arg("-y").arg(file), &[])).unwrap();
        line.trim().to_owned()
    };
    let (acme, other): (OrganizationId, OrganizationId) = ("acme".parse().unwrap(), "other".parse().unwrap());
    let (vault, elsewhere): (TargetId, TargetId) = ("vault".parse().unwrap(), "elsewhere".parse().unwrap());
    let config = |identities: &[&PathBuf]| EncryptionConfig {
        to: EncryptTo::Recipients(vec![public(&files[2])]),
        organizations: [(acme.clone(), EncryptTo::Recipients(vec![public(&files[0]), public(&files[1])]))].into(),
        targets: [(vault.clone(), EncryptTo::Passphrase(SecretText::new("correct horse")))].into(),
        identities: identities.iter().map(|file| (*file).clone()).collect(),
        ..EncryptionConfig::default()
    };
    let keys = Keys::load(&config(&[&files[0], &files[2]])).unwrap();
    assert_eq!(keys.lost(), Vec::<String>::new());
    let plain = content(300_000, 5);
    let sealed = async |organization, target| {
        let to = keys.recipients_of(organization, target).clone();
        let keys = Keys { recipients: to, identities: keys.identities.clone(), ..Keys::default() };
        let (stored, object) = encode(&plain, &keys, 1).await;
        assert!(decode(stored.clone(), &object, &keys).await.unwrap() == plain);
        stored
    };
    let zstd = |bytes: &[u8]| run(Command::new("zstd").args(["-d", "-c"]), bytes);
    let opened_by =
        |file: &PathBuf, stored: &[u8]| zstd(&run(Command::new("age").arg("-d").arg("-i").arg(file), stored));

    let of_acme = sealed(&acme, &elsewhere).await;
    assert!(opened_by(&files[0], &of_acme) == plain && opened_by(&files[1], &of_acme) == plain);
    let of_others = sealed(&other, &elsewhere).await;
    assert!(opened_by(&files[2], &of_others) == plain);
    // A target comes before its organization. `age` asks a terminal for a passphrase: `script` gives it one.
    let in_vault = sealed(&acme, &vault).await;
    let (stored, opened) = (directory.path().join("x.zst.age"), directory.path().join("x.zst"));
    std::fs::write(&stored, in_vault).unwrap();
    let command = format!("age -d -o {} {}", opened.display(), stored.display());
    run(Command::new("script").args(["-qec", &command, "/dev/null"]), b"correct horse\n");
    assert!(zstd(&std::fs::read(&opened).unwrap()) == plain);

    // Without the key, it is said once for each place, and a passphrase is never told.
    let lost = Keys::load(&config(&[&files[1]])).unwrap().lost();
    assert_eq!(
        lost,
        [format!("backups are encrypted to {}, and this host has no key that opens them", public(&files[2]))]
    );
    assert!(!format!("{:?} {:?}", keys, config(&[])).contains("horse"));
}

#[tokio::test]
async fn every_touched_byte_is_found() {
    for keys in [Keys::default(), keys()] {
        let (stored, expected) = encode(&content(3_000, 3), &keys, 0).await;
        let (other, _) = encode(&content(3_000, 4), &keys, 0).await;
        let mut damaged: Vec<(String, Vec<u8>)> = vec![("swapped".to_owned(), other)];
        for at in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[at] ^= 1 << (at % 8);
            damaged.push((format!("bit {} of byte {at} flipped", at % 8), flipped));
            damaged.push((format!("cut at {at}"), stored[..at].to_vec()));
        }
        for tail in [&b"\0"[..], &stored] {
            damaged.push((format!("{} bytes behind", tail.len()), [&stored, tail].concat()));
        }
        for (what, bytes) in damaged {
            let failure = decode(bytes.clone(), &expected, &keys).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Corrupt, "{what}: {failure}");
            assert!(failure.message.starts_with("object `data.bin.zst"), "{what}: {failure}");
            let source = ByteSource::from_bytes(bytes).unwrap();
            let failure = pipeline::verify_stored(source, &expected, Arc::default()).await.unwrap_err();
            assert_eq!(failure.kind, FailureKind::Corrupt, "{what}: {failure}");
        }
    }
}

#[tokio::test]
async fn a_manifest_that_disagrees_with_good_bytes_is_found_too() {
    let keys = keys();
    let (stored, good) = encode(&content(100_000, 5), &keys, 2).await;
    for wrong in [
        ManifestObject { plain_bytes: good.plain_bytes + 1, ..good.clone() },
        // Also what stops a small object from filling a disk.
        ManifestObject { plain_bytes: 10, ..good.clone() },
        ManifestObject { plain_blake3: "0".repeat(64), ..good.clone() },
        ManifestObject { encryption: Encryption::None, ..good.clone() },
    ] {
        assert_eq!(decode(stored.clone(), &wrong, &keys).await.unwrap_err().kind, FailureKind::Corrupt);
    }
}

#[tokio::test]
async fn without_the_right_key_the_failure_says_so() {
    let (stored, expected) = encode(&content(100_000, 5), &keys(), 2).await;
    for other in [Keys::default(), keys()] {
        let failure = decode(stored.clone(), &expected, &other).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        assert!(failure.hint.is_some_and(|hint| hint.contains("identities")));
    }
}

/// A source whose writer is in the test's hands.
fn pipe_with(bytes: usize) -> (std::thread::JoinHandle<std::io::Result<()>>, Completion, ByteSource) {
    let (mut file, completion, source) = ByteSource::pipe().unwrap();
    let writer = std::thread::spawn(move || file.write_all(&content(bytes, 9)));
    (writer, completion, source)
}

#[tokio::test]
async fn a_source_that_fails_leaves_nothing_that_looks_complete() {
    for (ending, kind) in [
        (Some(Err(Failure::denied("the tool exited with 1"))), FailureKind::Denied),
        (Some(Ok(2_999_999)), FailureKind::Corrupt),
        (None, FailureKind::Unavailable),
    ] {
        let (_writer, completion, source) = pipe_with(3_000_000);
        match ending {
            Some(ending) => completion.end(ending),
            None => drop(completion),
        }
        let (stored, encoded) = pipeline::encode(source, options(&Keys::default(), 2), Arc::default()).unwrap();
        let mut bytes = Vec::new();
        File::from(stored.data).read_to_end(&mut bytes).unwrap();
        assert_eq!(ByteSource::ended(stored.done).await.unwrap_err().kind, kind);
        let failure = encoded.await.unwrap_err();
        assert!(!failure.is_reader_gone());
        assert_eq!(failure.into_failure().kind, kind);
        let opened = command(Command::new("zstd").args(["-d", "-c"]), &bytes);
        assert!(!opened.status.success(), "the frame was finished all the same");
    }
}

#[tokio::test]
async fn a_target_that_goes_away_ends_the_tool() {
    for keys in [Keys::default(), keys()] {
        let (writer, _completion, source) = pipe_with(64 << 20);
        let (stored, encoded) = pipeline::encode(source, options(&keys, 2), Arc::default()).unwrap();
        let mut some = vec![0; 10_000];
        let mut file = File::from(stored.data);
        file.read_exact(&mut some).unwrap();
        drop(file);
        assert!(encoded.await.unwrap_err().is_reader_gone());
        assert_eq!(writer.join().unwrap().unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    }
}

#[tokio::test]
async fn a_target_that_fails_is_not_taken_for_damage() {
    let (stored, expected) = encode(&content(1_000_000, 6), &Keys::default(), 2).await;
    let (mut file, completion, source) = ByteSource::pipe().unwrap();
    let plain = pipeline::decode(source, &expected, &Keys::default(), Arc::default()).unwrap();
    file.write_all(&stored[..stored.len() / 2]).unwrap();
    drop(file);
    completion.end(Err(Failure::unavailable("connection reset")));
    let mut bytes = Vec::new();
    File::from(plain.data).read_to_end(&mut bytes).unwrap();
    assert_eq!(ByteSource::ended(plain.done).await.unwrap_err(), Failure::unavailable("connection reset"));
}

#[tokio::test]
async fn memory_stays_flat() {
    let keys = keys();
    let before = peak_memory_kib();
    let (mut file, completion, source) = ByteSource::pipe().unwrap();
    let chunk = content(1 << 20, 1);
    let writer = std::thread::spawn(move || {
        for _ in 0..256 {
            file.write_all(&chunk).unwrap();
        }
        drop(file);
        completion.end(Ok(256 << 20));
    });
    let (stored, encoded) = pipeline::encode(source, options(&keys, 2), Arc::default()).unwrap();
    let reader = std::thread::spawn(move || std::io::copy(&mut File::from(stored.data), &mut std::io::sink()).unwrap());
    assert_eq!(encoded.await.unwrap().stored_bytes, reader.join().unwrap());
    writer.join().unwrap();
    let grown = peak_memory_kib() - before;
    assert!(grown < 96 << 10, "grew by {grown} KiB");
}

#[test]
fn key_files_are_refused_by_file_and_line_and_never_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("identity.txt");
    let secret = "AGE-SECRET-KEY-1QQQQQQQQQQ";
    std::fs::write(&file, format!("# created: today\n\n{secret}\n")).unwrap();
    let failure = Identities::read(&[&file]).unwrap_err();
    assert!(failure.message.contains("line 3") && failure.message.contains("identity.txt"), "{failure}");
    let as_recipient = pipeline::Recipients::parse(&[secret]).unwrap_err();
    assert!(as_recipient.message.contains("recipient 1"), "{as_recipient}");
    for failure in [failure, as_recipient] {
        assert!(!failure.to_string().contains("QQQ"), "{failure}");
    }
    std::fs::write(&file, "# nothing\n").unwrap();
    assert!(Identities::read(&[&file]).unwrap_err().message.contains("holds no age identity"));
    assert_eq!(Identities::read(&[directory.path().join("none")]).unwrap_err().kind, FailureKind::NotFound);
}

#[test]
fn a_manifest_of_a_newer_host_or_with_foreign_keys_is_refused() {
    let text = |format: u32, key: &str| {
        format!(
            r#"{{"format":{format},"backup":"{id}:db1:s1","organization":"acme","service":"db1","engine":"mariadb",
            "method":"full","plugin":{{"name":"p","version":"1","digest":"{digest}"}},"report":{{"server_version":"11",
            "positions":[]}},"started_at":"2024-03-26T17:18:57Z","finished_at":"2024-03-26T17:18:58Z","objects":[
            {{"name":"data","key":"{key}","media_type":"a/b","plain_bytes":1,"stored_bytes":1,"plain_blake3":"{digest}",
            "stored_sha256":"{digest}","codec":"zstd","encryption":"none"}}]}}"#,
            id = "0".repeat(32),
            digest = "ab".repeat(32),
        )
    };
    let read = manifest::decode(text(1, "data.zst").as_bytes()).unwrap();
    assert_eq!(manifest::decode(&manifest::encode(&read).unwrap()).unwrap(), read);
    assert_eq!(manifest::keys(&read), ["data.zst"]);
    let newer = manifest::decode(text(2, "data.zst").as_bytes()).unwrap_err();
    assert_eq!(newer.kind, FailureKind::Unsupported);
    assert!(newer.hint.is_some());
    for key in ["../other/data.zst", "manifest.json", "data.zst.age", "other.zst"] {
        assert_eq!(manifest::decode(text(1, key).as_bytes()).unwrap_err().kind, FailureKind::Corrupt, "{key}");
    }
    assert_eq!(manifest::decode(b"{}").unwrap_err().kind, FailureKind::Corrupt);
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    let line = run(&mut Command::new("sha256sum"), bytes);
    String::from_utf8(line[..64].to_vec()).unwrap()
}

fn run(command_line: &mut Command, input: &[u8]) -> Vec<u8> {
    let output = command(command_line, input);
    assert!(output.status.success(), "{command_line:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn command(command: &mut Command, input: &[u8]) -> std::process::Output {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}; install the packages age and zstd"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A tool that refuses early closes its input; that shows in its exit code.
    std::thread::spawn(move || stdin.write_all(&input));
    child.wait_with_output().unwrap()
}
