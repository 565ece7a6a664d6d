//! The front door: how many events a second, and how much longer they take than writing and syncing their bytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bulkhead_test_support::{BulkheadHost, HostOptions, Problem, Result, ServiceEntry, SurrealDb, process};

use super::SERVICE;
use super::pair::{median, percentile};
use super::place::Place;
use crate::terminal::{note, step};

const NAMESPACE: &str = "bench";
const DATABASE: &str = "main";

/// Events of the measurement of one after the other.
pub const EVENTS: usize = 4_000;
/// Clients of the measurement of the rate.
pub const CLIENTS: usize = 32;
/// Events of each of them.
pub const EVENTS_OF_CLIENT: usize = 1_000;
/// What stands before an event's payload in the log.
const FRAME_HEAD: usize = 24;
const DEADLINE: Duration = Duration::from_secs(120);

/// One after the other, in milliseconds, and the rate of many at once.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The median and the 99th percentile of single ones.
    pub milliseconds: [f64; 2],
    /// Each second.
    pub rate: f64,
}

/// One run: the bare bytes and through the front door, one right after the other.
pub struct Run {
    /// `write` and `fdatasync` of the same bytes.
    pub bare: Measured,
    /// `POST /ingest`, the log synced before each answer.
    pub door: Measured,
}

/// What was measured.
pub struct Figures {
    /// Bytes of an event.
    pub event_bytes: usize,
    /// The runs.
    pub runs: Vec<Run>,
    /// The most that the host held, in KiB.
    pub memory_kib: u64,
}

/// Measures.
pub fn measure(place: &Place, runs: usize) -> Result<Figures> {
    let (main, replica) = (SurrealDb::start()?, SurrealDb::start()?);
    main.at(NAMESPACE, DATABASE).define()?;
    let door = SocketAddr::from((Ipv4Addr::LOCALHOST, process::free_port()?));
    let mut entry = ServiceEntry::surrealdb(SERVICE, &main);
    entry.extra = format!(
        "namespace = \"{NAMESPACE}\"\ndatabase = \"{DATABASE}\"\n\n[service.front_door]\nlisten = \"{door}\"\nbuffer_events = 1000000\n\n\
         [service.front_door.replica]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\npassword_env = \"PASSWORD_OF_ROOT\"\n",
        replica.port()
    );
    let host = BulkheadHost::start(HostOptions {
        parent: Some(place.parent.clone()),
        binary: Some(place.binary.clone()),
        services: vec![entry],
        ..HostOptions::default()
    })?;
    process::wait_until("the front door opens", DEADLINE, || {
        let mut client = Client::connect(door)?;
        Ok(client.ask("GET /health HTTP/1.1\r\nhost: door\r\n\r\n")?.contains("ready").then_some(()))
    })?;
    step(&format!("{runs} paired runs: {EVENTS} events, written and synced, and through the front door"));
    let bytes = FRAME_HEAD + body(0).len();
    let mut measured = Vec::new();
    for run in 0..runs {
        let bare = bare(place, bytes)?;
        let door = through(door, run)?;
        note(&format!(
            "bare p50 {:.3} ms, p99 {:.3} ms, {:.0}/s   door p50 {:.3} ms, p99 {:.3} ms, {:.0}/s from {CLIENTS} clients",
            bare.milliseconds[0],
            bare.milliseconds[1],
            bare.rate,
            door.milliseconds[0],
            door.milliseconds[1],
            door.rate
        ));
        measured.push(Run { bare, door });
    }
    Ok(Figures { event_bytes: bytes, runs: measured, memory_kib: host.memory_kib("VmHWM").unwrap_or(0) })
}

impl Figures {
    /// The median over the runs.
    pub fn of(&self, figure: impl Fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(figure))
    }
}

fn bare(place: &Place, bytes: usize) -> Result<Measured> {
    let mut file = File::create(place.dir.join("events"))?;
    let event = vec![b'x'; bytes];
    let mut times = Vec::with_capacity(EVENTS);
    let started = Instant::now();
    for _ in 0..EVENTS {
        let began = Instant::now();
        file.write_all(&event)?;
        file.sync_data()?;
        times.push(milliseconds(began));
    }
    Ok(summed(&times, EVENTS, started))
}

fn through(door: SocketAddr, run: usize) -> Result<Measured> {
    let mut client = Client::connect(door)?;
    let mut times = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        let began = Instant::now();
        client.ingest(run * 1_000_000 + number)?;
        times.push(milliseconds(began));
    }
    let started = Instant::now();
    thread::scope(|scope| {
        let clients = (1..=CLIENTS).map(|client| {
            scope.spawn(move || -> Result<()> {
                let mut connection = Client::connect(door)?;
                for number in 0..EVENTS_OF_CLIENT {
                    connection.ingest(run * 1_000_000 + client * EVENTS_OF_CLIENT + EVENTS + number)?;
                }
                Ok(())
            })
        });
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().unwrap_or_else(|_| Err(Problem::new("a client panicked"))))
    })?;
    Ok(summed(&times, EVENTS_OF_CLIENT * CLIENTS, started))
}

fn summed(times: &[f64], events: usize, started: Instant) -> Measured {
    let seconds = started.elapsed().as_secs_f64();
    Measured { milliseconds: [50, 99].map(|percent| percentile(times, percent)), rate: events as f64 / seconds }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A row of about 250 bytes.
fn body(number: usize) -> String {
    let text = "all work and no play makes jack a dull boy ".repeat(3);
    format!(
        r#"{{"table":"note","op":"UPDATE","id":"note:{}","record":{{"id":"note:{}","number":{},"body":"{text}"}}}}"#,
        number % 1000,
        number % 1000,
        10_000_000 + number
    )
}

/// One connection, which is kept.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(door: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(door)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn ingest(&mut self, number: usize) -> Result<()> {
        let body = body(number);
        let answer = self.ask(&format!(
            "POST /ingest HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))?;
        match answer.starts_with("HTTP/1.1 200") {
            true => Ok(()),
            false => Err(Problem::new(format!("an event was not taken: {answer}"))),
        }
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut answer)? == 0 {
                return Err(Problem::new("the front door hangs up"));
            }
        }
        let length = answer
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        answer.push_str(&String::from_utf8_lossy(&body));
        Ok(answer)
    }
}
