//! Crontab lines.
