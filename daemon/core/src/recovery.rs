//! How stock restic reaches a repository that is configured here.

use crate::{
    config::PlaceKind,
    protocol::{RecoveryVariable, RecoveryWay, RepositorySpec},
};

/// The name of the remote in the advice for places that restic reaches through rclone alone.
const REMOTE: &str = "backup";

/// Says it in restic's words. Nothing that is secret here comes into it.
pub fn way(repository: &RepositorySpec) -> RecoveryWay {
    let mut way = RecoveryWay {
        address: repository.url.clone(),
        ..RecoveryWay::default()
    };
    let kind = PlaceKind::of(&repository.url);
    match kind {
        PlaceKind::Local => way.notes.push(
            "The repository is a directory of the machine that this sheet is of: mount the disk that it is on, and \
             write the path that it has then."
                .to_owned(),
        ),
        PlaceKind::Sftp => sftp(repository, &mut way),
        PlaceKind::Rest => rest(repository, &mut way),
        PlaceKind::S3 => s3(repository, &mut way),
        PlaceKind::WebDav => webdav(repository, &mut way),
        PlaceKind::Rclone => rclone(repository, &mut way),
        PlaceKind::Azure => azure(repository, &mut way),
        PlaceKind::Google => google(repository, &mut way),
        PlaceKind::Backblaze => way.variables.extend([
            variable("B2_ACCOUNT_ID", "id of the application key"),
            variable("B2_ACCOUNT_KEY", "the application key"),
        ]),
    }
    let certificates = repository.reach.ca_file.as_ref();
    // rclone has its own.
    if let Some(file) = certificates.filter(|_| {
        !matches!(
            kind,
            PlaceKind::Local | PlaceKind::Sftp | PlaceKind::WebDav | PlaceKind::Rclone
        )
    }) {
        way.arguments.extend(["--cacert".to_owned(), "ca.pem".to_owned()]);
        way.notes.push(format!(
            "The server shows a certificate of its own making: copy `{}` of the machine that this sheet is of to \
             `ca.pem`, and keep a copy of it with this sheet.",
            file.display()
        ));
    }
    way
}

fn variable(name: &str, meaning: &str) -> RecoveryVariable {
    RecoveryVariable {
        name: name.to_owned(),
        meaning: meaning.to_owned(),
        value: None,
    }
}

fn sftp(repository: &RepositorySpec, way: &mut RecoveryWay) {
    let key = repository.reach.ssh_key.as_ref().map_or_else(
        || "one of the keys of the user that backupd runs as".to_owned(),
        |key| format!("the key `{}`", key.display()),
    );
    way.notes.push(format!(
        "`ssh` has to log in without a question. The machine that this sheet is of does so with {key}; on another one, \
         have the server let in a key of that one, or name a copy of this one as `IdentityFile` in `~/.ssh/config`."
    ));
}

fn rest(repository: &RepositorySpec, way: &mut RecoveryWay) {
    if repository.secrets.is_empty() {
        return;
    }
    way.variables.extend([
        variable("RESTIC_REST_USERNAME", "user name at the server"),
        variable("RESTIC_REST_PASSWORD", "password at the server"),
    ]);
    way.notes.push(
        "restic reads these two variables from version 0.16 on; an older one wants them in the address: \
         `rest:https://USER:PASSWORD@HOST/`."
            .to_owned(),
    );
}

fn s3(repository: &RepositorySpec, way: &mut RecoveryWay) {
    way.variables.extend([
        variable("AWS_ACCESS_KEY_ID", "id of the access key"),
        variable("AWS_SECRET_ACCESS_KEY", "secret of the access key"),
    ]);
    if repository.secrets.contains_key("session_token") {
        way.variables.push(variable(
            "AWS_SESSION_TOKEN",
            "token of the session, which does not last: get a new one",
        ));
    }
    if let Some(region) = &repository.reach.region {
        way.variables.push(RecoveryVariable {
            value: Some(region.clone()),
            ..variable("AWS_DEFAULT_REGION", "region of the server")
        });
    }
}

fn azure(repository: &RepositorySpec, way: &mut RecoveryWay) {
    let proof = if repository.secrets.contains_key("account_sas") {
        variable(
            "AZURE_ACCOUNT_SAS",
            "shared access signature, which does not last: get a new one",
        )
    } else {
        variable("AZURE_ACCOUNT_KEY", "key of the storage account")
    };
    way.variables.extend([
        variable("AZURE_ACCOUNT_NAME", "name of the storage account"),
        proof,
    ]);
    elsewhere(repository, way);
}

fn google(repository: &RepositorySpec, way: &mut RecoveryWay) {
    way.variables
        .push(if repository.secrets.contains_key("access_token") {
            variable(
                "GOOGLE_ACCESS_TOKEN",
                "access token, which does not last: get a new one",
            )
        } else {
            variable(
                "GOOGLE_APPLICATION_CREDENTIALS",
                "path of a file with the JSON key of a service account",
            )
        });
    elsewhere(repository, way);
}

fn elsewhere(repository: &RepositorySpec, way: &mut RecoveryWay) {
    if let Some(endpoint) = &repository.reach.endpoint {
        way.notes.push(format!(
            "The service answers at `{endpoint}`, which restic does not ask; rclone can, in a remote of its own."
        ));
    }
}

/// restic has no such kind: rclone is between.
fn webdav(repository: &RepositorySpec, way: &mut RecoveryWay) {
    let url = repository
        .url
        .split_once(':')
        .map_or(repository.url.as_str(), |(_, url)| url);
    way.address = format!("rclone:{REMOTE}:");
    let login = if repository.secrets.is_empty() {
        ""
    } else {
        ", with the user name and the password of the server"
    };
    way.notes.push(format!(
        "restic reaches WebDAV through rclone: install it, and let `rclone config` make a remote `{REMOTE}` of the type \
         `webdav` with the address `{url}`{login}."
    ));
}

fn rclone(repository: &RepositorySpec, way: &mut RecoveryWay) {
    let file = repository.reach.rclone_config.as_ref().map_or_else(
        || "that `rclone config file` names".to_owned(),
        |file| format!("`{}`", file.display()),
    );
    let remote = repository.url.split(':').nth(1).unwrap_or_default();
    way.notes.push(format!(
        "Install rclone, and give it the remote `{remote}` as it stands in the configuration {file} of the machine that \
         this sheet is of: keep a copy of that in a safe place, for it holds what opens the way to the remote."
    ));
}

#[cfg(test)]
mod tests;
