//! The job's SurrealDB server, over HTTP. Address and credentials are the host's.

use std::time::Duration;

use bulkhead_plugin_sdk::method::{Failure, Result, Series};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;
use wasi_http::{Body, ErrorCode, Patience};

use crate::answer::{Answer, Refused, shown};
use crate::scope::{Database, check_name};

const ORIGIN: &str = "http://service.internal";
/// The longest answer that is read as a text.
const TEXT_BYTES: usize = 16 << 20;
/// The most of an answer that is read at once.
const READ: usize = 256 << 10;
/// For questions.
const SOON: Patience = Patience {
    connect: Duration::from_secs(15),
    answer: Duration::from_secs(120),
    between_bytes: Duration::from_secs(60),
};
/// For work of which nobody knows how long it takes. The attempt's deadline ends it at last.
const LATER: Patience =
    Patience { answer: Duration::from_secs(24 * 60 * 60), between_bytes: Duration::from_secs(600), ..SOON };

/// Where statements run. Said in headers: `USE` makes a namespace that is not there.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    Server,
    Namespace(&'a str),
    Database(&'a Database),
}

/// What an import came to.
pub type Imported = Result<Result<(), Refused>>;

/// A server that answers.
pub struct Server {
    /// As it states it, e.g. `3.3.5`.
    pub version: String,
    pub series: Series,
}

impl Server {
    /// Finds out who answers.
    ///
    /// # Errors
    /// `unavailable` when nobody does; `unsupported` for what is no SurrealDB from 2.0 on.
    pub async fn ask_who() -> Result<Self> {
        let (status, text) = text(request("GET", "/version", Place::Server, Bytes::new())?, SOON).await?;
        // Also who asks for nothing more than this has to be known.
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || status.is_server_error() {
            return Err(refusal(status, &text));
        }
        let version = text.trim().strip_prefix("surrealdb-").filter(|_| status.is_success());
        let version = version.ok_or_else(|| {
            Failure::unsupported("what answers at the service's address is no SurrealDB server")
                .with_hint("check host and port of the service")
        })?;
        let server = Self { version: version.to_owned(), series: Series::of(version)? };
        if server.series.major < 2 {
            return Err(Failure::unsupported(format!(
                "the server is SurrealDB {version}; this method knows 2.x and 3.x"
            )));
        }
        Ok(server)
    }

    /// Runs statements, and gives the value of the last one.
    ///
    /// # Errors
    /// The first statement that failed; `denied` for a login that the server does not accept.
    pub async fn ask(&self, place: Place<'_>, sql: &str) -> Result<Value> {
        self.ask_all(place, sql).await?.pop().ok_or_else(strange)
    }

    /// Runs statements, and gives the values of all.
    ///
    /// # Errors
    /// As [`Server::ask`].
    pub async fn ask_all(&self, place: Place<'_>, sql: &str) -> Result<Vec<Value>> {
        let (status, text) = text(request("POST", "/sql", place, sql.to_owned().into())?, LATER).await?;
        if !status.is_success() {
            return Err(refusal(status, &text));
        }
        let answers = Answer::read_all(&text).ok_or_else(strange)?;
        answers.into_iter().map(|Answer(answer)| answer.map_err(Failure::from)).collect()
    }

    /// Begins the export of a database.
    ///
    /// # Errors
    /// When the server refuses; that it then gives everything is not said with that.
    pub async fn export(&self, database: &Database) -> Result<Export> {
        let answer = send(request("GET", "/export", Place::Database(database), Bytes::new())?, LATER).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(refusal(status, &read(answer.into_body()).await?));
        }
        Ok(Export(answer.into_body()))
    }

    /// Runs statements without what they would set off: `sql` begins with `OPTION IMPORT`. Each of them is a transaction of its own.
    ///
    /// # Errors
    /// When the request fails; a statement that fails is an answer.
    pub async fn import(&self, database: &Database, sql: Bytes) -> Imported {
        let (status, text) = text(request("POST", "/import", Place::Database(database), sql)?, LATER).await?;
        // 3.x names the statements that failed, and only these; 2.x names all.
        let Some(answers) = Answer::read_all(&text) else { return Err(refusal(status, &text)) };
        let failed = answers.into_iter().find_map(|Answer(answer)| answer.err());
        match failed {
            Some(refused) => Ok(Err(refused)),
            None if status.is_success() => Ok(Ok(())),
            None => Err(refusal(status, &text)),
        }
    }
}

