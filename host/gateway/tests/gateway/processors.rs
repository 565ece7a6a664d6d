//! Stream processors: registered, late, failing, silent, and cleared away by a restore.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::{Answer, Client};
use crate::scene::Scene;

/// A stream processor that does what it is told.
#[derive(Clone)]
struct Ssp {
    id: &'static str,
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

struct Behaviour {
    health: &'static str,
    answer: StatusCode,
    delay: Duration,
    events: Vec<Value>,
}

impl Ssp {
    fn start(scene: &Scene, id: &'static str) -> Self {
        let behaviour =
            Behaviour { health: "bootstrapping", answer: StatusCode::OK, delay: Duration::ZERO, events: Vec::new() };
        let behaviour = Arc::new(Mutex::new(behaviour));
        let router = Router::new()
            .route(
                "/health",
                get(async |State(it): State<Arc<Mutex<Behaviour>>>| {
                    Json(json!({ "status": it.lock().unwrap().health }))
                }),
            )
            .route(
                "/ingest",
                post(async |State(it): State<Arc<Mutex<Behaviour>>>, Json(event): Json<Value>| {
                    let (delay, answer) = {
                        let it = it.lock().unwrap();
                        (it.delay, it.answer)
                    };
                    tokio::time::sleep(delay).await;
                    if answer.is_success() {
                        it.lock().unwrap().events.push(event);
                    }
                    answer
                }),
            )
            .with_state(Arc::clone(&behaviour));
        let address = scene.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async { axum::serve(listener, router).await });
            address
        });
        Self { id, address, behaviour }
    }

    fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    fn register(&self, door: &mut Client) -> Answer {
        let body = json!({ "ssp_id": self.id, "url": format!("http://{}", self.address), "version": "1" });
        door.post("/ssp/register", &body).unwrap()
    }

    /// Registers and is ready.
    fn join(&self, scene: &Scene) {
        self.set(|it| it.health = "ready");
        assert_eq!(self.register(&mut scene.client()).status, 202);
        scene.until("it is ready", || self.state(scene) == "ready");
    }

    fn beat(&self, door: &mut Client) -> u16 {
        door.post("/ssp/heartbeat", &json!({ "ssp_id": self.id, "views": 3, "version": "1" })).unwrap().status
    }

    fn state(&self, scene: &Scene) -> Value {
        let status = scene.client().status();
        let ssps = status["ssps"].as_array().unwrap().clone();
        ssps.into_iter().find(|ssp| ssp["ssp_id"] == self.id).map(|ssp| ssp["state"].clone()).unwrap_or_default()
    }

    fn ids(&self) -> Vec<String> {
        self.behaviour.lock().unwrap().events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }
}

fn send(door: &mut Client, ids: std::ops::Range<u32>) -> Vec<String> {
    ids.map(|id| {
        let id = format!("a:{id}");
        door.ingest("a", "CREATE", &id, json!({ "id": id })).unwrap().sequence();
        id
    })
    .collect()
}

