//! What a SurrealDB database can hold.
//!
//! Left out is what 3.3.5 has behind flags for experiments (buckets and files, modules) or needs other programs for (models), and what its own
//! export does not keep: zeros at the end of a decimal, a point within a collection of geometries (it comes back as an object), and the
//! symmetric keys of accesses.

use crate::problem::Result;
use crate::surrealdb::SurrealClient;

const SCHEMA: &str = include_str!("surrealdb/schema.surql");
const RECORDS: &str = include_str!("surrealdb/records.surql");
const SECOND: &str = include_str!("surrealdb/second.surql");

/// What only answers as before when functions, parameters, indexes, references and edges are what they were.
pub const QUESTIONS: &[&str] = &[
    "RETURN fn::greet('you')",
    "RETURN fn::shop::vat(100dec, NONE)",
    "RETURN <string> [$currency, $limits]",
    "RETURN search::analyze('plain', 'The FOXES; running')",
    "SELECT VALUE id FROM article WHERE title @@ 'quickly'",
    "SELECT VALUE id FROM article WHERE vector <|1, 40|> [0.0, 1.0, 0.0]",
    "SELECT VALUE id FROM person WHERE email = 'bob@example.org'",
    "SELECT VALUE ->bought->product.name FROM ONLY person:1",
    "SELECT VALUE <-bought<-person.name FROM ONLY product:hammer",
    "SELECT VALUE ->knows->person.name FROM ONLY person:bob",
    "RETURN person:1<~person",
    "RETURN person:1<~article",
    "SELECT VALUE count FROM (SELECT count() FROM many GROUP ALL)",
];

/// What the unique index, the assertions, the types and the enforced relation refuse.
pub const REFUSED: &[&str] = &[
    "CREATE person:new SET name = 'New', email = 'bob@example.org'",
    "CREATE person:new SET name = ''",
    "CREATE person:new SET name = 'New', unknown = 1",
    "CREATE person:new SET name = 'New', tags = ['bad;']",
    "CREATE product:new SET name = 'New', price = 1, category = 'other'",
    "RELATE person:1 -> bought:new -> product:none SET amount = 1, at = time::now()",
    "RELATE person:1 -> bought:new -> product:car SET amount = 0, at = time::now()",
];

/// The login of the database's owner.
pub const OWNER: (&str, &str) = ("owner", "own\"er' ; pass");

/// A person who can sign in by the access `customers`: the e-mail address and the password.
pub const CUSTOMER: (&str, &str) = ("ada@example.org", "pass of ada");

/// Makes the database that the client is in, and fills it with one of everything.
pub fn load(client: &SurrealClient) -> Result<()> {
    client.define()?;
    client.query(SCHEMA)?;
    client.query(RECORDS).map(|_| ())
}

/// What SurrealDB 2 can hold as well.
pub fn load_second(client: &SurrealClient) -> Result<()> {
    client.define()?;
    client.query(SECOND).map(|_| ())
}
