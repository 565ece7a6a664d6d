use clap::Args;
use serde_json::{Map, Value};

use crate::command::Session;
use crate::command::catalog::Comparison;
use crate::exit::Exit;

/// `bulkhead backup import`.
#[derive(Args)]
pub struct Import {
    /// The target in which they lie
    #[arg(long, value_name = "ID")]
    target: String,
    /// The organization that made them, in the other installation
    #[arg(long, value_name = "ORGANIZATION")]
    from_organization: String,
    /// The service there, when it has another name here
    #[arg(long, value_name = "SERVICE", requires = "as_service")]
    from_service: Option<String>,
    /// The service here that its backups count to
    #[arg(long, value_name = "SERVICE", requires = "from_service")]
    as_service: Option<String>,
}

impl Import {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let mut ask = Map::new();
        ask.insert("side".to_owned(), "target".into());
        ask.insert("register".to_owned(), true.into());
        ask.insert("from_organization".to_owned(), self.from_organization.into());
        for (field, value) in [("from_service", self.from_service), ("as_service", self.as_service)] {
            if let Some(value) = value {
                ask.insert(field.to_owned(), value.into());
            }
        }
        Comparison::of(session, &self.target, &[Value::Object(ask)])?.show(session, "registered")
    }
}
