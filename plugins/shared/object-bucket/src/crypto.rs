//! The primitives that signing a request needs. Nothing here runs over an object's bytes.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use object_store::client::{CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm};
use object_store::{Error, Result};
use sha2::{Digest, Sha256};

/// SHA-256 and HMAC in Rust.
#[derive(Clone, Copy, Debug)]
pub struct Crypto;

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::new(Digesting { state: Sha256::new(), digest: Vec::new() })),
            other => Err(unsupported(other)),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => {
                let state = Hmac::<Sha256>::new_from_slice(secret).map_err(unsupported)?;
                Ok(Box::new(Authenticating { state, code: Vec::new() }))
            }
            other => Err(unsupported(other)),
        }
    }

    fn sign(&self, algorithm: SigningAlgorithm, _key: &[u8]) -> Result<Box<dyn Signer>> {
        Err(unsupported(algorithm))
    }
}

fn unsupported(what: impl fmt::Debug) -> Error {
    Error::NotSupported { source: format!("{what:?}").into() }
}

struct Digesting {
    state: Sha256,
    digest: Vec<u8>,
}

impl DigestContext for Digesting {
    fn update(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.digest = self.state.finalize_reset().to_vec();
        Ok(&self.digest)
    }
}

struct Authenticating {
    state: Hmac<Sha256>,
    code: Vec<u8>,
}

impl HmacContext for Authenticating {
    fn update(&mut self, data: &[u8]) {
        self.state.update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.code = self.state.clone().finalize().into_bytes().to_vec();
        Ok(&self.code)
    }
}
