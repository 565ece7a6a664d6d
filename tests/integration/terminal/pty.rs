//! A person at a terminal: what they see, and what they type.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bulkhead_test_support::{BulkheadHost, process};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Far above what a command here takes, also beside a build.
const DEADLINE: Duration = Duration::from_secs(180);

const SIZE: PtySize = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };

/// A command on a pseudo-terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    // The terminal goes with its master.
    _master: Box<dyn MasterPty + Send>,
}

/// How a command ended, and what it left on the screen.
pub struct Ended {
    pub code: u32,
    /// Byte by byte as the terminal got it.
    pub raw: String,
    /// As a person sees it.
    pub screen: String,
}

impl Terminal {
    /// `bulkhead ARGUMENTS` as administrator of `acme`, with this environment besides.
    pub fn run(host: &BulkheadHost, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let client = host.client(arguments);
        let mut command = CommandBuilder::new(client.get_program());
        command.env_clear();
        command.args(client.get_args());
        for (name, value) in client.get_envs() {
            command.env(name, value.unwrap_or_else(|| OsStr::new("")));
        }
        command.env("BULKHEAD_TOKEN", host.token("acme", "administrator").unwrap());
        command.env("TERM", "xterm-256color");
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(host.dir());
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        // As long as we hold it too, nobody hears that the command has closed it.
        drop(pair.slave);
        let output = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&output));
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error to whoever reads it.
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                to.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self { child, keyboard, output, reader: Some(reader), _master: pair.master }
    }

    /// Waits until this stands on the screen.
    pub fn sees(&self, text: &str) {
        let shown = || screen(&self.raw());
        let seen = process::wait_until(text, DEADLINE, || Ok(shown().contains(text).then_some(())));
        seen.unwrap_or_else(|problem| panic!("{problem}; the screen shows:\n{}", shown()));
    }

    /// Types a line and presses enter.
    pub fn types(&mut self, line: &str) {
        self.keyboard.write_all(line.as_bytes()).unwrap();
        self.keyboard.write_all(b"\r").unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Presses control and D at the beginning of a line: the end of the input.
    pub fn closes_input(&mut self) {
        self.keyboard.write_all(&[4]).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the command has ended.
    pub fn ends(mut self) -> Ended {
        let ended = process::wait_until("the command ends", DEADLINE, || Ok(self.child.try_wait()?));
        let status = ended.unwrap_or_else(|problem| panic!("{problem}; the screen shows:\n{}", screen(&self.raw())));
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let raw = self.raw();
        Ended { code: status.exit_code(), screen: screen(&raw), raw }
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A command that a failed test left is of no use.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a terminal shows of these bytes: colours do not count, a line that is cleared is gone.
fn screen(raw: &str) -> String {
    let mut lines = vec![String::new()];
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let line = lines.last_mut().unwrap();
        if let Some(after) = rest.strip_prefix("\x1b[") {
            let end = after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |end| end + 1);
            if after[..end].ends_with('K') {
                line.clear();
            }
            rest = &after[end..];
            continue;
        }
        match first {
            '\n' => lines.push(String::new()),
            '\r' => {}
            other => line.push(other),
        }
        rest = &rest[first.len_utf8()..];
    }
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn a_screen_shows_what_a_person_sees() {
    assert_eq!(screen("one\r\n\x1b[32mtwo\x1b[0m\r\n\r\x1b[2Kbar\r\x1b[2Kthree\r\n"), "one\ntwo\nthree");
}
