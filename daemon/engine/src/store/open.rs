//! From an address with its credentials to the files behind it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD as BASE64};
use opendal::services;
use url::Url;

use crate::{Access, ErrorKind, access::Options};

use super::{
    Address, Fault, Local, Store,
    address::Bucket,
    http::Http,
    object::Objects,
    rclone::Rclone,
    remote::{Patience, Remote, Service},
    rest::Rest,
    sftp::Sftp,
    throttle::Throttle,
};

/// The files at an address. Nothing is asked yet.
pub(crate) fn open(access: &Access, address: Address) -> Result<Arc<dyn Store>, Fault> {
    let options = &access.options;
    let throttle = Arc::new(Throttle::new(options.pace.clone()));
    let location = shown(&access.url);
    let http = || Http::new(options.ca_file.as_deref(), Arc::clone(&throttle));
    let service: Arc<dyn Service> = match address {
        Address::Local(root) => return Ok(Arc::new(Local::new(root))),
        Address::Sftp(host) => Arc::new(Sftp::new(host, options, location, throttle)),
        Address::Rest(url) => Arc::new(Rest::new(
            url.as_str(),
            location,
            login(access),
            Arc::new(http()?),
        )?),
        Address::Rclone(remote) => {
            let rclone = Arc::new(Rclone::new(remote, options, throttle));
            Arc::new(Rest::new("http://rclone/", location, None, rclone)?)
        }
        Address::S3 {
            endpoint,
            bucket,
            path,
        } => Arc::new(Objects::new(
            s3(access, &endpoint, &bucket, &path),
            http()?,
            location,
            false,
        )?),
        Address::Azure(bucket) => Arc::new(Objects::new(azure(access, &bucket)?, http()?, location, false)?),
        Address::Google(bucket) => Arc::new(Objects::new(google(access, &bucket), http()?, location, false)?),
        Address::Backblaze(bucket) => {
            let endpoint = backblaze(options)?;
            Arc::new(Objects::new(
                s3(access, &endpoint, &bucket.name, &bucket.path),
                http()?,
                location,
                false,
            )?)
        }
        Address::WebDav(url) => Arc::new(Objects::new(webdav(access, &url), http()?, location, true)?),
    };
    let patience = Patience {
        timeout: options.timeout,
        retries: options.retries,
    };
    Ok(Arc::new(Remote::new(service, patience)))
}

/// The address as people may see it: who logs in is left out.
fn shown(url: &str) -> String {
    if url.starts_with('/') {
        return url.to_owned();
    }
    let (scheme, rest) = match (url.split_once("://"), url.strip_prefix("sftp:")) {
        (Some((scheme, rest)), _) => (format!("{scheme}://"), rest),
        (None, Some(rest)) => ("sftp:".to_owned(), rest),
        (None, None) => return url.to_owned(),
    };
    let login = rest.split('/').next().unwrap_or_default();
    let host = login.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", rest.get(host..).unwrap_or_default())
}

fn secret<'a>(access: &'a Access, name: &str) -> &'a str {
    access.secrets.get(name).unwrap_or_default()
}

fn login(access: &Access) -> Option<(&str, &str)> {
    let user = access.secrets.get("username")?;
    Some((user, secret(access, "password")))
}

fn s3(access: &Access, endpoint: &str, bucket: &str, path: &str) -> services::S3 {
    let options = &access.options;
    let builder = services::S3::default()
        .endpoint(endpoint)
        .bucket(bucket)
        .root(path)
        .region(&region(options, endpoint));
    match access.secrets.get("access_key_id") {
        // Nothing but what is configured decides who we are.
        Some(id) => {
            let builder = builder
                .access_key_id(id)
                .secret_access_key(secret(access, "secret_access_key"))
                .disable_config_load()
                .disable_ec2_metadata();
            match access.secrets.get("session_token") {
                Some(token) => builder.session_token(token),
                None => builder,
            }
        }
        // The machine's own role, where it has one.
        None => builder,
    }
}

/// Those that have regions, and name them in their hosts as Amazon does.
const REGIONAL: [&str; 5] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".backblazeb2.com",
    ".scw.cloud",
    ".wasabisys.com",
];

