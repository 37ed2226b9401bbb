//! Secrets are never written into settings, only referred to.

use std::fs;
use std::path::PathBuf;

use adapters::vocabulary::Private;

use super::error::ConfigError;
use super::kinds::Setting;

/// The secret that `reference` (`env:NAME` or `file:PATH`) stands for, without the line break at
/// a file's end.
pub fn secret(reference: &str) -> Result<Private<String>, ConfigError> {
    match reference.split_once(':') {
        Some(("env", name)) if !name.is_empty() => variable(name),
        Some(("file", path)) if !path.is_empty() => file(path.into()),
        _ => Err(ConfigError::NotAReference),
    }
}

/// A checked reference to a secret: its form is right, the secret itself was not looked at yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretReference(String);

impl SecretReference {
    /// The secret. It is read each time, so that a file or variable may change between reloads.
    pub fn resolve(&self) -> Result<Private<String>, ConfigError> {
        secret(&self.0)
    }
}

impl Setting for SecretReference {
    const PRIVATE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if is_reference(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConfigError::NotAReference.to_string())
        }
    }
}

/// Whether `text` has the form of a reference.
pub fn is_reference(text: &str) -> bool {
    matches!(text.split_once(':'), Some(("env" | "file", named)) if !named.is_empty())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a reference names the one variable that is read"
)]
fn variable(name: &str) -> Result<Private<String>, ConfigError> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Private::new(value)),
        _ => Err(ConfigError::NoVariable(name.to_owned())),
    }
}

fn file(path: PathBuf) -> Result<Private<String>, ConfigError> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => Private::new(text),
        Err(source) => return Err(ConfigError::NoSecretFile { path, source }),
    };
    let trimmed = text.expose().trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err(ConfigError::EmptySecretFile(path));
    }
    Ok(Private::from(trimmed))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_variable_is_read() {
        // Cargo sets this one for every test.
        let name = secret("env:CARGO_PKG_NAME").expect("it is set");
        assert_eq!(name.expose(), "cleargate");
    }

    #[test]
    fn a_file_is_read_without_its_line_break() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"hunter2 \n").expect("it is written");
        let reference = format!("file:{}", file.path().display());
        let reference = SecretReference::parse(&reference).expect("its form is right");
        assert_eq!(
            reference.resolve().expect("it is there").expose(),
            "hunter2 "
        );
    }

    #[test]
    fn what_is_missing_is_named_and_what_may_be_a_secret_is_not() {
        let unset = secret("env:NO_SUCH_VARIABLE").expect_err("it is not set");
        assert!(unset.to_string().contains("env:NO_SUCH_VARIABLE"));
        let gone = secret("file:/nowhere/key").expect_err("it is not there");
        assert!(gone.to_string().contains("/nowhere/key"));
        for pasted in ["hunter2", "env:", "postgres:hunter2", ""] {
            let error = secret(pasted).expect_err("no reference");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
            assert!(SecretReference::parse(pasted).is_err());
        }
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let empty = secret(&format!("file:{}", file.path().display()));
        assert!(matches!(empty, Err(ConfigError::EmptySecretFile(_))));
    }
}
