//! Contract versions that this host speaks, one thin adapter each. An adapter is the only place that knows generated types;
//! the rest of the host sees plain ones.

pub(crate) mod v0_1;

use bulkhead_model::{Failure, Method, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::runtime::{ChainKind, PluginKind};

/// The minor line that this host speaks, of all three packages.
const SPOKEN: (u64, u64) = (0, 1);

/// What a plugin says of itself, in any contract version.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) config_schema: String,
    /// Grant and reason.
    pub(crate) grants: Vec<(String, String)>,
    pub(crate) method: Option<MethodDescription>,
}

/// What a method plugin says besides.
#[derive(Clone, Debug)]
pub(crate) struct MethodDescription {
    pub(crate) method: String,
    pub(crate) engines: Vec<String>,
    pub(crate) media_types: Vec<String>,
    pub(crate) chain: ChainKind,
}

impl Description {
    /// Refuses descriptions that would confuse people or paths.
    pub(crate) fn check(&self) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=63).contains(&self.name.len()) && self.name.bytes().all(plain);
        if !is_name {
            let name = self.name.escape_default();
            return Err(Failure::invalid(format!(
                "`{name}` is no plugin name: use lower-case letters, digits and hyphens"
            )));
        }
        if let Some(method) = &self.method {
            method.method.parse::<Method>().map_err(Failure::invalid)?;
        }
        Ok(())
    }
}

/// Finds out which contract a component fulfils, and refuses versions that this host does not speak.
pub(crate) fn kind_of(engine: &Engine, component: &Component) -> Result<PluginKind> {
    let ty = component.component_type();
    let imports = ty.imports(engine).map(|(name, _)| name.to_owned());
    let exports: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
    for name in imports.chain(exports.iter().cloned()) {
        check_version(&name)?;
    }
    let exports_of = |interface: &str| exports.iter().any(|name| name.split('@').next() == Some(interface));
    match (exports_of("bulkhead:method/method"), exports_of("bulkhead:storage/storage")) {
        (true, false) => Ok(PluginKind::Method),
        (false, true) => Ok(PluginKind::Storage),
        (true, true) => Err(Failure::unsupported("the component exports both a method and a storage")),
        (false, false) => {
            Err(Failure::unsupported("the component exports neither bulkhead:method nor bulkhead:storage"))
        }
    }
}

fn check_version(name: &str) -> Result<()> {
    let Some((interface, version)) = name.split_once('@').filter(|_| name.starts_with("bulkhead:")) else {
        return Ok(());
    };
    let mut parts = version.split('.').map_while(|part| part.parse::<u64>().ok());
    if (parts.next(), parts.next()) == (Some(SPOKEN.0), Some(SPOKEN.1)) {
        return Ok(());
    }
    let package = interface.split('/').next().unwrap_or(interface);
    let (major, minor) = SPOKEN;
    Err(Failure::unsupported(format!("the component speaks {package} {version}; this host speaks {major}.{minor}.x")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_contract_version_is_refused_with_the_range_spoken() {
        assert!(check_version("bulkhead:host/types@0.1.7").is_ok());
        assert!(check_version("wasi:io/streams@0.2.6").is_ok());
        assert_eq!(
            check_version("bulkhead:method/method@0.2.0").unwrap_err().message,
            "the component speaks bulkhead:method 0.2.0; this host speaks 0.1.x"
        );
    }
}
