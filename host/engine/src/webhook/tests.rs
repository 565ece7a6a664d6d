//! Notices to real listeners on loopback.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bulkhead_catalog::{DeliveryRecord, DeliveryState, NewWebhook, Page, Webhook};
use bulkhead_model::{NoticeEvent, WebhookId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{BACKOFF, purpose, sign};
use crate::request::{CreateWebhook, UpdateWebhook};
use crate::scene::{Scene, acme, until};

/// One request as it came.
#[derive(Clone, Debug)]
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no header {name} in {}", self.head))
    }
}

/// Answers with one status after the other, the last one for ever; nothing at all for status 0.
struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    async fn start(answers: &'static [(u16, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let number = seen.lock().unwrap().len();
                let request = read(&mut stream).await;
                seen.lock().unwrap().push(request);
                let (status, headers) = answers[number.min(answers.len() - 1)];
                if status == 0 {
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_mins(5)).await;
                        drop(stream);
                    });
                    continue;
                }
                let answer = format!("HTTP/1.1 {status} X\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
                let _gone = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, requests }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?tenant=1", self.port)
    }

    fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    async fn has_seen(&self, requests: usize) -> Request {
        until("a request comes", async || self.seen().get(requests - 1).cloned()).await
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Request { head: head.to_owned(), body: body.to_owned() };
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "cut off: {text}");
        bytes.extend_from_slice(&chunk[..read]);
    }
}

async fn scene(allow: &[&str]) -> Scene {
    let allow = allow.iter().map(|host| (*host).to_owned()).collect();
    Scene::start(|config| {
        config.webhooks.allow_private_hosts = allow;
        config.webhooks.deadline = Duration::from_secs(2);
    })
    .await
}

fn hook(url: String) -> CreateWebhook {
    CreateWebhook { url, events: vec![NoticeEvent::BackupFailed], enabled: true }
}

/// The newest delivery, once it is as it must become.
async fn newest(scene: &Scene, webhook: &WebhookId, becomes: impl Fn(&DeliveryRecord) -> bool) -> DeliveryRecord {
    until("the notice was tried", async || {
        let (records, _) = scene.catalog.deliveries(&acme(), webhook, Page::default()).await.unwrap();
        records.into_iter().next().filter(&becomes)
    })
    .await
}

fn delivered(record: &DeliveryRecord) -> bool {
    record.state == DeliveryState::Delivered
}

/// Why the first try has failed.
async fn failure(scene: &Scene, webhook: &WebhookId) -> String {
    newest(scene, webhook, |record| record.last_failure.is_some()).await.last_failure.unwrap()
}

