//! Each operation of the document: a success, bad input, a role too low, another organization, a narrowed caller, no credential.
//! An operation without its row here fails.

mod rows;

use serde_json::{Value, json};

use crate::host::{Heard, Host, narrowed, token};
use crate::schema::{Document, Operation};

/// The cases of one operation.
struct Row {
    /// The address with the ids of things of `acme`.
    path: String,
    body: Option<Value>,
    /// What success answers.
    status: u16,
    /// A request that names the wrong field, or why there is none.
    bad: Result<Bad, &'static str>,
    role: Least,
    /// What an administrator of another organization hears.
    foreign: Others,
    /// What an administrator of `db2` alone hears; all of these things are of `db1`.
    narrowed: Others,
}

/// A wrong request.
struct Bad {
    path: String,
    body: Option<Value>,
    /// What the detail begins with.
    detail: &'static str,
}

/// The least role; the one below is refused.
#[derive(Clone, Copy)]
enum Least {
    Viewer,
    Operator,
    Administrator,
    /// No caller is asked for.
    Open,
}

/// What those hear whose things these are not.
enum Others {
    /// The same as of something that does not exist: this is the same request about nothing, and what names it.
    Missing { path: String, body: Option<Value>, names: [String; 2] },
    /// That there is nothing in the list.
    Empty,
    /// That the whole organization is needed.
    Denied,
    /// The same as everybody.
    Same,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_its_cases() {
    let host = Host::start().await;
    let document = Document::new();
    let operations = document.operations();
    for operation in &operations {
        let Some(row) = rows::row(&host, &operation.id).await else {
            panic!("{} has no cases: add them to coverage/rows.rs", operation.id);
        };
        let case = Case { host: &host, document: &document, operation, row: &row };
        if !matches!(row.role, Least::Open) {
            case.no_credential().await;
            case.wrong_role().await;
            case.others(&token("other", "administrator"), &row.foreign).await;
            case.others(&narrowed("acme", "administrator", &["db2"]), &row.narrowed).await;
        }
        case.bad_input().await;
        case.success().await;
    }
    assert!(operations.len() >= 45, "the document has lost operations: {}", operations.len());
}

struct Case<'c> {
    host: &'c Host,
    document: &'c Document,
    operation: &'c Operation,
    row: &'c Row,
}

impl Case<'_> {
    async fn ask(&self, token: Option<&str>, path: &str, body: Option<Value>) -> Heard {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let heard = self.host.ask(&self.operation.method, &format!("/v1{path}"), &headers, body).await;
        self.document.check(self.operation, &heard);
        // What a configuration keeps to itself.
        assert!(!heard.text.contains("hunter2"), "{}: {}", self.operation.id, heard.text);
        heard
    }

    async fn own(&self, token: Option<&str>) -> Heard {
        self.ask(token, &self.row.path, self.row.body.clone()).await
    }

    fn at(&self, what: &str, heard: &Heard) -> String {
        format!("{}, {what}: {} {}", self.operation.id, heard.status, heard.text)
    }

    async fn no_credential(&self) {
        let heard = self.own(None).await;
        let code = heard.json()["code"].clone();
        assert_eq!((heard.status, code), (401, json!("unauthenticated")), "{}", self.at("no credential", &heard));
    }

    async fn wrong_role(&self) {
        let below = match self.row.role {
            Least::Viewer => "juggler",
            Least::Operator => "viewer",
            Least::Administrator => "operator",
            Least::Open => unreachable!(),
        };
        let heard = self.own(Some(&token("acme", below))).await;
        let code = heard.json()["code"].clone();
        assert_eq!((heard.status, code), (403, json!("denied")), "{}", self.at("wrong role", &heard));
    }

    async fn others(&self, token: &str, others: &Others) {
        let heard = self.own(Some(token)).await;
        let at = self.at("others", &heard);
        match others {
            Others::Missing { path, body, names: [own, none] } => {
                assert_eq!(heard.status, 404, "{at}");
                let unknown = self.ask(Some(token), path, body.clone()).await;
                let same = |text: &str, name: &str| text.replace(name, "X");
                assert_eq!(same(&heard.text, own), same(&unknown.text, none), "{at}");
                let headers = |heard: &Heard| {
                    let mut headers = heard.headers.clone();
                    headers.remove("x-request-id");
                    headers.remove("content-length");
                    headers
                };
                assert_eq!(headers(&heard), headers(&unknown), "{at}");
            }
            Others::Empty => {
                assert_eq!(heard.status, 200, "{at}");
                for secret in ["\"db1\"", "before-migration"] {
                    assert!(!heard.text.contains(secret), "{at}");
                }
            }
            Others::Denied => {
                assert_eq!((heard.status, heard.json()["code"].clone()), (403, json!("denied")), "{at}");
                assert!(heard.text.contains("whole organization"), "{at}");
            }
            Others::Same => assert_eq!(heard.status, self.row.status, "{at}"),
        }
    }

    async fn bad_input(&self) {
        let Ok(bad) = &self.row.bad else { return };
        let role = if matches!(self.row.role, Least::Open) { None } else { Some(token("acme", "administrator")) };
        let heard = self.ask(role.as_deref(), &bad.path, bad.body.clone()).await;
        let at = self.at("bad input", &heard);
        assert!((400..500).contains(&heard.status), "{at}");
        assert!(heard.json()["detail"].as_str().unwrap().starts_with(bad.detail), "{at}");
    }

    async fn success(&self) {
        let role = match self.row.role {
            Least::Viewer => Some("viewer"),
            Least::Operator => Some("operator"),
            Least::Administrator => Some("administrator"),
            Least::Open => None,
        };
        let heard = self.own(role.map(|role| token("acme", role)).as_deref()).await;
        assert_eq!(heard.status, self.row.status, "{}", self.at("success", &heard));
        if self.operation.method == "GET"
            && self.operation.id != "host.openapi"
            && heard.headers["content-type"] == "application/json"
        {
            // Nothing of what the trail or a webhook keeps to itself.
            assert!(!heard.text.contains("whsec_") && !heard.text.contains("bk_"), "{}", self.at("success", &heard));
        }
    }
}