#[test]
fn one_that_bootstraps_gets_what_came_meanwhile_and_the_replica_stands_still_for_it() {
    let scene = Scene::start("DEFINE TABLE a", |limits| limits.apply_every = Duration::from_millis(1));
    let mut door = scene.client();
    send(&mut door, 0..3);
    let ssp = Ssp::start(&scene, "one");
    let answer = ssp.register(&mut door);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (202, r#"{"snapshot_seq":3}"#),
        "what came before is in the replica"
    );
    let meanwhile = send(&mut door, 3..6);
    scene.until("the replica stands still", || door.status()["frozen"] == true);
    // Each answer takes longer than the time after which events go in otherwise.
    let count = json!({"query": "SELECT count() FROM a GROUP ALL"});
    for _ in 0..20 {
        assert_eq!(door.post("/proxy/query", &count).unwrap().body, r#"[{"count":3}]"#);
        assert_eq!(door.status()["applied"], 3);
    }
    assert_eq!(ssp.ids(), Vec::<String>::new());
    ssp.set(|it| it.health = "ready");
    scene.until("it has them", || ssp.ids() == meanwhile);
    scene.until_applied();
    let later = send(&mut door, 6..9);
    scene.until("it has the later ones", || ssp.ids() == [meanwhile.clone(), later.clone()].concat());
    assert_eq!(ssp.beat(&mut door), 200);
    let status = door.status();
    assert_eq!((&status["ssps"][0]["state"], &status["ssps"][0]["views"]), (&json!("ready"), &json!(3)), "{status}");
}

#[test]
fn jobs_are_dealt_out_in_turn_and_a_slow_one_holds_nobody_up() {
    let scene = Scene::start("DEFINE TABLE a", |_| {});
    let (quick, slow) = (Ssp::start(&scene, "quick"), Ssp::start(&scene, "slow"));
    quick.join(&scene);
    slow.join(&scene);
    slow.set(|it| it.delay = Duration::from_secs(3600));
    let mut door = scene.client();
    let sent = send(&mut door, 0..6);
    scene.until("the quick one has all", || quick.ids() == sent);
    assert_eq!(slow.ids(), Vec::<String>::new());
    let assignees: Vec<Value> =
        quick.behaviour.lock().unwrap().events.iter().map(|event| event["job_assignee"].clone()).collect();
    assert_eq!(assignees, ["quick", "slow", "quick", "slow", "quick", "slow"]);
}

#[test]
fn one_that_fails_gets_everything_later_and_one_that_refuses_begins_anew() {
    let scene = Scene::start("DEFINE TABLE a", |_| {});
    let ssp = Ssp::start(&scene, "one");
    ssp.join(&scene);
    let mut door = scene.client();
    ssp.set(|it| it.answer = StatusCode::SERVICE_UNAVAILABLE);
    let sent = send(&mut door, 0..4);
    scene.until("it lags", || ssp.state(&scene) == "lagging");
    assert_eq!(ssp.beat(&mut door), 200);
    ssp.set(|it| it.answer = StatusCode::OK);
    scene.until("it has all, in order", || ssp.ids() == sent);
    scene.until("it is ready again", || ssp.state(&scene) == "ready");
    ssp.set(|it| it.answer = StatusCode::BAD_REQUEST);
    send(&mut door, 4..5);
    scene.until("it has to begin anew", || ssp.beat(&mut door) == 409);
    ssp.set(|it| it.answer = StatusCode::OK);
    ssp.join(&scene);
    assert_eq!(ssp.beat(&mut door), 200);
}

#[test]
fn too_many_events_for_one_are_told_to_it_by_its_heartbeat() {
    let scene = Scene::start("DEFINE TABLE a", |limits| limits.processor_events = 3);
    let ssp = Ssp::start(&scene, "one");
    let mut door = scene.client();
    ssp.register(&mut door);
    send(&mut door, 0..3);
    assert_eq!(ssp.beat(&mut door), 200);
    send(&mut door, 3..4);
    let answer = door.post("/ssp/heartbeat", &json!({ "ssp_id": "one", "views": 0, "version": "1" })).unwrap();
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("bootstrap again"), "{answer:?}");
    scene.until_applied();
    ssp.join(&scene);
    assert_eq!(ssp.beat(&mut door), 200);
}

#[test]
fn who_is_silent_late_or_fails_is_let_go() {
    let scene = Scene::start("DEFINE TABLE a", |limits| {
        limits.bootstrap_timeout = Duration::from_secs(3);
        limits.heartbeat_timeout = Duration::from_secs(2);
    });
    let (silent, late, failed) =
        (Ssp::start(&scene, "silent"), Ssp::start(&scene, "late"), Ssp::start(&scene, "failed"));
    silent.join(&scene);
    let mut door = scene.client();
    late.register(&mut door);
    failed.set(|it| it.health = "failed");
    failed.register(&mut door);
    scene.until("the failed one is gone", || failed.beat(&mut scene.client()) == 404);
    scene.until("the silent one is gone", || silent.state(&scene).is_null());
    scene.until("the late one is gone", || late.state(&scene).is_null());
    assert_eq!(late.beat(&mut door), 404);
    assert_eq!(door.status()["frozen"], false);
    send(&mut door, 0..1);
    scene.until_applied();
}