/// An export on its way.
pub struct Export(Body);

impl Export {
    /// The next piece.
    ///
    /// # Errors
    /// When the connection breaks off.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.piece(READ).await.map_err(|code| trouble(&code).context("the export broke off"))
    }
}

/// The keys of a part of `INFO FOR ...`, in order.
pub fn names(info: &Value, part: &str) -> Vec<String> {
    let mut names: Vec<_> =
        info.get(part).and_then(Value::as_object).into_iter().flat_map(|all| all.keys().cloned()).collect();
    names.sort_unstable();
    names
}

fn request(method: &str, path: &str, place: Place<'_>, body: Bytes) -> Result<Request<Bytes>> {
    let mut request =
        Request::builder().method(method).uri(format!("{ORIGIN}{path}")).header("accept", "application/json");
    let (namespace, database) = match place {
        Place::Server => (None, None),
        Place::Namespace(namespace) => (Some(namespace), None),
        Place::Database(Database { namespace, name }) => (Some(namespace.as_str()), Some(name)),
    };
    if let Some(namespace) = namespace {
        check_name("namespace", namespace)?;
        request = request.header("surreal-ns", namespace);
    }
    if let Some(database) = database {
        check_name("database", database)?;
        request = request.header("surreal-db", database);
    }
    request.body(body).map_err(|_| Failure::invalid("the request cannot be written"))
}

async fn send(request: Request<Bytes>, patience: Patience) -> Result<http::Response<Body>> {
    let length = request.body().len() as u64;
    let request = request.map(std::iter::once);
    wasi_http::send(request, length, patience).await.map_err(|code| trouble(&code))
}

async fn text(request: Request<Bytes>, patience: Patience) -> Result<(StatusCode, String)> {
    let answer = send(request, patience).await?;
    Ok((answer.status(), read(answer.into_body()).await?))
}

async fn read(mut body: Body) -> Result<String> {
    let mut all = Vec::new();
    while let Some(piece) = body.piece(READ).await.map_err(|code| trouble(&code))? {
        all.extend_from_slice(&piece);
        if all.len() > TEXT_BYTES {
            return Err(Failure::unsupported(format!("the server's answer has more than {TEXT_BYTES} bytes")));
        }
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}

fn strange() -> Failure {
    Failure::unsupported("the server's answer is not one of SurrealDB").with_hint("check host and port of the service")
}

/// A whole request that was refused.
fn refusal(status: StatusCode, body: &str) -> Failure {
    let error: Option<Value> = serde_json::from_str(body).ok();
    let word = |key| error.as_ref().and_then(|error| error.get(key)).and_then(Value::as_str);
    let words = shown(word("information").or_else(|| word("details")).unwrap_or(body));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Failure::denied(format!("the server refuses the login: {words}"))
                .with_hint("check user, password, login, namespace and database of the [[service]]")
        }
        StatusCode::PAYLOAD_TOO_LARGE => Failure::invalid("the server takes no request of this size")
            .with_hint("set batch_bytes of the method lower, or the server's SURREAL_HTTP_MAX_IMPORT_BODY_SIZE higher"),
        _ if status.is_server_error() => Failure::unavailable(format!("the server answers {status}: {words}")),
        _ => Failure::from(Refused::new(&words)).context(format!("the server answers {status}")),
    }
}

/// What it means that there is no answer, or not all of one.
fn trouble(code: &ErrorCode) -> Failure {
    let unavailable = |why: &str| {
        Failure::unavailable(format!("the database server {why}"))
            .with_hint("check that it runs, and host and port of the service")
    };
    match code {
        ErrorCode::HttpRequestDenied => Failure::denied("this service has no HTTP interface that the plugin may use")
            .with_hint("the plugin needs the grant `service`, and the service the engine \"surrealdb\""),
        ErrorCode::TlsCertificateError => Failure::denied("the certificate of the database server is not trusted")
            .with_hint("the operator can name its authority under [egress] ca_files in bulkhead.toml"),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            unavailable("does not speak TLS as it should").with_hint("check tls and port of the service")
        }
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => {
            unavailable("has a name that is not known")
        }
        ErrorCode::ConnectionRefused | ErrorCode::DestinationUnavailable => unavailable("refuses the connection"),
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            unavailable("does not answer in time")
        }
        _ => unavailable("broke the connection off"),
    }
}
