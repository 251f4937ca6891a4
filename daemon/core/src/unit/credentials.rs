//! The password of the repository and what its place asks for: systemd reads them, and hands them to this unit alone.

use super::{
    Request, ServiceManager,
    setting::{Setting, Value},
};
use crate::protocol::StoredCredential;

/// By path where it was found: systemd looks for names without one in other places in each version, and takes no plain
/// one for an encrypted one. By its name alone it still finds what the machine itself was handed when it booted; one
/// that is nowhere is no failure then, and the worker's to tell.
///
/// A user's manager finds nothing by name, and version 252 decrypts nothing: there the worker, which can do all that
/// its user can, looks for itself.
pub(super) fn of(request: &Request<'_>) -> Vec<Setting> {
    // Its memory holds secrets; no part of it is written to a disk.
    let mut settings = vec![Setting::new("LimitCORE", Value::Number(0))];
    if request.manager != ServiceManager::System {
        return settings;
    }
    for (name, stored) in &request.credentials {
        let said = |path: &std::path::Path| Value::Credential(name.to_string(), path.display().to_string());
        settings.push(match stored {
            Some(StoredCredential::Encrypted(path)) => Setting::new("LoadCredentialEncrypted", said(path)),
            Some(StoredCredential::Plain(path)) => Setting::new("LoadCredential", said(path)),
            None => Setting::new("LoadCredential", said(name.as_str().as_ref())),
        });
    }
    settings
}