#[test]
fn a_restore_lets_nobody_in_and_leaves_nothing_behind() {
    let mut scene = Scene::start("DEFINE TABLE a", |_| {});
    let (one, two) = (Ssp::start(&scene, "one"), Ssp::start(&scene, "two"));
    one.join(&scene);
    let mut door = scene.client();
    two.register(&mut door);
    send(&mut door, 0..5);
    assert_eq!(scene.runtime.block_on(scene.gateway.clear()).unwrap_err().kind.code(), "conflict");
    scene.runtime.block_on(scene.gateway.close()).unwrap();
    scene.runtime.block_on(scene.gateway.close()).unwrap();
    let refused = |door: &mut Client| {
        let event = door.ingest("a", "CREATE", "a:x", json!({})).unwrap();
        assert_eq!(event.status, 503);
        assert!(event.body.starts_with("SSP_NOT_READY: restoring"), "{event:?}");
        for route in ["/proxy/query", "/proxy/signin", "/proxy/use"] {
            assert_eq!(door.post(route, &json!({"query": "RETURN 1"})).unwrap().status, 503, "{route}");
        }
        assert_eq!(one.register(door).status, 503);
        assert_eq!(one.beat(door), 503);
        assert_eq!(door.status()["state"], "restoring");
        assert_eq!(door.get("/health").unwrap().body, r#"{"status":"restoring"}"#);
    };
    refused(&mut door);

    // Half way through, the host starts again and stays closed.
    scene.restart(Some("its last restore did not end".to_owned()));
    let mut door = scene.client();
    refused(&mut door);
    assert_eq!(door.status()["reason"], "its last restore did not end");

    scene.runtime.block_on(scene.gateway.clear()).unwrap();
    let status = door.status();
    assert_eq!(
        (&status["buffered"], &status["log_segments"], &status["sequence"]),
        (&json!(0), &json!(0), &json!(5)),
        "{status}"
    );
    assert_eq!(std::fs::read_dir(scene.directory.path().join("log")).unwrap().count(), 0);
    scene.runtime.block_on(scene.gateway.open()).unwrap();
    scene.until("the door is open", || scene.client().status()["state"] == "open");
    for ssp in [&one, &two] {
        assert_eq!(ssp.beat(&mut door), 404);
        ssp.join(&scene);
    }
    assert_eq!(door.ingest("a", "CREATE", "a:9", json!({})).unwrap().sequence(), 6, "numbers go on");
    scene.until("both have it", || one.ids().ends_with(&["a:9".to_owned()]) && two.ids() == ["a:9"]);
}

#[test]
fn a_restore_that_touches_nothing_leaves_everything() {
    let scene = Scene::start("DEFINE TABLE a", |_| {});
    let ssp = Ssp::start(&scene, "one");
    ssp.join(&scene);
    let mut door = scene.client();
    ssp.set(|it| it.answer = StatusCode::SERVICE_UNAVAILABLE);
    let sent = send(&mut door, 0..3);
    scene.runtime.block_on(scene.gateway.close()).unwrap();
    ssp.set(|it| it.answer = StatusCode::OK);
    scene.runtime.block_on(scene.gateway.open()).unwrap();
    scene.until("what waited arrives", || ssp.ids() == sent);
    assert_eq!(ssp.beat(&mut door), 200);
    scene.until_applied();
}

#[test]
fn what_cannot_be_is_refused_with_its_field() {
    let scene = Scene::start("DEFINE TABLE a", |limits| limits.event_bytes = 10_000);
    let mut door = scene.client();
    let cases = [
        ("/ingest", json!({"table": "a", "op": "MERGE", "id": "a:1", "record": {}}), 400, "`op`"),
        ("/ingest", json!({"table": "", "op": "CREATE", "id": "a:1", "record": {}}), 400, "`table`"),
        ("/ingest", json!({"op": "CREATE", "id": "a:1"}), 422, "table"),
        (
            "/ingest",
            json!({"table": "a", "op": "CREATE", "id": "a:1", "record": {"x": "x".repeat(20_000)}}),
            413,
            "limit",
        ),
        ("/ssp/register", json!({"ssp_id": " ", "url": "http://127.0.0.1:1", "version": "1"}), 400, "`ssp_id`"),
        ("/ssp/register", json!({"ssp_id": "a\u{1}b", "url": "http://127.0.0.1:1", "version": "1"}), 400, "`ssp_id`"),
        ("/ssp/register", json!({"ssp_id": "a", "url": "ftp://127.0.0.1:1", "version": "1"}), 400, "`url`"),
        ("/ssp/register", json!({"ssp_id": "a", "url": "127.0.0.1:1", "version": "1"}), 400, "`url`"),
        ("/ssp/heartbeat", json!({"ssp_id": "nobody", "views": 0, "version": "1"}), 404, "register again"),
    ];
    for (route, body, status, words) in cases {
        let answer = scene.client().post(route, &body).unwrap();
        assert_eq!(answer.status, status, "{route} {answer:?}");
        assert!(answer.body.contains(words), "{route} {answer:?}");
    }
    assert_eq!(door.status()["sequence"], 0);
}