/// Everything that is logged in this process, at the finest level.
fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    struct Lines;
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            log().lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    if LOG.get().is_none() {
        let _set = LOG.set(Mutex::default());
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Lines);
        let _first_wins = subscriber.try_init();
    }
    LOG.get().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_signed_and_its_secret_is_told_once() {
    log();
    let receiver = Receiver::start(&[(204, "")]).await;
    let scene = scene(&["127.0.0.1"]).await;
    let (webhook, secret) = scene.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap();
    let delivery = scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    let request = receiver.has_seen(1).await;
    assert!(request.head.starts_with("POST /hook?tenant=1 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("webhook-id"), delivery.id.as_str());
    let timestamp: i64 = request.header("webhook-timestamp").parse().unwrap();
    assert_eq!(timestamp, scene.now().as_micros() / 1_000_000);
    let signed =
        |secret: &str| sign::signature(secret, delivery.id.as_str(), timestamp, request.body.as_bytes()).unwrap();
    assert_eq!(request.header("webhook-signature"), signed(secret.expose()));
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!((&body["type"], &body["organization"]), (&"test".into(), &"acme".into()), "{body}");
    newest(&scene, &webhook.id, delivered).await;

    // A new secret signs from now on, and only the new one.
    let ask = UpdateWebhook { rotate_secret: true, ..UpdateWebhook::default() };
    let (changed, rotated) = scene.engine.update_webhook(&acme(), &webhook.id, ask).await.unwrap();
    let rotated = rotated.unwrap();
    assert_ne!(rotated, secret);
    scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    let second = receiver.has_seen(2).await;
    let resigned =
        sign::signature(rotated.expose(), second.header("webhook-id"), timestamp, second.body.as_bytes()).unwrap();
    assert_eq!(second.header("webhook-signature"), resigned);
    let unchanged = scene.engine.update_webhook(&acme(), &webhook.id, UpdateWebhook::default()).await.unwrap();
    assert_eq!(unchanged.1, None);

    for secret in [&secret, &rotated] {
        let key = secret.expose().strip_prefix("whsec_").unwrap();
        let shown = format!("{webhook:?}{changed:?}{secret:?}{}{}", request.head, request.body);
        let logged = String::from_utf8_lossy(&log().lock().unwrap()).into_owned();
        assert!(logged.contains("a notice was delivered"), "nothing was logged: nothing is proved");
        assert!(!shown.contains(key) && !logged.contains(key));
        assert!(!changed.sealed_secret.as_str().contains(key));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_tried_again_later_and_later_and_then_given_up() {
    let receiver = Receiver::start(&[(500, ""), (404, ""), (503, "")]).await;
    let scene = scene(&["127.0.0.1"]).await;
    let (webhook, _) = scene.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap();
    scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    for (tries, wait) in (1..).zip(BACKOFF) {
        let next = scene.now().plus(wait);
        newest(&scene, &webhook.id, |record| record.attempts == tries && record.next_try_at == Some(next)).await;
        scene.clock.advance(wait - Duration::from_secs(1));
        // Long enough for some looks at the outbox: nothing may come of them.
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(receiver.seen().len(), usize::try_from(tries).unwrap());
        scene.clock.advance(Duration::from_secs(1));
    }
    let record = newest(&scene, &webhook.id, |record| record.state == DeliveryState::GivenUp).await;
    assert_eq!(record.attempts, 9);
    assert_eq!(record.last_failure.as_deref(), Some("the receiver answered 503"));
    let seen = receiver.seen();
    assert!(
        seen.iter().all(|request| request.header("webhook-id") == record.id.as_str() && request.body == seen[0].body)
    );
    let webhook = scene.catalog.webhook(&acme(), &webhook.id).await.unwrap();
    assert_eq!((webhook.last_success_at, webhook.last_failure), (None, record.last_failure));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_back_gets_its_notice() {
    let receiver = Receiver::start(&[(500, ""), (200, "")]).await;
    let scene = scene(&["127.0.0.1"]).await;
    let (webhook, _) = scene.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap();
    scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    failure(&scene, &webhook.id).await;
    scene.clock.advance(BACKOFF[0]);
    receiver.has_seen(2).await;
    let delivered = until("it is delivered", async || {
        Some(scene.catalog.webhook(&acme(), &webhook.id).await.unwrap())
            .filter(|webhook| webhook.last_success_at.is_some())
    });
    assert_eq!(delivered.await.last_failure, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    static ELSEWHERE: OnceLock<String> = OnceLock::new();
    let inside = Receiver::start(&[(200, "")]).await;
    ELSEWHERE.set(format!("location: {}\r\n", inside.url())).unwrap();
    for status in [302, 307] {
        let answers: &'static [(u16, &'static str)] = Vec::leak(vec![(status, ELSEWHERE.get().unwrap().as_str())]);
        let receiver = Receiver::start(answers).await;
        let scene = scene(&["127.0.0.1"]).await;
        let (webhook, _) = scene.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap();
        scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
        let failure = failure(&scene, &webhook.id).await;
        assert!(failure.starts_with("the receiver redirects"), "{status}: {failure}");
    }
    assert!(inside.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_costs_its_deadline_and_nobody_else() {
    let hangs = Receiver::start(&[(0, "")]).await;
    let other = Receiver::start(&[(200, "")]).await;
    let scene = scene(&["127.0.0.1"]).await;
    let (webhook, _) = scene.engine.create_webhook(&acme(), hook(hangs.url())).await.unwrap();
    let (prompt, _) = scene.engine.create_webhook(&acme(), hook(other.url())).await.unwrap();
    scene.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    hangs.has_seen(1).await;
    scene.engine.test_webhook(&acme(), &prompt.id).await.unwrap();
    newest(&scene, &prompt.id, delivered).await;
    let failure = failure(&scene, &webhook.id).await;
    assert_eq!(failure, "the receiver did not answer within 2 s");
}

/// A webhook that got past the check at its making, as one does whose name is pointed elsewhere afterwards.
async fn smuggled(scene: &Scene, url: String) -> Webhook {
    let id = WebhookId::new();
    let sealed = scene.engine.inner.master_key.seal(&purpose(&acme(), &id), sign::new_secret().unwrap().as_bytes());
    let new = NewWebhook {
        id,
        organization: acme(),
        url,
        events: vec![NoticeEvent::BackupFailed],
        enabled: true,
        sealed_secret: sealed.unwrap().into(),
    };
    scene.catalog.create_webhook(new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_resolves_to_a_private_address_gets_nothing_unless_the_operator_says_so() {
    let receiver = Receiver::start(&[(200, "")]).await;
    let strict = scene(&[]).await;
    let refused = strict.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap_err();
    assert!(refused.message.contains("private address"), "{refused}");
    for url in [receiver.url(), format!("http://localhost:{}/", receiver.port)] {
        let webhook = smuggled(&strict, url.clone()).await;
        strict.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
        let failure = failure(&strict, &webhook.id).await;
        assert!(failure.starts_with("the host of `url` has a private address"), "{url}: {failure}");
        assert!(!failure.contains("127.0.0.1"), "{failure}");
    }
    assert!(receiver.seen().is_empty());

    let lenient = scene(&["localhost"]).await;
    let webhook = smuggled(&lenient, format!("http://localhost:{}/", receiver.port)).await;
    lenient.engine.test_webhook(&acme(), &webhook.id).await.unwrap();
    newest(&lenient, &webhook.id, delivered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_moved_to_another_webhook_signs_nothing() {
    let receiver = Receiver::start(&[(200, "")]).await;
    let scene = scene(&["127.0.0.1"]).await;
    let (webhook, _) = scene.engine.create_webhook(&acme(), hook(receiver.url())).await.unwrap();
    let id = WebhookId::new();
    let new = NewWebhook {
        id: id.clone(),
        organization: acme(),
        url: receiver.url(),
        events: Vec::new(),
        enabled: true,
        sealed_secret: webhook.sealed_secret,
    };
    scene.catalog.create_webhook(new).await.unwrap();
    scene.engine.test_webhook(&acme(), &id).await.unwrap();
    let failure = failure(&scene, &id).await;
    assert!(failure.contains("changed, or moved"), "{failure}");
    assert!(receiver.seen().is_empty());
}