/// Others do not care, or are told.
fn region(options: &Options, endpoint: &str) -> String {
    if let Some(region) = &options.region {
        return region.clone();
    }
    let host = endpoint.split("://").nth(1).unwrap_or_default();
    REGIONAL
        .iter()
        .find_map(|provider| host.strip_suffix(provider))
        .and_then(|host| host.strip_prefix("s3.").or_else(|| host.strip_prefix("s3-")))
        .map(|region| region.trim_start_matches("dualstack."))
        .filter(|region| !region.is_empty())
        .unwrap_or("us-east-1")
        .to_owned()
}

fn azure(access: &Access, bucket: &Bucket) -> Result<services::Azblob, Fault> {
    let Some(account) = access.secrets.get("account_name") else {
        return Err(Fault::new(
            ErrorKind::InvalidRequest,
            "its storage account is not known",
        ));
    };
    let endpoint = match &access.options.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    let builder = services::Azblob::default()
        .endpoint(&endpoint)
        .container(&bucket.name)
        .root(&bucket.path)
        .account_name(account);
    let (key, sas) = (
        access.secrets.get("account_key"),
        access.secrets.get("account_sas"),
    );
    Ok(match (key, sas) {
        (Some(key), _) => builder.account_key(key),
        (None, Some(sas)) => builder.sas_token(sas.trim_start_matches('?')),
        // The machine's own role, where it has one.
        (None, None) => builder,
    })
}

fn google(access: &Access, bucket: &Bucket) -> services::Gcs {
    let builder = services::Gcs::default().bucket(&bucket.name).root(&bucket.path);
    let builder = match &access.options.endpoint {
        Some(endpoint) => builder.endpoint(endpoint),
        None => builder,
    };
    let (account, token) = (
        access.secrets.get("service_account"),
        access.secrets.get("access_token"),
    );
    match (account, token) {
        (Some(account), _) => builder
            .credential(&BASE64.encode(account))
            .disable_config_load()
            .disable_vm_metadata(),
        (None, Some(token)) => builder
            .token(token.to_owned())
            .disable_config_load()
            .disable_vm_metadata(),
        // The machine's own role, where it has one.
        (None, None) => builder,
    }
}

/// Where Backblaze speaks S3: by its own interface files would be hidden where they are to be removed.
fn backblaze(options: &Options) -> Result<String, Fault> {
    match (&options.endpoint, &options.region) {
        (Some(endpoint), _) => Ok(endpoint.clone()),
        (None, Some(region)) => Ok(format!("https://s3.{region}.backblazeb2.com")),
        (None, None) => Err(Fault::new(ErrorKind::InvalidRequest, "its region is not known")),
    }
}

fn webdav(access: &Access, url: &Url) -> services::Webdav {
    let mut endpoint = url.clone();
    endpoint.set_path("");
    let builder = services::Webdav::default()
        .endpoint(endpoint.as_str().trim_end_matches('/'))
        .root(url.path());
    match login(access) {
        Some((user, password)) => builder.username(user).password(password),
        None => builder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_from_hosts() {
        let region = |endpoint: &str| region(&Options::default(), endpoint);
        assert_eq!(region("https://s3.amazonaws.com"), "us-east-1");
        assert_eq!(region("https://s3.eu-central-1.amazonaws.com"), "eu-central-1");
        assert_eq!(
            region("https://s3.dualstack.eu-west-2.amazonaws.com"),
            "eu-west-2"
        );
        assert_eq!(region("https://s3.us-west-004.backblazeb2.com"), "us-west-004");
        assert_eq!(region("https://s3.nas.example.com"), "us-east-1");
        assert_eq!(region("http://127.0.0.1:9000"), "us-east-1");
    }

    #[test]
    fn who_logs_in_is_not_shown() {
        assert_eq!(shown("sftp://me@nas:22//srv"), "sftp://nas:22//srv");
        assert_eq!(shown("rest:https://me:hush@nas/x"), "rest:https://nas/x");
        assert_eq!(shown("sftp:me@nas:/srv/a@b"), "sftp:nas:/srv/a@b");
        assert_eq!(shown("sftp:me@[::1]:/srv"), "sftp:[::1]:/srv");
        assert_eq!(shown("rclone:cloud:a@b"), "rclone:cloud:a@b");
        assert_eq!(shown("/srv/a@b"), "/srv/a@b");
    }
}
