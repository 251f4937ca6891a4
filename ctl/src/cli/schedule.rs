//! Commands about when jobs start by themselves.

use clap::{Args, Subcommand};

use super::Ahead;

/// Show what ran and what comes, as a timeline
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    long_about = "Shows what ran and what comes, of all jobs or of one, with a mark at now. Times are on your clock; \
        where a job goes by another one, that is told beside it. A line tells where the clock goes forward or \
        back.\n\nWHEN is a time such as `2026-11-01T14:00:00+01:00`, a local date or time such as `2026-11-01` or \
        `2026-11-01 14:00`, `tomorrow 08:00`, `monday`, `18:00`, a time from now such as `2h`, or one before, such \
        as `2 days ago`.\n\nA job that is called `test` is named after `--`.",
    after_help = "Examples:\n  backupctl schedule\n  backupctl schedule home --count 30\n  \
        backupctl schedule --from 'monday' --until 'in 2 weeks'\n  backupctl schedule --past 20 --count 0\n  \
        backupctl schedule test 'weekdays at 18:00'"
)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ScheduleCommand>,
    /// Only of this job
    #[arg(value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// From then on; from now unless given
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<Ahead>,
    /// Up to then
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Ahead>,
    /// At most so many that come
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) count: u32,
    /// At most so many that ran; 5 unless `--from` says since when
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) past: Option<u32>,
}

/// `backupctl schedule …`
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    Test(TestArgs),
}

/// Show when a schedule elapses, without a job or a daemon
#[derive(Debug, Args)]
#[command(
    long_about = "Shows when a schedule elapses, without a job or a daemon, and where a change of the clocks \
        moves it.\n\nEXPR is what people say, such as `02:00`, `daily`, `weekdays at 18:00`, `monthly on the 1st at \
        03:00` or `every 4h`, or a calendar event as in systemd.time(7), such as `Mon..Fri *-*-* 02:00 \
        Europe/Berlin`. With `--cron` it is a line as in crontab(5), with `--every` a duration.\n\nExits with 2 when it is no schedule, or never \
        elapses.",
    after_help = "Examples:\n  backupctl schedule test 'sunday at 04:00'\n  \
        backupctl schedule test 02:30 --timezone Europe/Berlin --from 2026-03-28 --count 3\n  \
        backupctl schedule test --cron '30 2 * * 1-5'\n  \
        backupctl schedule test --every 4h --json | jq -r '.elapses[]'"
)]
pub(crate) struct TestArgs {
    /// The schedule
    #[arg(value_name = "EXPR")]
    pub(crate) expression: String,
    /// EXPR is a line as in crontab(5): five fields, or six or seven with seconds and years
    #[arg(long, conflicts_with = "every")]
    pub(crate) cron: bool,
    /// EXPR is a duration such as `4h`, counted again and again from `--from`
    #[arg(long)]
    pub(crate) every: bool,
    /// The zone of its clock, such as `Europe/Berlin`; the machine's own unless given
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Only what comes after; now unless given
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<String>,
    /// So many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
}
