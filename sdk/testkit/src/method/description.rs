//! Rule: a plugin says what it is, and answers whatever it is configured with.

use std::collections::BTreeSet;

use bulkhead_runtime::MethodPlugin;
use serde_json::json;

pub fn makes_sense(plugin: &MethodPlugin) {
    let info = plugin.info();
    let slug = |text: &str| {
        !text.is_empty()
            && text.len() <= 64
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    assert!(slug(&info.name), "the name is lower-case letters, digits and hyphens: {:?}", info.name);
    assert!(info.version.split('.').count() >= 2, "the version is one: {:?}", info.version);
    assert!(!info.engines.is_empty(), "the plugin names its engines");
    assert!(info.engines.iter().all(|engine| slug(engine)), "engines are slugs: {:?}", info.engines);
    assert!(info.media_types.iter().all(|kind| kind.contains('/')), "media types are such: {:?}", info.media_types);
    assert_eq!(info.config_schema["type"], "object", "the configuration's schema describes an object");
    let asked: BTreeSet<_> = info.grants.iter().map(|grant| &grant.grant).collect();
    assert_eq!(asked.len(), info.grants.len(), "each grant is asked for once");
    for grant in &info.grants {
        let known = ["database", "server", "service", "scratch"].contains(&grant.grant.as_str())
            || grant.grant.strip_prefix("tool:").is_some_and(slug)
            || grant.grant.strip_prefix("directory:").is_some_and(|key| !key.is_empty());
        assert!(known, "a grant that no host knows: {:?}", grant.grant);
        assert!(!grant.reason.trim().is_empty(), "the grant {:?} has a reason", grant.grant);
    }
}

pub async fn junk_is_answered(plugin: &MethodPlugin) {
    for junk in [json!(null), json!([]), json!("text"), json!(1e300), json!({"no such key": [1, {"deep": []}]})] {
        if let Err(failure) = plugin.validate(&junk).await {
            assert_eq!(failure.kind.code(), "invalid", "validating {junk} is answered, not trapped over: {failure}");
            assert!(!failure.retry, "an invalid configuration is not tried again: {junk}");
        }
    }
}
