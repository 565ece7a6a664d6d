//! A server that says it did what it did not, as SurrealDB has been seen to do.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use crate::http::{Answer, Request};
use crate::listener::Listener;
use crate::problem::Result;

/// What a [`Liar`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Ends an export behind a statement, as one that failed on the way: the last records are missing.
    EndsExportEarly,
    /// Loses the last record of an export behind which nothing comes, while a record is written to the table `last`.
    LosesTheLastOfABusyTable,
    /// Ends it within a statement.
    CutsExport,
    /// Breaks the connection off in the middle of it.
    BreaksExportOff,
    /// Leaves out the first records of it.
    LeavesRecordsOut,
    /// Leaves out an index.
    LeavesIndexOut,
    /// Exports nothing.
    ExportsNothing,
    /// Exports something that is no export.
    ExportsAnotherThing,
    /// Takes no records, and calls their import a success.
    ForgetsRecords,
    /// Says that it is another version.
    IsVersion(&'static str),
}

/// A front before a real server. Everything passes, but for one kind of answer.
pub struct Liar {
    listener: Listener,
}

impl Liar {
    /// Before the server at that address.
    pub fn start(server: SocketAddr, lie: Lie) -> Result<Self> {
        let listener = Listener::start(move |request, to| answer(server, lie, &request, to))?;
        Ok(Self { listener })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }
}

fn answer(server: SocketAddr, lie: Lie, request: &Request, to: &mut TcpStream) -> Result<bool> {
    let is = |path: &str| request.path() == path;
    let mut answer = match lie {
        Lie::ForgetsRecords if is("/import") && String::from_utf8_lossy(&request.body).contains("INSERT") => {
            Answer::new(200, "application/json", "[]")
        }
        Lie::IsVersion(version) if is("/version") => Answer::new(200, "text/plain", format!("surrealdb-{version}")),
        _ => request.send(server)?,
    };
    let mut length = None;
    if is("/export") {
        let text = answer.text();
        let cut = |end: Option<usize>| text[..end.unwrap_or(text.len())].to_owned();
        let without =
            |begins: &str| text.split_inclusive('\n').filter(|line| !line.starts_with(begins)).collect::<String>();
        let told = match lie {
            Lie::EndsExportEarly => cut(text.rfind("INSERT")),
            Lie::LosesTheLastOfABusyTable => {
                write_last(server, request)?;
                text.rfind(", {").map(|end| format!("{} ];\n", &text[..end])).unwrap_or(text)
            }
            Lie::CutsExport => cut(text.rfind("INSERT").map(|at| at + 20)),
            Lie::BreaksExportOff => {
                length = Some(text.len());
                cut(Some(text.len() / 2))
            }
            Lie::LeavesRecordsOut => text.replacen("INSERT [ {", "-- [ {", 1),
            Lie::LeavesIndexOut => without("DEFINE INDEX"),
            Lie::ExportsNothing => String::new(),
            Lie::ExportsAnotherThing => "<html><body>It works!</body></html>".to_owned(),
            Lie::ForgetsRecords | Lie::IsVersion(_) => text,
        };
        answer.body = told.into_bytes();
    }
    to.write_all(answer.head(length.unwrap_or(answer.body.len())).as_bytes())?;
    to.write_all(&answer.body)?;
    Ok(length.is_none())
}

/// Writes a record as whoever asked.
fn write_last(server: SocketAddr, request: &Request) -> Result<()> {
    let mut write =
        Request::new("POST", "/sql", b"CREATE last SET text = 'later'").header("accept", "application/json");
    for name in ["authorization", "surreal-ns", "surreal-db"] {
        if let Some(value) = request.get(name) {
            write = write.header(name, value);
        }
    }
    write.send(server)?.good().map(drop)
}
