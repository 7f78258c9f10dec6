//! Headers whose values are in a file.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::env;

/// A file whose content becomes headers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFile {
    /// It holds `name=value` pairs by comma, as `OTLP_HEADERS` does.
    Pairs(PathBuf),
    /// It holds a token, which is sent as `authorization: Bearer <token>`.
    Bearer(PathBuf),
}

impl HeaderFile {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Pairs(path) | Self::Bearer(path) => path,
        }
    }

    /// What it holds now, or what is wrong with it.
    pub(super) fn read(&self) -> Result<Vec<(String, SecretString)>, String> {
        match self {
            Self::Pairs(path) => env::headers_in(path),
            Self::Bearer(path) => {
                let token = env::token_in(path)?;
                let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
                Ok(vec![("authorization".to_owned(), bearer)])
            }
        }
    }
}
