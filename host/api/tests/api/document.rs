//! The document that is committed is the one that is served.

use std::path::Path;

#[test]
fn the_committed_document_is_that_of_the_code() {
    let path = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../docs/openapi.json");
    let document = bulkhead_api::document();
    if std::env::var_os("BULKHEAD_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &document.json).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(
        committed == document.json,
        "docs/openapi.json is not that of the code: BULKHEAD_WRITE_OPENAPI=1 cargo test -p bulkhead-api writes it anew"
    );
}
