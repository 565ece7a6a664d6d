//! `[egress]`: where storage plugins may send requests beyond the public internet.

use bulkhead_runtime::EgressConfig;

use super::Context;
use super::reader::Section;

/// Reads `[egress]`.
pub fn read(root: &Section<'_>, context: &Context) -> EgressConfig {
    let Some(section) = root.table("egress") else { return EgressConfig::default() };
    let endpoints = section.texts("endpoints");
    for endpoint in endpoints.iter().filter(|endpoint| !EgressConfig::is_origin(endpoint)) {
        let hint = "write scheme, host and port, e.g. \"http://127.0.0.1:3900\" or \"https://minio.internal\"";
        section.wrong("endpoints", format!("`{endpoint}` is no origin"), hint);
    }
    let ca_files: Vec<_> = section.texts("ca_files").into_iter().map(|file| context.base.join(file)).collect();
    for file in ca_files.iter().filter(|file| !file.is_file()) {
        let hint = "name a PEM file with the certificates of an authority";
        section.wrong("ca_files", format!("{} is no file", file.display()), hint);
    }
    section.finish();
    EgressConfig { endpoints, ca_files }
}
